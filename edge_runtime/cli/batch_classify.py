"""`edge-digits batch-classify`: read a folder of any size into one output file."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from edge_runtime.batch.job import BatchJob
from edge_runtime.batch.rows import BATCH
from edge_runtime.batch.settings import CORES, LIST, STDOUT, BatchSettings
from edge_runtime.cli.batch_report import BatchTerminal, print_corrections, print_result
from edge_runtime.cli.options import (
    backend_option,
    digits_only_option,
    max_error_option,
    model_option,
    print_max_error,
    roi_option,
)
from edge_runtime.cli.read_fields import fields_option
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import FAILED, INTERRUPTED

EPILOG = """\b
Examples:
  edge-digits batch-classify scans --output results.csv
  edge-digits batch-classify scans --output results.csv --resume
  edge-digits batch-classify scans --output results.jsonl --exclude '*.tmp.png' --copy-to sorted
  edge-digits batch-classify notes --mode read --output texts.csv
  edge-digits batch-classify forms --mode read --roi 10%,20%,50%,15% --output texts.csv
  edge-digits batch-classify forms --mode read --fields form.toml --output fields.csv
  edge-digits batch-classify forms --mode read --fields form.toml --output fields.csv --report report.html
  edge-digits batch-classify forms --mode read --fields form.toml --output fields.csv --corrections corrections.csv
  edge-digits batch-classify digits --output results.csv --labels-from-folders
  find . -name '*.png' -print0 | edge-digits batch-classify - -0 --output results.parquet

\b
A CSV cell that a spreadsheet could take for a formula (it begins with = + - @, tab or carriage return), or that
begins with an apostrophe, is written with an extra apostrophe in front; remove it when you read the file. Names that
are not UTF-8: CSV keeps their bytes, JSON lines writes the bytes as \\udc80 to \\udcff, and Parquet writes them as
\\x80 to \\xff, with each backslash of a name doubled.
"""


@click.command("batch-classify", epilog=EPILOG)
@click.argument("folder")
@click.option(
    "--mode",
    type=click.Choice(["classify", "read"]),
    default="classify",
    show_default=True,
    help="Read one digit per image, or all digits of whole pages, with rows joined by a space.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Output file: .csv, .jsonl or .parquet; - for CSV on standard output.",
)
@click.option("--resume", is_flag=True, help="Continue an unfinished output; start if there is none.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists or is unfinished.")
@click.option("--jobs", type=click.IntRange(1, 256), default=CORES, show_default="cores", help="Number of processes.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    show_default=f"{BATCH} per process",
    help="Images in progress in all processes together; a kill loses at most these.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Also read subfolders.")
@click.option("--hidden", is_flag=True, help="Also read hidden and system files and folders (.x.png, @eaDir).")
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Read only matching files; a GLOB with a slash matches the path."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Skip matching files.")
@click.option("--null", "-0", is_flag=True, help="Paths on standard input end with NUL, not with a newline.")
@click.option("--probabilities", is_flag=True, help="Add the columns p0 to p9.")
@click.option(
    "--copy-to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Copy images into folders named by label, or pages by status.",
)
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write each page with the readings drawn over it, with --mode read.",
)
@click.option(
    "--quarantine", type=click.Path(path_type=Path), metavar="DIR", help="Copy files that failed to this folder."
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="True labels: columns filename,label and, if pages differ, page; with --fields a column for each field.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="HTML",
    help="With --fields: write a page that shows the rejected fields and takes corrections.",
)
@click.option(
    "--corrections",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="With --fields: values that the report has exported; merged into a finished output, or while it is written.",
)
@click.option("--labels-from-folders", is_flag=True, help="The folder of each image is its true label.")
@digits_only_option
@roi_option
@fields_option
@model_option
@backend_option
@max_error_option
@debug_option
def batch_classify(**options: Any) -> int:
    """Read one digit in each image of FOLDER, or in each path on standard input if FOLDER is -.

    Writes one row for each page of each image, sorted by path: path,page,label,confidence,status,error. The status
    is ok, rejected (the label is a guess; the column error has the reason: blank, too-small, not-a-digit,
    low-confidence, several-digits) or failed (the page could not be read). Other files are skipped and counted by
    kind: files without an image suffix, hidden and system files, links to folders, and files that edge-digits
    wrote. A job that was stopped at any moment continues with --resume. With true labels, accuracy and a table by
    digit are printed, and an image of the confusion matrix is written beside the output. Exit code 1 if anything
    could not be read or copied, or if there was nothing to read.
    """
    listed = options["folder"] == LIST
    job = BatchJob(BatchSettings(**options, listing=sys.stdin.buffer if listed else None))
    if options["output"] == STDOUT:
        with redirect_stdout(sys.stderr):  # the summary: rows alone go to standard output
            return _run(job, options, listed)
    return _run(job, options, listed)


def _run(job: BatchJob, options: dict[str, Any], listed: bool) -> int:
    """Run a job and print its summary; returns the exit code."""
    print_max_error(job.bundle, options["max_error"])
    try:
        with BatchTerminal() as observer:
            result = job.run(observer)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {job.counts.rows:,} rows are kept; continue with --resume", err=True)
        return INTERRUPTED
    if result.complete_before and result.corrections:
        print_corrections(result.corrections)
        return 0
    if result.complete_before:
        click.echo(f"{options['output']} is complete: nothing to do")
        return 0
    print_result(result, listed)
    if result.reported is not None:
        click.echo(f"{result.reported:,} rejected fields and failed pages are in {options['report']}")
    for error in result.errors:
        click.echo(f"error: {error}", err=True)
    return 0 if result.ok else FAILED
