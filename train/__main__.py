"""The command `python -m train`."""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edge_runtime.cli.run import debug_option, finish, run
from edge_runtime.errors import MissingLibraryError, OutputError, UsageError
from train import checkpoint
from train.data.extra import Extra, load_extra
from train.data.mnist import Mnist, load_mnist
from train.data.option import data_option
from train.progress import doing
from train.recipes import RECIPES, Recipe
from train.tasks import task_of

NAME = "python -m train"
EXAMPLES = """\b
Examples:
  python -m train --list
  python -m train teacher --out runs/teacher
  python -m train teacher-mild --out runs/teacher-mild
  python -m train ann --teacher runs/teacher --teacher runs/teacher-mild --out runs/ann
  python -m train ann --teacher runs/teacher --teacher runs/teacher-mild --out runs/ann --resume
  python -m train ann-nano --final --repeat 3 --pool runs/pool --teacher runs/final/teacher --out runs/final/ann-nano
  python -m train rmsprop-ann --repeat 3 --out runs/rmsprop-ann
  python -m train ann --extra hard --out runs/mine
  python -m train --compare single-layer hidden-100 --out runs/compare
"""
METRICS = "metrics.json"  # the last file that a run writes
POOL = "drawn"  # folder of drawn images in a run folder


@dataclass(frozen=True)
class Settings:
    """The arguments and options of the command."""

    recipes: tuple[str, ...]
    out: Path | None
    seed: int
    epochs: int | None
    data: Path | None
    teachers: tuple[Path, ...]
    final_teachers: bool
    final: bool
    repeat: int | None
    compare: bool
    resume: bool
    overwrite: bool
    checkpoint_seconds: float
    pool: Path | None
    extra: Path | None
    start: Path | None
    processes: int
    list_: bool


@dataclass(frozen=True)
class Context:
    """What all runs of one command share."""

    settings: Settings
    mnist: Mnist
    pool: Path
    extra: Extra | None


@click.command(epilog=EXAMPLES)
@click.argument("recipes", nargs=-1, metavar="RECIPE...")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/RECIPE or runs/compare]")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="First or only seed.")
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs.  [default: the recipe's]")
@data_option
@click.option(
    "--teacher",
    "teachers",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="RUN_DIR",
    help="A run that teaches the network; --list shows which recipes can teach.  [default: those in runs/]",
)
@click.option(
    "--final-teachers",
    is_flag=True,
    help="Let teachers that were trained on the validation digits teach a run without --final, for `python -m export "
    "--validated`.",
)
@click.option(
    "--final", is_flag=True, help="Train on all 60,000 digits, after all choices have been made on validation digits."
)
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Train N seeds and write their mean and spread.")
@click.option("--compare", is_flag=True, help="Train several recipes and compare them.")
@click.option("--resume", is_flag=True, help="Continue a run that was stopped, or start one.")
@click.option("--overwrite", is_flag=True, help="Write into a run folder that is not empty.")
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Time between checkpoints for --resume; at most one is written per epoch.",
)
@click.option(
    "--pool",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep drawn images here, for other runs to use: 47 MB for each epoch of digits.  [default: in the run folder, "
    "until the end]",
)
@click.option(
    "--extra",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Train on your own digits as well: images in folders 0 to 9, such as those of `edge-digits watch --save-hard`."
    " Reports which images are used, which are left out and why, and the accuracy on them.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Begin with the network of a run or a bundle of the same recipe, in place of random weights.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that train, one for each core; for recipes that can share their work.",
)
@click.option("--list", "list_", is_flag=True, help="List the recipes and stop.")
@debug_option
def command(**options: Any) -> None:
    """Train a network on MNIST, and write it, its metrics and figures into a run folder.

    Until the final training, a network is scored on the last 10,000 training digits, which are kept back for that.
    """
    _log_to_stderr()
    settings = Settings(**options)
    if settings.list_:
        if given := _given_beside("list_"):
            raise UsageError(f"--list stops after the list: it takes no {given[0]}")
        _list()
        return
    chosen = _choose(settings.recipes, settings.compare)
    _check(settings, chosen)
    if find_spec("keras") is None or find_spec("pandas") is None:
        raise MissingLibraryError("training needs TensorFlow and more: pip install -e '.[train]'")
    out = settings.out or Path("runs", "compare" if settings.compare else chosen[0].name)
    with doing(f"reading the images in {settings.extra}", at_once=settings.extra is not None):
        extra = load_extra(settings.extra) if settings.extra else None
    for line in extra.report() if extra else ():
        click.echo(line, err=True)
    _claim(out, settings.resume, settings.overwrite)
    with doing("reading MNIST"):
        mnist = load_mnist(settings.data)
    context = Context(settings, mnist, settings.pool or out / POOL, extra)
    if settings.compare:
        _compare(chosen, out, context)
    elif settings.repeat:
        _repeat(chosen[0], out, context)
    else:
        _run(chosen[0], out, settings.seed, context)
    if settings.pool is None:
        shutil.rmtree(out / POOL, ignore_errors=True)


def _check(settings: Settings, chosen: list[Recipe]) -> None:
    """Raise UsageError for options that exclude each other or have no effect."""
    learning = [recipe for recipe in chosen if recipe.distil]
    tasks = [task_of(recipe) for recipe in chosen]
    if settings.compare and settings.repeat:
        raise UsageError("--compare and --repeat do not go together: choose one")
    if settings.resume and settings.overwrite:
        raise UsageError("--resume continues and --overwrite starts again: choose one")
    if settings.teachers and not learning:
        raise UsageError(f"--teacher has no effect: {chosen[0].name} learns from no other network")
    if settings.final_teachers and (settings.final or not any(recipe.validate for recipe in learning)):
        raise UsageError("--final-teachers has no effect: it is for a recipe that has teachers, without --final")
    draws = any(recipe.augments or recipe.nondigits for recipe in chosen) or any(task.generated for task in tasks)
    if settings.pool and not draws:
        raise UsageError(f"--pool has no effect: {chosen[0].name} trains on MNIST's digits without augmentation")
    if (settings.compare or settings.repeat) and any(task.generated for task in tasks):
        raise UsageError("--compare and --repeat are for recipes that read single digits")
    if settings.processes > 1 and not all(task.shares for task in tasks):
        raise UsageError(f"--processes has no effect: one process trains {chosen[0].name}")
    if settings.extra and not all(task.takes_extra for task in tasks):
        raise UsageError("--extra is for recipes that read single digits; lines are drawn with MNIST's digits")


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    return finish(command, NAME, arguments)


def _given_beside(name: str) -> list[str]:
    """Return the arguments and options on the command line, except one."""
    context = click.get_current_context()
    given = (each for each in context.command.params if each.name != name and each.expose_value)
    named = [each for each in given if context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE]
    return [each.opts[0] if isinstance(each, click.Option) else each.make_metavar(context) for each in named]


def _log_to_stderr() -> None:
    """Show the log of the package, such as the source of MNIST."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("train").setLevel(logging.INFO)


def _list() -> None:
    for recipe in RECIPES.values():
        published = f"  (published: {recipe.published['test_accuracy']:.2%})" if recipe.published else ""
        taught = f"  (learns from: {', '.join(recipe.teachers)})" if recipe.teachers else ""
        click.echo(f"{recipe.name:<14}{recipe.epochs:>4} epochs  {recipe.summary}{taught}{published}")


def _choose(names: tuple[str, ...], compare: bool) -> list[Recipe]:
    if unknown := [name for name in names if name not in RECIPES]:
        raise UsageError(f"no recipe {unknown[0]!r}; there are {', '.join(RECIPES)}")
    if not names:
        raise UsageError(f"no recipe given; there are {', '.join(RECIPES)}; --help shows examples")
    if compare and len(set(names)) < 2:
        raise UsageError("--compare needs two or more recipes")
    if len(names) > 1 and not compare:
        raise UsageError("one recipe at a time, or --compare to train several")
    return [RECIPES[name] for name in dict.fromkeys(names)]


def _claim(folder: Path, resume: bool, overwrite: bool) -> None:
    """Make the run folder before the training, so that an error does not come hours later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot be used as a run folder: {error.strerror}") from error
    if full and not resume and not overwrite:
        if (folder / checkpoint.NAME).exists():
            raise OutputError(f"{folder}: holds a run that was stopped; --resume continues, --overwrite starts again")
        raise OutputError(f"{folder}: is not empty; choose another folder or add --overwrite")


def _run(recipe: Recipe, folder: Path, seed: int, context: Context) -> dict[str, Any]:
    """Train one network into its folder, unless that is done already; returns its metrics."""
    if context.settings.resume and (folder / METRICS).exists():
        metrics = _finished(recipe, folder, seed)
        click.echo(f"{folder} is finished already")
    else:
        metrics = _train(recipe, folder, seed, context)
    click.echo(f"\n{recipe.name}, seed {seed}: {task_of(recipe).describe(metrics)}")
    click.echo(f"written to {folder}")
    return metrics


def _finished(recipe: Recipe, folder: Path, seed: int) -> dict[str, Any]:
    try:
        metrics: dict[str, Any] = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        found = metrics["recipe"], metrics["seed"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OutputError(f"{folder / METRICS} cannot be read ({error}): start again with --overwrite") from error
    if found != (recipe.name, seed):
        raise OutputError(f"{folder} holds the finished run of {found[0]}, seed {found[1]}: choose another folder")
    return metrics


def _default_teachers(recipe: Recipe) -> tuple[Path, ...]:
    """Return the runs named like the recipe's teachers that exist; without any it learns from labels alone."""
    folders = [Path("runs", name) for name in recipe.teachers]
    for folder in folders:
        if not (folder / METRICS).is_file():
            click.echo(
                f"{recipe.name} learns without {folder}, which does not exist: python -m train {folder.name}", err=True
            )
    return tuple(folder for folder in folders if (folder / METRICS).is_file())


def _train(recipe: Recipe, folder: Path, seed: int, context: Context) -> dict[str, Any]:
    with doing("importing TensorFlow"):  # here, since `--help` should not take seconds
        from train import fit

    settings = context.settings
    plan = fit.Plan(
        seed=seed,
        epochs=settings.epochs,
        final=settings.final,
        teachers=settings.teachers or _default_teachers(recipe),
        final_teachers=settings.final_teachers,
        checkpoints=folder,
        resume=settings.resume,
        checkpoint_seconds=settings.checkpoint_seconds,
        pool=context.pool,
        extra=context.extra,
        start=settings.start,
        processes=settings.processes,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not settings.resume:
            (folder / METRICS).unlink(missing_ok=True)  # of the run that is overwritten
            checkpoint.remove(folder)
        model, result = fit.train(recipe, context.mnist, plan)
        fit.save(model, folder)
        task_of(recipe).write(result, context.mnist, folder)
        checkpoint.remove(folder)
    except KeyboardInterrupt:
        if stopped := checkpoint.read(folder):
            click.echo(f"\nthe same command with --resume continues after epoch {stopped.epoch}", err=True)
        raise
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    metrics: dict[str, Any] = result.metrics()
    return metrics


def _repeat(recipe: Recipe, folder: Path, context: Context) -> None:
    seeds = range(context.settings.seed, context.settings.seed + (context.settings.repeat or 1))
    results = [_run(recipe, folder / f"seed-{seed}", seed, context) for seed in seeds]

    from train import report

    summary = report.write_repeats(results, folder)
    click.echo(f"\n{recipe.name} over {len(seeds)} seeds, test digits")
    for each in summary["runs"]:
        click.echo(f"  seed {each['seed']:<4} {each['test_accuracy']:8.2%}   loss {each['test_loss']:.4f}")
    accuracy, loss = summary["test_accuracy"], summary["test_loss"]
    click.echo(f"  mean      {accuracy['mean']:8.2%}   loss {loss['mean']:.4f}")
    click.echo(f"  spread    {100 * accuracy['spread']:6.2f} pt   loss {loss['spread']:.4f}   (standard deviation)")
    if recipe.published:
        loss_text = f"   loss {recipe.published['test_loss']:.4f}" if "test_loss" in recipe.published else ""
        click.echo(f"  published {recipe.published['test_accuracy']:8.2%}{loss_text}")
    click.echo(f"written to {folder / 'summary.json'}")


def _compare(recipes: list[Recipe], folder: Path, context: Context) -> None:
    results = [_run(recipe, folder / recipe.name, context.settings.seed, context) for recipe in recipes]

    from train import report

    report.write_comparison(results, folder)
    click.echo(f"\n{'recipe':<14}{'accuracy':>9}{'loss':>9}{'parameters':>12}{'seconds':>9}{'epochs':>8}")
    for each in results:
        click.echo(
            f"{each['recipe']:<14}{each['test_accuracy']:>9.2%}{each['test_loss']:>9.4f}"
            f"{each['parameters']:>12,}{each['seconds']:>9.1f}{each['epochs']:>8}"
        )
    click.echo(f"written to {folder / 'compare.csv'} and {folder / 'compare.png'}")


if __name__ == "__main__":
    run(command, NAME)
