"""`edge-digits batch-classify`: a folder of any size into one file, and not a row lost."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from edge_runtime.backends import open_backend
from edge_runtime.batch import BATCH, Job, parallel_rows
from edge_runtime.bundle import load_bundle
from edge_runtime.cli.batch_report import Report, Warnings
from edge_runtime.cli.options import backend_option, max_error_option, model_option, tell_max_error
from edge_runtime.cli.progress import Progress
from edge_runtime.cli.run import INTERRUPTED, debug_option
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.image import needs_extra
from edge_runtime.labels import FolderLabels, TableLabels, Truth
from edge_runtime.pipeline import open_lines
from edge_runtime.sinks import parquet
from edge_runtime.sinks.copies import Copies
from edge_runtime.sinks.formats import Csv, Format, JsonLines
from edge_runtime.sinks.journal import Convert, Journal
from edge_runtime.sources.folder import Folder
from edge_runtime.sources.listing import Listing
from edge_runtime.types import Row, Status
from edge_runtime.versions import versions
from edge_runtime.written import CONFUSION, MARK

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

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
def batch_classify(
    folder: str,
    mode: str,
    output: Path,
    resume: bool,
    overwrite: bool,
    jobs: int,
    batch: int | None,
    recursive: bool,
    hidden: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    null: bool,
    probabilities: bool,
    copy_to: Path | None,
    quarantine: Path | None,
    labels: Path | None,
    labels_from_folders: bool,
    model: str | None,
    backend: str,
    max_error: float | None,
) -> int:
    """Read the one digit in each image of FOLDER, or of the paths on standard input where FOLDER is -.

    Writes one row for each page of each image, sorted by path: path,page,label,confidence,status,error. The status is
    ok, rejected (the label is a guess; the reason stands in error: blank, too-small, not-a-digit, low-confidence) or
    failed (the page could not be read). Other files are skipped and counted by kind: no images by name, hidden and
    system files, links to folders, and what edge-digits itself wrote. Stopped at any moment, the job goes on with
    --resume. With true labels, accuracy and a table by digit are printed, and a picture of the confusion is written
    beside the output. Exit code 1 if anything could not be read or copied, or if there was nothing to read.
    """
    if not folder:
        raise UsageError("FOLDER is empty: name a folder, . for this one, or - for standard input")
    if resume and overwrite:
        raise UsageError("--resume goes on with an output and --overwrite replaces it: choose one")
    reads = mode == "read"
    if reads and (probabilities or copy_to or labels or labels_from_folders):
        raise UsageError("--probabilities, --copy-to and true labels are for one digit an image, not for --mode read")
    form, convert = _format(output, probabilities)
    truth = _truth(labels, labels_from_folders, folder)
    _check_targets(folder, copy_to, quarantine, resume or overwrite)
    source = None if folder == "-" else Folder(folder, recursive, include, exclude, hidden)
    root = folder if source else ""
    bundle = load_bundle(model)
    resolved, _ = open_backend(
        backend, bundle
    )  # what is wrong with a model or an interpreter is said before a job begins
    tell_max_error(bundle, max_error)
    # What there is to notice is noticed here, once, and not by each process.
    lines = open_lines(resolved) if reads else None
    asked = {
        "the folder": str(source.root.resolve()) if source else f"- in {Path.cwd()}",
        "the model": bundle.digest,
        "the line model": lines.bundle.digest if lines else None,
        "the backend": resolved,
        "the version of edge-digits": versions("edge-digits")["edge-digits"],
        "the extra 'formats'": not needs_extra(".pdf"),
        "the option --mode": mode,
        "the option --max-error": max_error,
        "the option --recursive": recursive,
        "the option --hidden": hidden,
        "the option --include": list(include),
        "the option --exclude": list(exclude),
        "the option --null": null,
        "the option --probabilities": probabilities,
        "the option --copy-to": str(copy_to.resolve()) if copy_to else None,
        "the option --quarantine": str(quarantine.resolve()) if quarantine else None,
    }
    picture = output.with_name(output.stem + CONFUSION)
    journal = Journal(output, form, asked, convert=convert, beside=picture if truth else None)
    job = Job(
        root,
        model,
        resolved,
        expect="page" if reads else "digit",
        lines=lines is not None,
        probabilities=probabilities,
        max_error=max_error,
        digest=bundle.digest,
        lines_digest=lines.bundle.digest if lines else "",
    )
    report = Report(truth, of_digits=not reads)
    try:
        done = journal.resume() if resume else journal.begin(overwrite)
        if done is None:
            click.echo(f"{output} is complete: nothing to do")
            return 0
        with Progress(Folder(folder, recursive, include, exclude, hidden).count if source else None) as progress:
            if source:
                source.own = _own(journal.files, source.root.resolve())
                source.listed, source.warn = journal.listed, Warnings(progress.say)
            copies = Copies(root, copy_to, quarantine, Warnings(progress.say))
            paths: Iterator[str | None] = source.paths() if source else Listing(sys.stdin.buffer, null).paths()
            _take_up(done, paths, report)
            progress.skip(report.earlier)
            for rows in parallel_rows(job, paths, jobs, batch):
                for row in rows if copy_to or quarantine else ():
                    copies.write(row)
                journal.write(rows)
                report.add(rows)
                progress.show(report.files, report.statuses[Status.FAILED])
            journal.finish()
            seconds = progress.seconds
    except KeyboardInterrupt:
        click.echo(f"interrupted: {report.total:,} rows are kept; the same command with --resume goes on", err=True)
        return INTERRUPTED
    finally:
        journal.close()
    report.print(seconds, source)
    if copies.missed:
        click.echo(f"{copies.missed:,} files could not be copied", err=True)
    unread = source.unread if source else 0
    if unread:
        click.echo(f"error: {unread:,} folders could not be listed", err=True)
    if not report.total:
        why = f"there is no image in {folder}" if source else "standard input names no file"
        click.echo(f"error: nothing was read: {why}", err=True)
    if truth:
        report.print_score(picture)
    return 1 if report.statuses[Status.FAILED] or copies.missed or unread or not report.total else 0


def _check_targets(folder: str, copy_to: Path | None, quarantine: Path | None, may_hold_files: bool) -> None:
    """Raise UsageError where copies would get into what is read, into one another, or among files of somebody's."""
    for target in filter(None, (copy_to, quarantine)):
        if folder != "-" and _overlap(Path(folder), target):
            raise UsageError(f"{target} and the folder that is read lie in one another: name one outside of it")
        if may_hold_files or not target.exists():
            continue
        if not target.is_dir() or any(file.name != MARK for file in target.iterdir()):
            raise UsageError(f"{target} is not empty: name another folder, or say --overwrite")
    if copy_to and quarantine and _overlap(copy_to, quarantine):
        raise UsageError("the folders of --copy-to and --quarantine lie in one another: name two beside each other")


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _format(output: Path, probabilities: bool) -> tuple[Format, Convert | None]:
    """How the rows of an output look while the job runs, and what makes the output of them if it is not the same."""
    suffix = output.suffix.lower()
    if suffix == ".csv":
        return Csv(probabilities), None
    if suffix == ".jsonl":
        return JsonLines(probabilities), None
    if suffix == ".parquet":
        parquet.require()
        return JsonLines(probabilities), lambda lines, target: parquet.convert(lines, target, probabilities)
    raise UsageError(f"--output ends in .csv, .jsonl or .parquet, not {output.suffix or 'nothing'!r}")


def _take_up(done: Iterable[Row], paths: Iterator[str | None], report: Report) -> None:
    """Count the rows of an earlier run, and go past their paths; raises OutputError where these are others now."""
    page = 0  # of the row before
    for row in done:
        if row.page <= page or page == 0:  # else one more page of the same file
            path = next((path for path in paths if path is not None), None)
            if path != row.path:
                raise OutputError(
                    f"the files have changed since the job was begun: {row.path!r} was read, and "
                    f"{'nothing' if path is None else repr(path)} is there now: --overwrite begins again"
                )
        page = row.page
        report.add([row])
    report.earlier = report.files


def _truth(table: Path | None, from_folders: bool, folder: str) -> Truth | None:
    """What knows the true labels; None where none are given."""
    if table and from_folders:
        raise UsageError("--labels and --labels-from-folders do not go together: choose one")
    if from_folders:
        return FolderLabels()
    return TableLabels(table, "" if folder == "-" else folder) if table else None


def _own(files: Iterable[Path], root: Path) -> frozenset[str]:
    """The files of a job that lie in the folder that is read, by their paths there."""
    places = [file.parent.resolve() / file.name for file in files]
    return frozenset(str(place.relative_to(root)) for place in places if place.is_relative_to(root))
