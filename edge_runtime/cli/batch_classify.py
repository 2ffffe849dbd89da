"""`edge-digits batch-classify`: a folder into a CSV file."""

import sys
import time
from collections import Counter
from pathlib import Path

import click

from edge_runtime.batch import rows
from edge_runtime.classifier import Classifier
from edge_runtime.cli.options import backend_option, model_option, threads_option
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import UsageError
from edge_runtime.pipeline import Reader
from edge_runtime.sinks.csv import CsvSink
from edge_runtime.sources.folder import Folder
from edge_runtime.types import Status

EVERY = 0.5  # seconds between two updates of the progress line

EPILOG = """\b
Examples:
  edge-digits batch-classify scans --output results.csv
  edge-digits batch-classify scans --output results.csv --overwrite --backend onnx
"""


@click.command("batch-classify", epilog=EPILOG)
@click.argument("folder")
@click.option("--output", required=True, metavar="FILE.csv", help="The file to write.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@model_option
@backend_option
@threads_option
@debug_option
def batch_classify(folder: str, output: str, overwrite: bool, model: str | None, backend: str, threads: int) -> int:
    """Read the one digit in each picture of FOLDER and of the folders below it.

    Writes one row a picture, sorted by path: path,label,confidence,status,error. The status is ok, rejected (the
    label is a guess, the reason stands in error) or failed (no picture could be read). Files that are no pictures by
    name are skipped and counted. Exit code 1 if a picture failed.
    """
    if Path(output).suffix.lower() != ".csv":
        raise UsageError(f"--output ends in .csv, not {Path(output).suffix or 'nothing'!r}")
    source = Folder(folder)
    reader = Reader(Classifier(model, backend, threads))
    sink = CsvSink(output, overwrite)
    counts: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    started = shown = time.monotonic()
    live = sys.stderr.isatty()
    for row in rows(reader, source.paths(), folder):
        sink.write(row)
        counts[row.status] += 1
        if row.status is Status.OK:
            labels[row.label] += 1
        if live and time.monotonic() - shown > EVERY:
            shown = time.monotonic()
            rate = counts.total() / (shown - started)
            click.echo(
                f"\r{counts.total():,} files, {counts[Status.FAILED]:,} failed, {rate:,.0f}/s ", nl=False, err=True
            )
    sink.close()
    if live and shown != started:
        click.echo("\r\033[K", nl=False, err=True)
    for below in source.unread:
        click.echo(f"error: the folder {below} cannot be listed", err=True)
    seconds = time.monotonic() - started
    summary = ", ".join(f"{counts[status]:,} {status}" for status in Status)
    click.echo(f"{counts.total():,} pictures in {seconds:.1f} s: {summary}; {source.skipped:,} other files skipped")
    click.echo("labels: " + ", ".join(f"{digit}: {labels[str(digit)]:,}" for digit in range(10)))
    return 1 if counts[Status.FAILED] or source.unread else 0
