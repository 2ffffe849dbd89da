"""`edge-digits batch-classify`: a folder of any size into one file, and not a row lost."""

import csv
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click

from edge_runtime.backends import open_backend
from edge_runtime.batch import BATCH, Job, parallel_rows
from edge_runtime.bundle import MANIFEST, load_bundle
from edge_runtime.chart import confusion_png
from edge_runtime.cli.options import backend_option, max_error_option, model_option, tell_max_error
from edge_runtime.cli.progress import Progress
from edge_runtime.cli.run import INTERRUPTED, debug_option
from edge_runtime.errors import FileError, OutputError, UsageError
from edge_runtime.pipeline import Expect, open_lines
from edge_runtime.score import DIGITS, Score
from edge_runtime.sinks import parquet
from edge_runtime.sinks.copies import Copies
from edge_runtime.sinks.formats import Csv, Format, JsonLines
from edge_runtime.sinks.journal import Convert, Journal
from edge_runtime.sinks.table import printable
from edge_runtime.sources.folder import Folder
from edge_runtime.sources.listing import Listing
from edge_runtime.types import Row, Status
from edge_runtime.versions import versions

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
    help="One digit a picture, or all digits of whole pages, with the rows joined by a space.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="A .csv, .jsonl or .parquet file.")
@click.option("--resume", is_flag=True, help="Go on with an output that was begun; start where none was.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists or was begun.")
@click.option("--jobs", type=click.IntRange(1, 256), default=CORES, show_default="cores", help="Processes.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    show_default=f"{BATCH} a process",
    help="Pictures under way at once, in all processes together; a kill costs no more.",
)
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Read the folders below, too.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only these; with a slash, of the whole path.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="None of these.")
@click.option("--null", "-0", is_flag=True, help="Paths on standard input end with NUL, not with a line's end.")
@click.option("--probabilities", is_flag=True, help="Ten more columns, p0 to p9.")
@click.option("--copy-to", type=click.Path(path_type=Path), metavar="DIR", help="Copy pictures into folders by label.")
@click.option("--quarantine", type=click.Path(path_type=Path), metavar="DIR", help="Copy files that failed.")
@click.option("--labels", type=click.Path(path_type=Path), metavar="CSV", help="True labels: filename,label.")
@click.option("--labels-from-folders", is_flag=True, help="A picture's folder is named after its true label.")
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
    """Read the one digit in each picture of FOLDER, or of the paths on standard input where FOLDER is -.

    Writes one row a picture, sorted by path: path,label,confidence,status,error. The status is ok, rejected (the
    label is a guess; the reason stands in error: blank, too-small, not-a-digit, low-confidence) or failed (no picture
    could be read). Files that are no pictures by name and links to folders are skipped and counted. Stopped at any
    moment, the job goes on with --resume. With true labels, accuracy and a table by digit are printed, and a picture
    of the confusion is written beside the output. Exit code 1 if a picture failed.
    """
    if not folder:
        raise UsageError("FOLDER is empty: name a folder, . for this one, or - for standard input")
    if resume and overwrite:
        raise UsageError("--resume goes on with an output and --overwrite replaces it: choose one")
    reads = mode == "read"
    if reads and (probabilities or copy_to or labels or labels_from_folders):
        raise UsageError("--probabilities, --copy-to and true labels are for one digit a picture, not for --mode read")
    form, convert = _format(output, probabilities)
    truth = _truth(labels, labels_from_folders)
    _check_targets(folder, (copy_to, quarantine), resume or overwrite)
    source = None if folder == "-" else Folder(folder, recursive, include, exclude)
    root = folder if source else ""
    bundle = load_bundle(model)
    resolved, _ = open_backend(
        backend, bundle
    )  # what is wrong with a model or an interpreter is said before a job begins
    tell_max_error(bundle, max_error)
    asked = {
        "the folder": str(source.root.resolve()) if source else f"- in {Path.cwd()}",
        "the model": hashlib.sha256((bundle.folder / MANIFEST).read_bytes()).hexdigest(),
        "the backend": resolved,
        "the version of edge-digits": versions("edge-digits")["edge-digits"],
        "the option --mode": mode,
        "the option --max-error": max_error,
        "the option --recursive": recursive,
        "the option --include": list(include),
        "the option --exclude": list(exclude),
        "the option --null": null,
        "the option --probabilities": probabilities,
        "the option --copy-to": str(copy_to.resolve()) if copy_to else None,
        "the option --quarantine": str(quarantine.resolve()) if quarantine else None,
    }
    picture = output.with_name(output.stem + ".confusion.png")
    journal = Journal(output, form, asked, convert=convert, beside=picture if truth else None)
    try:
        done = journal.resume() if resume else journal.begin(overwrite)
    except BaseException:
        journal.close()
        raise
    if done is None:
        journal.close()
        click.echo(f"{output} is complete: nothing to do")
        return 0
    report = _Report(truth, of_digits=not reads)
    if source:
        source.listed = journal.listed
    paths: Iterator[str | None] = source.paths() if source else Listing(sys.stdin.buffer, null).paths()
    copies = Copies(root, copy_to, quarantine)
    # What there is to notice is noticed here, once, and not by each process.
    lines = reads and open_lines(resolved) is not None
    expect: Expect = "page" if reads else "digit"
    job = Job(root, model, resolved, expect=expect, lines=lines, probabilities=probabilities, max_error=max_error)
    count = Folder(folder, recursive, include, exclude).count if source else None
    try:
        with Progress(count) as progress:
            report.earlier = _take_up(done, paths, report)
            progress.skip(report.earlier)
            for rows in parallel_rows(job, paths, jobs, batch):
                for row in rows if copy_to or quarantine else ():
                    copies.write(row)
                journal.write(rows)
                report.add(rows)
                progress.show(report.total, report.statuses[Status.FAILED])
            journal.finish()
            seconds = progress.seconds
    except KeyboardInterrupt:
        click.echo(f"interrupted: {report.total:,} rows are kept; the same command with --resume goes on", err=True)
        return INTERRUPTED
    finally:
        journal.close()
    report.print(seconds, source)
    if copies.missed:
        click.echo(f"{copies.missed:,} pictures could not be copied: they have vanished or cannot be read")
    if truth:
        report.print_score(picture)
    return 1 if report.statuses[Status.FAILED] or (source and source.unread) else 0


def _check_targets(folder: str, targets: Iterable[Path | None], may_hold_files: bool) -> None:
    """Raise UsageError where copies would get into what is read, or among files that may be somebody's."""
    for target in targets:
        if target is None:
            continue
        here, there = Path(folder).resolve(), target.resolve()
        if folder != "-" and (here in (there, *there.parents) or there in here.parents):
            raise UsageError(f"{target} and the folder that is read lie in one another: name one outside of it")
        if not may_hold_files and target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{target} is not empty: name another folder, or say --overwrite")


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


def _take_up(done: Iterable[Row], paths: Iterator[str | None], report: "_Report") -> int:
    """Count the rows of an earlier run, and go past their paths; raises OutputError where these are others now."""
    for row in done:
        path = next((path for path in paths if path is not None), None)
        if path != row.path:
            raise OutputError(
                f"the files have changed since the job was begun: {row.path!r} was read, and "
                f"{'nothing' if path is None else repr(path)} is there now: --overwrite begins again"
            )
        report.add([row])
    return report.total


def _truth(labels: Path | None, from_folders: bool) -> Callable[[str], str | None] | None:
    """What finds the true label of a path; None where there are none."""
    if labels and from_folders:
        raise UsageError("--labels and --labels-from-folders do not go together: choose one")
    if from_folders:
        return lambda path: name if (name := path.rpartition("/")[0].rpartition("/")[2]) in DIGITS else None
    if not labels:
        return None
    try:
        # utf-8-sig: spreadsheets put a mark before the first name.
        with labels.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file)
            table = {}
            for line in reader:
                if line["label"] not in DIGITS:
                    raise UsageError(f"{labels}, line {reader.line_num}: the label is {line['label']!r}, not 0 to 9")
                table[line["filename"]] = line["label"]
    except OSError as error:
        raise FileError(f"{labels} cannot be read: {error.strerror}") from error
    except (KeyError, csv.Error) as error:
        raise UsageError(f"{labels} has no columns filename,label") from error
    return lambda path: table.get(path, table.get(Path(path).name))


class _Report:
    """What is counted while rows go by."""

    def __init__(self, truth: Callable[[str], str | None] | None, of_digits: bool) -> None:
        self._of_digits = of_digits  # labels are single digits, which are counted
        self.statuses: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._truth = truth
        self._unlabelled = 0
        self.earlier = 0  # rows of an earlier run
        self._score = Score()

    @property
    def total(self) -> int:
        """Rows so far."""
        return self.statuses.total()

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows."""
        labels = [row.label for row in rows if row.status is Status.OK]
        if self._of_digits:  # texts of pages would all be kept
            self._labels.update(labels)
        self.statuses[Status.OK] += len(labels)
        if len(labels) < len(rows):
            self.statuses.update(row.status for row in rows if row.status is not Status.OK)
        if self._truth is None:
            return
        for row in rows:
            truth = self._truth(row.path)
            if truth is None:
                self._unlabelled += 1
            else:
                self._score.add(row, truth)

    def print(self, seconds: float, source: Folder | None) -> None:
        """The summary at the end."""
        skipped = f"; {source.skipped:,} other files skipped" if source else ""
        counts = ", ".join(f"{self.statuses[status]:,} {status}" for status in Status)
        rate = f", {(self.total - self.earlier) / seconds:,.0f}/s" if self.total else ""
        click.echo(f"{self.total:,} pictures in {seconds:.1f} s{rate}: {counts}{skipped}")
        if read := self.statuses[Status.OK] + self.statuses[Status.REJECTED]:
            click.echo(f"kept {self.statuses[Status.OK] / read:.2%} of the pictures that could be read")
        if self._of_digits:
            click.echo("labels: " + ", ".join(f"{digit}: {self._labels[str(digit)]:,}" for digit in range(10)))
        for below in source.unread if source else ():
            click.echo(f"error: the folder {printable(below)} cannot be listed", err=True)

    def print_score(self, picture: Path) -> None:
        """Accuracy, the table by digit, and the confusion as a picture."""
        if not self._score.count:
            click.echo("none of the pictures has a true label: no accuracy")
            return
        score, without = self._score, f"; {self._unlabelled:,} have no true label" if self._unlabelled else ""
        click.echo(f"accuracy {score.accuracy:.2%} of {score.count:,} pictures with a true label{without}")
        click.echo(f"{'digit':>5}{'count':>9}{'precision':>11}{'recall':>9}{'F1':>9}")
        for digit, count, *shares in score.classes():
            precision, recall, f1 = ("-" if share != share else f"{share:.2%}" for share in shares)
            click.echo(f"{digit:>5}{count:>9,}{precision:>11}{recall:>9}{f1:>9}")
        try:
            picture.write_bytes(confusion_png(score.confusion, f"{score.accuracy:.2%} of {score.count:,} right"))
        except OSError as error:
            raise OutputError(f"{picture} cannot be written: {error.strerror}") from error
        click.echo(f"the confusion is drawn in {picture}")
