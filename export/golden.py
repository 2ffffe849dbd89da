"""Golden inputs and outputs for a bundle, from drawn digits and this machine's interpreters.

`python -m export.golden BUNDLE_DIR...` gives them to bundles that are there already, without training or exporting
again; a bundle that has them already gets them anew, the same.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from edge_runtime.bundles.bundle import (
    DIGIT,
    LINE,
    LINES,
    MANIFEST,
    MODELS,
    Bundle,
    Shapes,
    load_bundle,
    load_line_bundle,
)
from edge_runtime.bundles.golden import NAME, STEPS, Golden, Outputs, load_golden, pack
from edge_runtime.cli.run import debug_option, run
from edge_runtime.errors import OutputError
from edge_runtime.find.ink import find_ink
from edge_runtime.find.line import line_image
from edge_runtime.images.files import to_gray
from edge_runtime.normalise import normalise
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Images
from export.parity import BACKENDS

KINDS = ("tflite_int8", "onnx_int8")  # what a device runs
HANDS = 20  # in which each digit is drawn at most, to find clear ones
EACH = 2  # of them for each label
DRAWN_LINES = ("2074", "36", "8195", "602")


def make(models: Mapping[str, bytes], shapes: Shapes) -> tuple[bytes, dict[str, Any]]:
    """Return the golden file of models by format, and its entry in the manifest.

    Digits are taken that every format is so sure of that no difference within `STEPS` changes a label, as far as there
    are any.
    """
    images = _lines() if shapes.image == LINE else _digits()
    outputs: dict[str, Outputs] = {
        kind: BACKENDS[kind].load(models[kind], 1, shapes).run(images) for kind in KINDS if kind in models
    }
    chosen = np.arange(len(images))
    if shapes.image == DIGIT:
        clear = np.logical_and.reduce([_clear(each) for each in outputs.values()])
        first = np.argsort(~clear.reshape(-1, HANDS), 1, kind="stable")[:, :EACH]
        chosen = np.take_along_axis(chosen.reshape(-1, HANDS), first, 1).ravel()
    data, entry = pack(Golden(images[chosen], {kind: each[chosen] for kind, each in outputs.items()}))
    return data, {"path": NAME, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **entry}


def _clear(outputs: Outputs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of which images (N,) no two backends that both pass can disagree on the label."""
    step = 1.0 if outputs.dtype == np.int8 else float(np.ptp(outputs)) / 255
    highest = np.sort(outputs.astype(np.float64), 1)[:, -2:]
    return np.asarray(highest[:, 1] - highest[:, 0] > 2 * STEPS * step)


def _digits() -> Images:
    """uint8 (10 * HANDS, 28, 28), by label."""
    return np.stack([normalise(draw_digit(label, seed)) for label in range(10) for seed in range(HANDS)])


def _lines() -> Images:
    """uint8 (N, 32, 192)."""
    pages = (
        draw_page([text], (320, 90), 50, seed, Appearance(gap=(0.0, 0.2))) for seed, text in enumerate(DRAWN_LINES)
    )
    return np.stack([line_image(find_ink(to_gray(page.image)).strength) for page in pages])


def add(bundle: Bundle) -> int:
    """Give golden arrays to a bundle that is there; returns how many images. Raises OutputError, ModelError."""
    models = {kind: bundle.file(kind).load() for kind in KINDS if kind in bundle.files}
    data, entry = make(models, bundle.shapes)
    manifest = {name: value for name, value in bundle.manifest.items() if name != "integer_weights"}  # foreseen once
    text = json.dumps(manifest | {"golden": entry}, indent=1) + "\n"
    try:
        for name, content in ((NAME, data), (MANIFEST, text.encode())):  # the manifest last: it names the other
            new = bundle.folder / f".{name}.new"
            new.write_bytes(content)
            new.replace(bundle.folder / name)
    except OSError as error:
        raise OutputError(f"{bundle.folder} cannot be written: {error.strerror}") from error
    again = load_line_bundle(bundle.folder) if bundle.shapes.image == LINE else load_bundle(bundle.folder)
    golden = load_golden(again)
    assert golden is not None
    return len(golden.images)


@click.command(epilog="\b\nExamples:\n  python -m export.golden --shipped\n  python -m export.golden bundles/ann")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[BUNDLE_DIR]...")
@click.option("--lines", type=click.Path(path_type=Path), metavar="BUNDLE_DIR", help="A bundle that reads lines.")
@click.option("--shipped", is_flag=True, help="All bundles that ship with the package.")
@debug_option
def command(folders: tuple[Path, ...], lines: Path | None, shipped: bool) -> None:
    """Put golden inputs and outputs into bundles, for `edge-digits doctor --self-test`.

    What the int8 files give on this machine counts as right from then on: run it where the bundles were exported.
    """
    bundles = [load_bundle(folder.absolute()) for folder in folders]  # not a shipped one of that name
    if lines:
        bundles.append(load_line_bundle(lines))
    if shipped:
        bundles += [load_bundle(path.parent) for path in sorted(MODELS.glob(f"*/{MANIFEST}"))]
        bundles += [load_line_bundle()] if (LINES / MANIFEST).is_file() else []
    if not bundles:
        raise click.UsageError("name a bundle, or --shipped")
    for bundle in bundles:
        click.echo(f"{bundle.folder}: {add(bundle)} golden images")


if __name__ == "__main__":
    run(command, "python -m export.golden")
