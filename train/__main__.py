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
from train.data.extra import SHOWN, Extra, load_extra
from train.data.mnist import Mnist, load_mnist
from train.data.option import data_option
from train.progress import doing
from train.recipes import RECIPES, Recipe

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
POOL = "deformed"  # folder of deformed digits in a run folder


@dataclass(frozen=True)
class Settings:
    """What all runs of one command share."""

    epochs: int | None
    final: bool
    teachers: tuple[Path, ...]
    final_teachers: bool
    resume: bool
    checkpoint_seconds: float
    pool: Path
    extra: Extra | None


@click.command(epilog=EXAMPLES)
@click.argument("recipes", nargs=-1, metavar="RECIPE...")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/RECIPE or runs/compare]")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="First or only seed.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's own number.")
@data_option
@click.option(
    "--teacher",
    "teachers",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="RUN_DIR",
    help="A run that the recipe learns from; --list says of which recipes.  [default: those in runs/]",
)
@click.option(
    "--final-teachers",
    is_flag=True,
    help="Let teachers that know the validation digits teach one who does not, for `python -m export --validated`.",
)
@click.option("--final", is_flag=True, help="Train on all 60,000 digits: when all is chosen on validation digits.")
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Train N seeds and write their mean and spread.")
@click.option("--compare", is_flag=True, help="Train several recipes and show them side by side.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped; start where none was.")
@click.option("--overwrite", is_flag=True, help="Write into a run folder that is not empty.")
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Keep the state of the training so often, for --resume; at most once an epoch.",
)
@click.option(
    "--pool",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep deformed digits here, for other runs to take: 47 MB for each deformed epoch.  [default: in the run "
    "folder, until the end]",
)
@click.option(
    "--extra",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Train on digits of your own, too: images in folders 0 to 9, as `edge-digits watch --save-hard` has them. "
    "Says what it took, what it left out and why, and in the end how well the network reads them.",
)
@click.option("--list", "list_", is_flag=True, help="List the recipes and stop.")
@debug_option
def command(
    recipes: tuple[str, ...],
    out: Path | None,
    seed: int,
    epochs: int | None,
    data: Path | None,
    teachers: tuple[Path, ...],
    final_teachers: bool,
    final: bool,
    repeat: int | None,
    compare: bool,
    resume: bool,
    overwrite: bool,
    checkpoint_seconds: float,
    pool: Path | None,
    extra: Path | None,
    list_: bool,
) -> None:
    """Train a network on MNIST and write it, what it scored and pictures of both into a run folder.

    What is still being chosen is scored on the last 10,000 training digits, which are kept back for that.
    """
    _log_to_stderr()
    if list_:
        if others := _given_beside("list_"):
            raise UsageError(f"--list stops after the list: it takes no {others[0]}")
        _list()
        return
    chosen = _chosen(recipes, compare)
    if compare and repeat:
        raise UsageError("--compare and --repeat do not go together: choose one")
    if resume and overwrite:
        raise UsageError("--resume goes on and --overwrite starts anew: choose one")
    learning = [recipe for recipe in chosen if recipe.distil]
    if teachers and not learning:
        raise UsageError(f"--teacher has no effect: {chosen[0].name} learns from no other network")
    if final_teachers and (final or not any(recipe.validate for recipe in learning)):
        raise UsageError("--final-teachers has no effect: it is for a recipe that has teachers, without --final")
    if pool and not any(recipe.deforms or recipe.others or recipe.reads_lines for recipe in chosen):
        raise UsageError(f"--pool has no effect: {chosen[0].name} trains on MNIST's digits as they are")
    if find_spec("keras") is None or find_spec("pandas") is None:
        raise MissingLibraryError("training needs TensorFlow and more: pip install -e '.[train]'")
    out = out or Path("runs", "compare" if compare else chosen[0].name)
    if extra and any(recipe.reads_lines for recipe in chosen):
        raise UsageError("--extra is for networks that read single digits: lines are drawn with MNIST's")
    with doing(f"reading the images in {extra}", at_once=extra is not None):
        own = load_extra(extra) if extra else None
    for line in own.report() if own else ():
        click.echo(line, err=True)
    _claim(out, resume, overwrite)
    with doing("reading MNIST"):
        mnist = load_mnist(data)
    settings = Settings(epochs, final, teachers, final_teachers, resume, checkpoint_seconds, pool or out / POOL, own)
    if compare:
        _compare(chosen, mnist, out, seed, settings)
    elif repeat:
        _repeat(chosen[0], mnist, out, range(seed, seed + repeat), settings)
    else:
        _run(chosen[0], mnist, out, seed, settings)
    if pool is None:
        shutil.rmtree(out / POOL, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    return finish(command, NAME, arguments)


def _given_beside(name: str) -> list[str]:
    """The arguments and options of the command line, but for one."""
    context = click.get_current_context()
    given = (each for each in context.command.params if each.name != name and each.expose_value)
    named = [each for each in given if context.get_parameter_source(each.name or "") is ParameterSource.COMMANDLINE]
    return [each.opts[0] if isinstance(each, click.Option) else each.make_metavar(context) for each in named]


def _log_to_stderr() -> None:
    """Show what the package logs, such as where MNIST comes from."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("train").setLevel(logging.INFO)


def _list() -> None:
    for recipe in RECIPES.values():
        published = f"  (published: {recipe.published['test_accuracy']:.2%})" if recipe.published else ""
        taught = f"  (learns from: {', '.join(recipe.teachers)})" if recipe.teachers else ""
        click.echo(f"{recipe.name:<14}{recipe.epochs:>4} epochs  {recipe.summary}{taught}{published}")


def _chosen(names: tuple[str, ...], compare: bool) -> list[Recipe]:
    if unknown := [name for name in names if name not in RECIPES]:
        raise UsageError(f"no recipe {unknown[0]!r}; there are {', '.join(RECIPES)}")
    if not names:
        raise UsageError(f"which recipe? There are {', '.join(RECIPES)}; --help shows examples")
    if compare and len(set(names)) < 2:
        raise UsageError("--compare needs two or more recipes")
    if len(names) > 1 and not compare:
        raise UsageError("one recipe at a time, or --compare to train several")
    return [RECIPES[name] for name in dict.fromkeys(names)]


def _claim(folder: Path, resume: bool, overwrite: bool) -> None:
    """Make the run folder now, so that hours of training do not end in front of a closed door."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a run folder: {error.strerror}") from error
    if full and not resume and not overwrite:
        if (folder / checkpoint.NAME).exists():
            raise OutputError(f"{folder}: holds a run that was stopped; --resume goes on, --overwrite starts anew")
        raise OutputError(f"{folder}: is not empty; choose another folder or add --overwrite")


def _run(recipe: Recipe, mnist: Mnist, folder: Path, seed: int, settings: Settings) -> dict[str, Any]:
    """Train one network into its folder, unless it is there; returns its metrics."""
    if settings.resume and (folder / METRICS).exists():
        metrics = _finished(recipe, folder, seed)
        click.echo(f"{folder} is finished already")
    else:
        metrics = _train(recipe, mnist, folder, seed, settings)
    click.echo(f"\n{recipe.name}, seed {seed}: {_figures(metrics)}")
    if metrics.get("extra"):
        click.echo(_extra(metrics))
    click.echo(f"written to {folder}")
    return metrics


def _finished(recipe: Recipe, folder: Path, seed: int) -> dict[str, Any]:
    try:
        metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        found = metrics["recipe"], metrics["seed"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise OutputError(f"{folder / METRICS} cannot be read ({error}): start anew with --overwrite") from error
    if found != (recipe.name, seed):
        raise OutputError(f"{folder} holds the finished run of {found[0]}, seed {found[1]}: choose another folder")
    return metrics


def _default_teachers(recipe: Recipe) -> tuple[Path, ...]:
    """The runs of the teachers' names that are there; what can be taught can learn from labels alone, too."""
    folders = [Path("runs", name) for name in recipe.teachers]
    for folder in folders:
        if not (folder / METRICS).is_file():
            click.echo(f"{recipe.name} learns without {folder}: python -m train {folder.name} makes it", err=True)
    return tuple(folder for folder in folders if (folder / METRICS).is_file())


def _train(recipe: Recipe, mnist: Mnist, folder: Path, seed: int, settings: Settings) -> dict[str, Any]:
    with doing("importing TensorFlow"):  # here, for `--help` should not take seconds
        from train import fit, line_fit, report

    plan = fit.Plan(
        seed=seed,
        epochs=settings.epochs,
        final=settings.final,
        teachers=settings.teachers or _default_teachers(recipe),
        final_teachers=settings.final_teachers,
        checkpoints=folder,
        resume=settings.resume,
        checkpoint_seconds=settings.checkpoint_seconds,
        pool=settings.pool,
        extra=settings.extra,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not settings.resume:
            (folder / METRICS).unlink(missing_ok=True)  # of the run that is overwritten
            checkpoint.remove(folder)
        train, write = (line_fit.train_lines, line_fit.write) if recipe.reads_lines else (fit.train, report.write)
        model, result = train(recipe, mnist, plan)
        fit.save(model, folder)
        write(result, mnist, folder)
        checkpoint.remove(folder)
    except KeyboardInterrupt:
        if stopped := checkpoint.read(folder):
            click.echo(f"\nthe same command with --resume goes on after epoch {stopped.epoch}", err=True)
        raise
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return result.metrics()


def _repeat(recipe: Recipe, mnist: Mnist, folder: Path, seeds: range, settings: Settings) -> None:
    results = [_run(recipe, mnist, folder / f"seed-{seed}", seed, settings) for seed in seeds]

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


def _compare(recipes: list[Recipe], mnist: Mnist, folder: Path, seed: int, settings: Settings) -> None:
    results = [_run(recipe, mnist, folder / recipe.name, seed, settings) for recipe in recipes]

    from train import report

    report.write_comparison(results, folder)
    click.echo(f"\n{'recipe':<14}{'accuracy':>9}{'loss':>9}{'parameters':>12}{'seconds':>9}{'epochs':>8}")
    for each in results:
        click.echo(
            f"{each['recipe']:<14}{each['test_accuracy']:>9.2%}{each['test_loss']:>9.4f}"
            f"{each['parameters']:>12,}{each['seconds']:>9.1f}{each['epochs']:>8}"
        )
    click.echo(f"written to {folder / 'compare.csv'} and {folder / 'compare.png'}")


def _figures(metrics: dict[str, Any]) -> str:
    if "test_lines" in metrics:
        return f"{metrics['test_lines']:.2%} of generated lines of test digits right, {metrics['seconds']:.0f} s"
    text = f"test accuracy {metrics['test_accuracy']:.2%}, loss {metrics['test_loss']:.4f}"
    if metrics["validation_accuracy"] is not None:
        text += f", validation {metrics['validation_accuracy']:.2%}"
    if metrics["published"]:
        text += f" (published {metrics['published']['test_accuracy']:.2%})"
    text += f", {metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s"
    return f"{text}, {metrics['waiting_share']:.0%} of it waiting for digits"


def _extra(metrics: dict[str, Any]) -> str:
    count, misread = metrics["extra"], metrics["extra_misread"]
    named = ", ".join(f"{each['path']} as {each['read']}" for each in misread[:SHOWN])
    more = f" and {len(misread) - SHOWN} more" if len(misread) > SHOWN else ""
    text = f"--extra: after training on them, {count - len(misread)} of {count} images are read right"
    return f"{text} ({metrics['extra_accuracy']:.2%})" + (f"; misread: {named}{more}" if misread else "")


if __name__ == "__main__":
    run(command, NAME)
