"""`edge-digits classify`: read one digit in each file, as a table or JSON lines."""

import sys

import click

from edge_runtime.batch.rows import rows
from edge_runtime.classifier import Classifier
from edge_runtime.cli.json_lines import JsonRowSink
from edge_runtime.cli.options import backend_option, max_error_option, model_option, print_max_error, threads_option
from edge_runtime.cli.run import debug_option
from edge_runtime.cli.table import TableRowSink
from edge_runtime.common.text import make_printable
from edge_runtime.errors import FAILED
from edge_runtime.pipeline import Reader
from edge_runtime.sinks import RowSink
from edge_runtime.types import Status

EPILOG = """\b
Examples:
  edge-digits classify seven.png
  edge-digits classify --json photo1.jpg photo2.jpg
  edge-digits classify --max-error 0.001 *.png
"""


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, with all ten probabilities.")
@model_option
@backend_option
@threads_option
@max_error_option
@debug_option
def classify(
    files: tuple[str, ...], as_json: bool, model: str | None, backend: str, threads: int, max_error: float | None
) -> int:
    """Read one digit in each image FILE.

    Any supported format and size, ink dark on light or light on dark. A border, a ring or a shadow beside the digit is
    not read. A label that is not reliable is rejected, with a reason: blank, too-small, not-a-digit, low-confidence or
    several-digits. Exit code 1 if a file failed.
    """
    classifier = Classifier(model, backend, threads)
    print_max_error(classifier.bundle, max_error)
    reader = Reader(classifier, max_error)
    sink: RowSink = (
        JsonRowSink(sys.stdout) if as_json else TableRowSink(sys.stdout, max(len(make_printable(f)) for f in files))
    )
    failed = 0
    for row in rows(reader, files, batch=1 if len(files) == 1 else 16):
        if row.status is Status.FAILED:
            failed += 1
            click.echo(f"error: {make_printable(row.path)}: {row.error}", err=True)
        if as_json or row.status is not Status.FAILED:
            sink.write(row)
    sink.close()
    return FAILED if failed else 0
