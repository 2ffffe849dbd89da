"""`edge-digits models`: list the models with size and accuracy."""

import json
from typing import Any

import click

from edge_runtime.bundles.bundle import DEFAULT, Bundle, load_bundle, names
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import FAILED, EdgeDigitsError

KIND = "tflite_int8"  # the file that the default backend runs

EPILOG = """\b
Examples:
  edge-digits models
  edge-digits classify --model ann-nano seven.png
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@debug_option
def models(as_json: bool) -> int:
    """List the models for --model, with the size and accuracy of the int8 .tflite file.

    Exit code 1 if a model is broken; `edge-digits doctor` shows what to do.
    """
    broken = 0
    if not as_json:
        click.echo(f"{'name':<14}{'bytes':>11}{'MNIST':>9}  network")
    for name in names():
        try:
            found = _describe(load_bundle(name))
        except EdgeDigitsError as error:
            broken += 1
            click.echo(f"error: {error}", err=True)
            continue
        if as_json:
            click.echo(json.dumps(found))
        else:
            accuracy = "-" if found["mnist_test"] is None else f"{found['mnist_test']:.2%}"
            default = "  (default)" if found["default"] else ""
            click.echo(f"{name:<14}{found['bytes']:>11,}{accuracy:>9}  {found['summary']}{default}")
    return FAILED if broken else 0


def _describe(bundle: Bundle) -> dict[str, Any]:
    """Return the columns of a model; `mnist_test` is the accuracy, 0..1, or None if it was not measured."""
    file = bundle.file(KIND)
    accuracy = bundle.manifest["files"][KIND].get("accuracy", {})
    return {
        "name": bundle.name,
        "summary": str(bundle.manifest.get("summary", "")),
        "bytes": file.size,
        "mnist_test": accuracy.get("mnist_test"),
        "activation": bundle.activation,
        "default": bundle.name == DEFAULT,
        "folder": str(bundle.folder),
    }
