"""`edge-digits batch-classify`: a folder of any size into one file, and not a row lost."""

import sys
from pathlib import Path
from typing import Any

import click

from edge_runtime.batch.job import BatchJob
from edge_runtime.batch.rows import BATCH
from edge_runtime.batch.settings import CORES, LIST, BatchSettings
from edge_runtime.cli.batch_report import BatchTerminal, print_result
from edge_runtime.cli.options import backend_option, max_error_option, model_option, print_max_error
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import FAILED, INTERRUPTED

EPILOG = """\b
Examples:
  edge-digits batch-classify scans --output results.csv
  edge-digits batch-classify scans --output results.csv --resume
  edge-digits batch-classify scans --output results.jsonl --exclude '*.tmp.png' --copy-to sorted
  edge-digits batch-classify notes --mode read --output texts.csv
  edge-digits batch-classify digits --output results.csv --labels-from-folders
  find . -name '*.png' -print0 | edge-digits batch-classify - -0 --output results.parquet

\b
A CSV cell that a spreadsheet would run (it begins with = + - @, tab or carriage return), or that begins with an
apostrophe, is written with an apostrophe before it; take one away when you read it. In CSV, a name that is not UTF-8
has its own bytes, in JSON lines its bytes as \\udc80 to \\udcff, in Parquet as \\x80 to \\xff, where a backslash
in a name is two.
"""


@click.command("batch-classify", epilog=EPILOG)
@click.argument("folder")
@click.option(
    "--mode",
    type=click.Choice(["classify", "read"]),
    default="classify",
    show_default=True,
    help="One digit an image, or all digits of whole pages, with the rows joined by a space.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="A .csv, .jsonl or .parquet file.")
@click.option("--resume", is_flag=True, help="Go on with an output that was begun; start where none was.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists or was begun.")
@click.option("--jobs", type=click.IntRange(1, 256), default=CORES, show_default="cores", help="Processes.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    show_default=f"{BATCH} a process",
    help="Images under way at once, in all processes together; a kill costs no more.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Read the folders below, too.")
@click.option("--hidden", is_flag=True, help="Read hidden and system files and folders, too (.x.png, @eaDir).")
@click.option("--include", multiple=True, metavar="GLOB", help="Only these; with a slash, of the whole path.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="None of these.")
@click.option("--null", "-0", is_flag=True, help="Paths on standard input end with NUL, not with a line's end.")
@click.option("--probabilities", is_flag=True, help="Ten more columns, p0 to p9.")
@click.option("--copy-to", type=click.Path(path_type=Path), metavar="DIR", help="Copy images into folders by label.")
@click.option("--quarantine", type=click.Path(path_type=Path), metavar="DIR", help="Copy files that failed.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="True labels: filename,label, and page if pages differ.",
)
@click.option("--labels-from-folders", is_flag=True, help="An image's folder is named after its true label.")
@model_option
@backend_option
@max_error_option
@debug_option
def batch_classify(**options: Any) -> int:
    """Read the one digit in each image of FOLDER, or of the paths on standard input where FOLDER is -.

    Writes one row for each page of each image, sorted by path: path,page,label,confidence,status,error. The status is
    ok, rejected (the label is a guess; the reason stands in error: blank, too-small, not-a-digit, low-confidence) or
    failed (the page could not be read). Other files are skipped and counted by kind: no images by name, hidden and
    system files, links to folders, and what edge-digits itself wrote. Stopped at any moment, the job goes on with
    --resume. With true labels, accuracy and a table by digit are printed, and a picture of the confusion is written
    beside the output. Exit code 1 if anything could not be read or copied, or if there was nothing to read.
    """
    listed = options["folder"] == LIST
    job = BatchJob(BatchSettings(**options, listing=sys.stdin.buffer if listed else None))
    print_max_error(job.bundle, options["max_error"])
    try:
        with BatchTerminal() as observer:
            result = job.run(observer)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {job.counts.rows:,} rows are kept; the same command with --resume goes on", err=True)
        return INTERRUPTED
    if result.complete_before:
        click.echo(f"{options['output']} is complete: nothing to do")
        return 0
    print_result(result, listed)
    for error in result.errors:
        click.echo(f"error: {error}", err=True)
    return 0 if result.ok else FAILED
