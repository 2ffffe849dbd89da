"""The command `python -m train`."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_runtime.cli.run import debug_option, finish, run
from edge_runtime.errors import MissingLibraryError, OutputError, UsageError
from train.data import Mnist, load_mnist
from train.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from train.score import Result

NAME = "python -m train"
EXAMPLES = """\b
Examples:
  python -m train --list
  python -m train ann --out runs/ann
  python -m train hidden-100 --epochs 1 --seed 7 --out runs/quick
  python -m train rmsprop-ann --repeat 3 --out runs/rmsprop-ann
  python -m train --compare single-layer hidden-100 --out runs/compare
"""


@click.command(epilog=EXAMPLES)
@click.argument("recipes", nargs=-1, metavar="RECIPE...")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/RECIPE or runs/compare]")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="First or only seed.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's own number.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="MNIST as an npz file, or as the folder of its four IDX files; checked like any other copy.",
)
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Train N seeds and write their mean and spread.")
@click.option("--compare", is_flag=True, help="Train several recipes and show them side by side.")
@click.option("--overwrite", is_flag=True, help="Write into a run folder that is not empty.")
@click.option("--list", "list_", is_flag=True, help="List the recipes and stop.")
@debug_option
def command(
    recipes: tuple[str, ...],
    out: Path | None,
    seed: int,
    epochs: int | None,
    data: Path | None,
    repeat: int | None,
    compare: bool,
    overwrite: bool,
    list_: bool,
) -> None:
    """Train a network on MNIST and write it, what it scored and pictures of both into a run folder."""
    _log_to_stderr()
    if list_:
        _list()
        return
    chosen = _chosen(recipes, compare)
    if compare and repeat:
        raise UsageError("--compare and --repeat do not go together: choose one")
    if find_spec("keras") is None or find_spec("pandas") is None:
        raise MissingLibraryError("training needs TensorFlow and more: pip install -e '.[train]'")
    out = out or Path("runs", "compare" if compare else chosen[0].name)
    _claim(out, overwrite)
    mnist = load_mnist(data)
    if compare:
        _compare(chosen, mnist, out, seed, epochs)
    elif repeat:
        _repeat(chosen[0], mnist, out, range(seed, seed + repeat), epochs)
    else:
        _run(chosen[0], mnist, out, seed, epochs)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    return finish(command, NAME, arguments)


def _log_to_stderr() -> None:
    """Show what the package logs, such as where MNIST comes from."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("train").setLevel(logging.INFO)


def _list() -> None:
    for recipe in RECIPES.values():
        published = f"  (published: {recipe.published['test_accuracy']:.2%})" if recipe.published else ""
        click.echo(f"{recipe.name:<14}{recipe.epochs:>3} epochs  {recipe.summary}{published}")


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


def _claim(folder: Path, overwrite: bool) -> None:
    """Make the run folder now, so that hours of training do not end in front of a closed door."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        full = any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a run folder: {error.strerror}") from error
    if full and not overwrite:
        raise OutputError(f"{folder}: is not empty; choose another folder or add --overwrite")


def _run(recipe: Recipe, mnist: Mnist, folder: Path, seed: int, epochs: int | None) -> "Result":
    # Imported here: TensorFlow takes seconds, and `--help` should not.
    from train import fit, report

    model, result = fit.train(recipe, mnist, seed, epochs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fit.save(model, folder)
        report.write(result, mnist, folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    click.echo(f"\n{recipe.name}, seed {seed}: {_figures(result.metrics())}")
    click.echo(f"written to {folder}")
    return result


def _repeat(recipe: Recipe, mnist: Mnist, folder: Path, seeds: range, epochs: int | None) -> None:
    from train import report

    results = [_run(recipe, mnist, folder / f"seed-{seed}", seed, epochs) for seed in seeds]
    summary = report.write_repeats(results, folder)
    click.echo(f"\n{recipe.name} over {len(seeds)} seeds")
    for each in summary["runs"]:
        click.echo(f"  seed {each['seed']:<4} {each['test_accuracy']:8.2%}   loss {each['test_loss']:.4f}")
    accuracy, loss = summary["test_accuracy"], summary["test_loss"]
    click.echo(f"  mean      {accuracy['mean']:8.2%}   loss {loss['mean']:.4f}")
    click.echo(f"  spread    {100 * accuracy['spread']:6.2f} pt   loss {loss['spread']:.4f}   (standard deviation)")
    if recipe.published:
        loss_text = f"   loss {recipe.published['test_loss']:.4f}" if "test_loss" in recipe.published else ""
        click.echo(f"  published {recipe.published['test_accuracy']:8.2%}{loss_text}")
    click.echo(f"written to {folder / 'summary.json'}")


def _compare(recipes: list[Recipe], mnist: Mnist, folder: Path, seed: int, epochs: int | None) -> None:
    from train import report

    results = [_run(recipe, mnist, folder / recipe.name, seed, epochs) for recipe in recipes]
    report.write_comparison(results, folder)
    click.echo(f"\n{'recipe':<14}{'accuracy':>9}{'loss':>9}{'parameters':>12}{'seconds':>9}{'epochs':>8}")
    for result in results:
        click.echo(
            f"{result.recipe.name:<14}{result.test.accuracy:>9.2%}{result.test.loss:>9.4f}"
            f"{result.parameters:>12,}{result.seconds:>9.1f}{result.epochs:>8}"
        )
    click.echo(f"written to {folder / 'compare.csv'} and {folder / 'compare.png'}")


def _figures(metrics: dict[str, Any]) -> str:
    text = f"test accuracy {metrics['test_accuracy']:.2%}, loss {metrics['test_loss']:.4f}"
    if metrics["published"]:
        text += f" (published {metrics['published']['test_accuracy']:.2%})"
    return f"{text}, {metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s"


if __name__ == "__main__":
    run(command, NAME)
