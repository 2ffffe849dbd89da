"""Converts the float32 files of bundles from their `model.keras` again: `python -m export.floats`.

Only comparisons need these files, so git ignores them in the shipped bundles. They are written only if their SHA-256 is
the one in the manifest.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import click
import numpy as np

from edge_runtime.bundles.bundle import Bundle, ModelFile, load_bundle, load_line_bundle, load_page_bundle, names
from edge_runtime.cli.run import debug_option, run
from edge_runtime.common.files import write_whole
from edge_runtime.errors import MissingLibraryError, OutputError
from export.errors import FloatsError

KINDS = ("tflite_float", "onnx_float")
KERAS = "model.keras"
CONVERTERS = ("tensorflow", "tf2onnx", "onnx")
CHECKED = 20  # random images, on which the rebuilt network must agree with the trained one


def missing(bundle: Bundle) -> dict[str, ModelFile]:
    """Return the float files that a bundle's manifest names and that do not exist, by format."""
    return {kind: file for kind in KINDS if (file := bundle.files.get(kind)) and not file.path.is_file()}


def make_floats(bundle: Bundle, tell: Callable[[str], None]) -> list[Path]:
    """Write the missing float files of a bundle into its folder; takes about 15 s, most of it TensorFlow's import.

    tell: takes a line of progress. Returns the paths that were written. Raises FloatsError for a missing `model.keras`
    or other bytes than those in the manifest, OutputError where they cannot be written, MissingLibraryError without the
    libraries of the extra `export`.
    """
    needed = missing(bundle)
    if not needed:
        return []
    tell(f"{bundle.name}: making {' and '.join(file.path.name for file in needed.values())} from {KERAS}")
    if not (bundle.folder / KERAS).is_file():
        raise FloatsError(f"{bundle.folder} has no {KERAS}: its float files cannot be converted; export the run again")
    converted = _converted(bundle, needed)
    for kind, data in converted.items():
        if hashlib.sha256(data).hexdigest() != needed[kind].sha256:
            raise FloatsError(_describe_difference(bundle, needed[kind]))
    for kind, data in converted.items():
        _write(needed[kind].path, data)
    return [file.path for file in needed.values()]


def _converted(bundle: Bundle, needed: Iterable[str]) -> dict[str, bytes]:
    try:
        from export import onnx, tflite  # importing TensorFlow takes seconds
        from export.logits import logits_model
        from export.run import read_keras
        from train.network import fix_shape
        from train.recipes import RECIPES
    except ModuleNotFoundError as error:
        raise MissingLibraryError(f"{error.name} is not installed: pip install -e '.[export]'") from error
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # silences its advice on tracing several networks
    trained = read_keras(bundle.folder)
    images = np.random.default_rng(0).integers(0, 256, (CHECKED, *bundle.shapes.image), np.uint8)
    if trained.input_shape[1:] != bundle.shapes.image:  # its width is free
        recipe = RECIPES.get(bundle.manifest["training"]["recipe"])
        if recipe is None:
            raise FloatsError(f"{bundle.folder} names no recipe that this release knows: export the run again")
        trained = fix_shape(trained, recipe, bundle.shapes.image)
    model = logits_model(trained, images).model
    convert = {"tflite_float": tflite.convert_float, "onnx_float": onnx.convert_float}
    return {kind: convert[kind](model) for kind in needed}


def _describe_difference(bundle: Bundle, file: ModelFile) -> str:
    versions = bundle.manifest.get("versions", {})
    told = ", ".join(f"{name} {metadata.version(name)} (then {versions.get(name, 'unknown')})" for name in CONVERTERS)
    return (
        f"{bundle.folder / KERAS} gives another {file.path.name} than the manifest has (SHA-256). Converted with "
        f"{told}: install the versions of requirements/dev.txt, or export the run again"
    )


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


EPILOG = "\b\nExamples:\n  python -m export.floats\n  python -m export.floats ann bundles/mine"


@click.command(epilog=EPILOG)
@click.argument("bundles", nargs=-1, metavar="[BUNDLE]...")
@click.option("--lines", type=click.Path(path_type=Path), metavar="BUNDLE_DIR", help="A bundle that reads lines.")
@debug_option
def command(bundles: tuple[str, ...], lines: Path | None) -> None:
    """Make the missing float32 files of bundles from their model.keras.

    BUNDLE: the name of a shipped bundle, or a folder. Default: all shipped bundles, including those of lines
    and pages.
    """
    chosen = [load_bundle(name) for name in bundles or (() if lines else names())]
    if lines or not bundles:
        chosen += [load_line_bundle(lines)] if lines else [load_line_bundle(), load_page_bundle()]
    for bundle in chosen:
        for path in make_floats(bundle, lambda line: click.echo(line, err=True)):
            click.echo(path)


if __name__ == "__main__":
    run(command, "python -m export.floats")
