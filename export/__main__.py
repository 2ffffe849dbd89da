"""The command `python -m export`."""

from pathlib import Path
from typing import Any

import click

from edge_runtime.cli.run import debug_option, run
from edge_runtime.errors import MissingLibraryError
from train.data.option import data_option

EXAMPLES = """\b
Examples:
  python -m export runs/ann --out bundles/ann
  python -m export runs/final/ann --validated runs/ann --out bundles/ann
  python -m export runs/hidden-100 --out bundles/hidden-100 --overwrite
"""


@click.command(epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN_DIR")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="BUNDLE_DIR", help="The folder to make.")
@data_option
@click.option(
    "--validated",
    type=click.Path(path_type=Path),
    metavar="RUN_DIR",
    help="A run of the same recipe without --final: temperature and thresholds are measured on its validation digits. "
    "Without it, the confidence of a final run is not calibrated, and no digit is rejected for a low one.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing bundle and everything in it.")
@debug_option
def command(folder: Path, out: Path, data: Path | None, validated: Path | None, overwrite: bool) -> None:
    """Turn the run in RUN_DIR into a bundle for the runtime: .tflite and .onnx, each float32 and int8.

    The bundle must pass a parity gate: if an int8 network is less accurate than the trained one, disagrees with it too
    often, or is larger than its recipe allows, the command fails and writes nothing. The bundle has a model card,
    MODEL_CARD.md.
    """
    click.echo("importing TensorFlow", err=True)
    try:
        # Imported here, since TensorFlow takes seconds and `--help` should not.
        from export.pipeline import export_run
    except ModuleNotFoundError as error:
        raise MissingLibraryError(f"{error.name} is not installed: pip install -e '.[export]'") from error
    manifest = export_run(folder, out, data, overwrite, lambda line: click.echo(line, err=True), validated)
    click.echo(_table(manifest))
    if thresholds := manifest["thresholds"]:
        click.echo(
            f"temperature {manifest['temperature']:g}; digits are accepted from a confidence of "
            f"{thresholds['min_confidence']:.2%}, if the probability of a non-digit is at most "
            f"{thresholds['max_non_digit']:.2%} of that"
        )
    click.echo(f"written to {out}")


def _table(manifest: dict[str, Any]) -> str:
    (digits,) = manifest["keras"]["accuracy"]
    lines = [f"{'format':<14}{'file':<20}{'bytes':>11}{'accuracy':>10}{'agreement':>11}   {digits}"]
    lines.append(f"{'keras':<14}{'model.keras':<20}{'':>11}{manifest['keras']['accuracy'][digits]:>10.2%}")
    lines += [
        f"{kind:<14}{file['path']:<20}{file['bytes']:>11,}{file['accuracy'][digits]:>10.2%}{file['agreement']:>11.2%}"
        for kind, file in manifest["files"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run(command, "python -m export")
