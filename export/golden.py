"""Golden inputs and outputs for a bundle, from drawn digits and this machine's interpreters.

`python -m export.golden BUNDLE_DIR...` writes them into existing bundles, without training or exporting again. Running
it twice gives the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from edge_runtime.bundles.bundle import (
    LINES,
    MANIFEST,
    MODELS,
    PAGES,
    Bundle,
    Shapes,
    load_bundle,
    load_line_bundle,
    load_page_bundle,
)
from edge_runtime.bundles.golden import NAME, STEPS, Golden, Outputs, load_golden, pack
from edge_runtime.cli.run import debug_option, run
from edge_runtime.common.files import write_whole
from edge_runtime.errors import OutputError
from export.parity import BACKENDS
from train.tasks import task_for_image

KINDS = ("tflite_int8", "onnx_int8")  # what a device runs
EACH = 2  # images of each label


def make(models: Mapping[str, bytes], shapes: Shapes) -> tuple[bytes, dict[str, Any]]:
    """Return the golden file of models by format, and its entry in the manifest.

    Of several drawings of a digit it takes one whose label no difference within `STEPS` can change in any format, if
    there is one.
    """
    images, variants = task_for_image(shapes.image).golden_images()
    outputs: dict[str, Outputs] = {
        kind: BACKENDS[kind].load(models[kind], 1, shapes).run(images) for kind in KINDS if kind in models
    }
    chosen = np.arange(len(images))
    if variants > 1:
        clear = np.logical_and.reduce([_is_clear(each) for each in outputs.values()])
        first = np.argsort(~clear.reshape(-1, variants), 1, kind="stable")[:, :EACH]
        chosen = np.take_along_axis(chosen.reshape(-1, variants), first, 1).ravel()
    data, entry = pack(Golden(images[chosen], {kind: each[chosen] for kind, each in outputs.items()}))
    return data, {"path": NAME, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **entry}


def _is_clear(outputs: Outputs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each image (N,) whether its label is the same within the tolerance between backends."""
    step = 1.0 if outputs.dtype == np.int8 else float(np.ptp(outputs)) / 255
    highest = np.sort(outputs.astype(np.float64), 1)[:, -2:]
    return np.asarray(highest[:, 1] - highest[:, 0] > 2 * STEPS * step)


def add(bundle: Bundle) -> int:
    """Write golden arrays into an existing bundle; returns the number of images. Raises OutputError, ModelError."""
    models = {kind: bundle.file(kind).load() for kind in KINDS if kind in bundle.files}
    data, entry = make(models, bundle.shapes)
    # `integer_weights` is a key of older bundles that is no longer used.
    manifest = {name: value for name, value in bundle.manifest.items() if name != "integer_weights"}
    text = json.dumps(manifest | {"golden": entry}, indent=1) + "\n"
    try:
        for name, content in ((NAME, data), (MANIFEST, text.encode())):  # the manifest last: it names the other
            write_whole(bundle.folder / name, content)
    except OSError as error:
        raise OutputError(f"{bundle.folder} cannot be written: {error.strerror}") from error
    golden = load_golden(task_for_image(bundle.shapes.image).load(bundle.folder))
    if golden is None:
        raise OutputError(f"{bundle.folder} holds no {NAME} after it was written")
    return len(golden.images)


@click.command(epilog="\b\nExamples:\n  python -m export.golden --shipped\n  python -m export.golden bundles/ann")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[BUNDLE_DIR]...")
@click.option("--lines", type=click.Path(path_type=Path), metavar="BUNDLE_DIR", help="A bundle that reads lines.")
@click.option("--shipped", is_flag=True, help="All bundles that ship with the package.")
@debug_option
def command(folders: tuple[Path, ...], lines: Path | None, shipped: bool) -> None:
    """Write golden inputs and outputs into bundles, for `edge-digits doctor --self-test`.

    The outputs of this machine become the reference: run it where the bundles were exported.
    """
    bundles = [load_bundle(folder.absolute()) for folder in folders]  # not a shipped one of that name
    if lines:
        bundles.append(load_line_bundle(lines))
    if shipped:
        bundles += [load_bundle(path.parent) for path in sorted(MODELS.glob(f"*/{MANIFEST}"))]
        bundles += [load_line_bundle()] if (LINES / MANIFEST).is_file() else []
        bundles += [load_page_bundle()] if (PAGES / MANIFEST).is_file() else []
    if not bundles:
        raise click.UsageError("name a bundle, or --shipped")
    for bundle in bundles:
        click.echo(f"{bundle.folder}: {add(bundle)} golden images")


if __name__ == "__main__":
    run(command, "python -m export.golden")
