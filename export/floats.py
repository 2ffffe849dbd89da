"""The float32 files of bundles, made again from their `model.keras`: `python -m export.floats`.

Only comparisons need them, so that git ignores them in the shipped bundles. They have the bytes that their manifest
names, or are not written.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import click
import numpy as np

from edge_runtime.bundles.bundle import LINE, Bundle, ModelFile, load_bundle, load_line_bundle, names
from edge_runtime.cli.run import debug_option, run
from edge_runtime.errors import MissingLibraryError, OutputError
from export.errors import FloatsError

KINDS = ("tflite_float", "onnx_float")
KERAS = "model.keras"
CONVERTERS = ("tensorflow", "tf2onnx", "onnx")
CHECKED = 20  # random images, on which the rebuilt network must agree with the trained one


def missing(bundle: Bundle) -> dict[str, ModelFile]:
    """The float files that a bundle's manifest names and that are not there, by format."""
    return {kind: file for kind in KINDS if (file := bundle.files.get(kind)) and not file.path.is_file()}


def make_floats(bundle: Bundle, tell: Callable[[str], None]) -> list[Path]:
    """Write the missing float files of a bundle into its folder; takes about 15 s, most of it TensorFlow's import.

    tell: takes a line of progress. Returns the paths that were written. Raises FloatsError where there is no
    `model.keras`, or where it does not give the bytes that the manifest names; OutputError where they cannot be
    written; MissingLibraryError without the libraries of the extra `export`.
    """
    wanted = missing(bundle)
    if not wanted:
        return []
    tell(f"{bundle.name}: making {' and '.join(file.path.name for file in wanted.values())} from {KERAS}")
    if not (bundle.folder / KERAS).is_file():
        raise FloatsError(f"{bundle.folder} has no {KERAS}: its float files cannot be made again; export the run again")
    converted = _converted(bundle, wanted)
    for kind, data in converted.items():
        if hashlib.sha256(data).hexdigest() != wanted[kind].sha256:
            raise FloatsError(_other_bytes(bundle, wanted[kind]))
    for kind, data in converted.items():
        _write(wanted[kind].path, data)
    return [file.path for file in wanted.values()]


def _converted(bundle: Bundle, wanted: Iterable[str]) -> dict[str, bytes]:
    try:
        from export import onnx, tflite  # TensorFlow takes seconds
        from export.logits import lines_model, logits_model
        from export.run import read_keras
        from train.network import fixed
        from train.recipes import RECIPES
    except ModuleNotFoundError as error:
        raise MissingLibraryError(f"{error.name} is not installed: pip install -e '.[export]'") from error
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice on tracing several networks
    trained = read_keras(bundle.folder)
    images = np.random.default_rng(0).integers(0, 256, (CHECKED, *bundle.shapes.image), np.uint8)
    if bundle.shapes.image == LINE:
        recipe = RECIPES.get(bundle.manifest["training"]["recipe"])
        if recipe is None:
            raise FloatsError(f"{bundle.folder} names no recipe that this release knows: export the run again")
        model = lines_model(fixed(trained, recipe, LINE[1]), images)
    else:
        model = logits_model(trained, images).model
    convert = {"tflite_float": tflite.convert_float, "onnx_float": onnx.convert_float}
    return {kind: convert[kind](model) for kind in wanted}


def _other_bytes(bundle: Bundle, file: ModelFile) -> str:
    versions = bundle.manifest.get("versions", {})
    told = ", ".join(f"{name} {metadata.version(name)} (then {versions.get(name, 'unknown')})" for name in CONVERTERS)
    return (
        f"{bundle.folder / KERAS} does not give the {file.path.name} that the manifest names (SHA-256). Converted with "
        f"{told}: install the versions of requirements/dev.txt, or export the run again"
    )


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_bytes(data)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


EPILOG = "\b\nExamples:\n  python -m export.floats\n  python -m export.floats ann bundles/mine"


@click.command(epilog=EPILOG)
@click.argument("bundles", nargs=-1, metavar="[BUNDLE]...")
@click.option("--lines", type=click.Path(path_type=Path), metavar="BUNDLE_DIR", help="A bundle that reads lines.")
@debug_option
def command(bundles: tuple[str, ...], lines: Path | None) -> None:
    """Make the missing float32 files of bundles from their model.keras.

    BUNDLE: the name of a shipped bundle, or a folder. Without any: all shipped bundles, those for lines too.
    """
    chosen = [load_bundle(name) for name in bundles or (() if lines else names())]
    if lines or not bundles:
        chosen.append(load_line_bundle(lines) if lines else load_line_bundle())
    for bundle in chosen:
        for path in make_floats(bundle, lambda line: click.echo(line, err=True)):
            click.echo(path)


if __name__ == "__main__":
    run(command, "python -m export.floats")
