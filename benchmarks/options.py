"""Options that several benchmarks share, and combinations that are refused.

Results go to `benchmarks/results`, the recorded results, unless --out names another folder. Options that change the
kind of results, such as another model, need another --out. An option without effect is refused.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from benchmarks.tables import RESULTS
from edge_runtime.bundles.bundle import Bundle, load_bundle, names
from edge_runtime.errors import OutputError, UsageError
from train.data.mnist import Mnist, load_mnist

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    help="Folder of the results.  [default: benchmarks/results, the recorded ones]",
)
models_option = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|DIR",
    help="Only this model, a shipped one or a bundle's folder; may be repeated; needs --out.",
)
runs_option = click.option(
    "--run",
    "runs",
    type=FOLDER,
    multiple=True,
    metavar="RUN_DIR",
    help="The run that a measured model was exported from, where its bundle holds no model.keras.",
)


def is_given(name: str) -> bool:
    """Return whether a parameter of the running command is on the command line."""
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def refuse_unused(option: str, name: str, used: bool, needs: str) -> None:
    """Raise UsageError where an option without effect is given. needs: what would give it an effect."""
    if is_given(name) and not used:
        raise UsageError(f"{option} has no effect here: it needs {needs}")


def results_folder(out: Path, unlike: Iterable[str] = ()) -> Path:
    """Make the folder of the results, before anything is measured; returns it.

    unlike: options that give other results than the recorded ones. Raises UsageError where `out` is the folder
    of the record all the same, OutputError where nothing can be written there.
    """
    if (options := list(unlike)) and is_record(out):
        raise UsageError(f"{options[0]} gives other results than the recorded ones: name another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OutputError(f"{out}: results cannot be written there: {error.strerror}") from error
    return out


def is_record(folder: Path) -> bool:
    """Return whether a folder is `benchmarks/results`, by any path."""
    return folder.resolve() == RESULTS.resolve()


def given_models(models: Sequence[str]) -> list[str]:
    """Return the `--model` options as `results_folder` takes them."""
    return [f"--model {name}" for name in models]


def bundles(models: Sequence[str]) -> dict[str, Bundle]:
    """Open the named bundles, or all shipped ones, by name; raises ModelError."""
    return {name: load_bundle(name) for name in models or names()}


def file_name(model: str) -> str:
    """Return a model's name in file names: a shipped one's name, or the folder and the hash of another one's bytes."""
    if model in names():
        return model
    bundle = load_bundle(model)
    return f"{bundle.folder.resolve().name}-{bundle.file('tflite_int8').sha256[:8]}"


def read_mnist(data: Path | None) -> Mnist:
    """Return MNIST from `--data`; logs that it is read, which takes a second or, the first time, minutes."""
    click.echo("reading MNIST", err=True)
    return load_mnist(data)
