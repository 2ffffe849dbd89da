"""One run of `batch-classify`: folder or list, processes, journal, copies and report, put together."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edge_runtime.backends import open_backend
from edge_runtime.batch import parquet
from edge_runtime.batch.copies import Copies
from edge_runtime.batch.journal import Convert, Journal
from edge_runtime.batch.labels import FolderLabels, TableLabels, Truth
from edge_runtime.batch.report import Report, Warnings
from edge_runtime.batch.row_formats import Csv, Format, JsonLines
from edge_runtime.batch.rows import Job, parallel_rows
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.cli.options import tell_max_error
from edge_runtime.cli.progress import Progress
from edge_runtime.cli.run import INTERRUPTED
from edge_runtime.common.versions import versions
from edge_runtime.common.written import CONFUSION, MARK
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.images.files import needs_extra
from edge_runtime.pipeline import open_lines
from edge_runtime.sources.folder import Folder
from edge_runtime.sources.listing import Listing
from edge_runtime.types import Row, Status


@dataclass(frozen=True)
class Options:
    """What the command's options say, by their names."""

    folder: str
    mode: str
    output: Path
    resume: bool
    overwrite: bool
    jobs: int
    batch: int | None
    recursive: bool
    hidden: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    null: bool
    probabilities: bool
    copy_to: Path | None
    quarantine: Path | None
    labels: Path | None
    labels_from_folders: bool
    model: str | None
    backend: str
    max_error: float | None


def run_batch(options: Options) -> int:
    """Carry out a batch, or go on with one; returns the exit code.

    Raises EdgeDigitsError where that is not possible. What is wrong with options, model, interpreter or output is said
    before anything is written.
    """
    _check(options)
    reads = options.mode == "read"
    form, convert = _format(options.output, options.probabilities)
    truth = _truth(options)
    source = _folder(options)
    bundle = load_bundle(options.model)
    backend, _ = open_backend(options.backend, bundle)
    tell_max_error(bundle, options.max_error)
    lines = open_lines(backend) if reads else None  # its notice is for here, and not for each process
    job = Job(
        options.folder if source else "",
        options.model,
        backend,
        expect="page" if reads else "digit",
        lines=lines is not None,
        probabilities=options.probabilities,
        max_error=options.max_error,
        digest=bundle.digest,
        lines_digest=lines.bundle.digest if lines else "",
    )
    picture = options.output.with_name(options.output.stem + CONFUSION)
    journal = Journal(options.output, form, _asked(options, job), convert=convert, beside=picture if truth else None)
    report = Report(truth, of_digits=not reads)
    try:
        done = journal.resume() if options.resume else journal.begin(options.overwrite)
        if done is None:
            click.echo(f"{options.output} is complete: nothing to do")
            return 0
        ahead = _folder(options)
        with Progress(ahead.count if ahead else None) as progress:
            if source:
                source.own = _own(journal.files, source.root.resolve())
                source.listed, source.warn = journal.listed, Warnings(progress.say)
            copies = Copies(job.root, options.copy_to, options.quarantine, Warnings(progress.say))
            paths: Iterator[str | None] = source.paths() if source else Listing(sys.stdin.buffer, options.null).paths()
            _take_up(done, paths, report)
            progress.skip(report.earlier)
            for rows in parallel_rows(job, paths, options.jobs, options.batch):
                for row in rows if options.copy_to or options.quarantine else ():
                    copies.write(row)
                journal.write(rows)
                report.add(rows)
                progress.show(report.files, report.statuses[Status.FAILED])
            journal.finish()
            report.print(progress.seconds, source)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {report.total:,} rows are kept; the same command with --resume goes on", err=True)
        return INTERRUPTED
    finally:
        journal.close()
    if truth:
        report.print_score(picture)
    errors = _errors(options, report, source, copies)
    for error in errors:
        click.echo(f"error: {error}", err=True)
    return 1 if errors or report.statuses[Status.FAILED] else 0


def _errors(options: Options, report: Report, source: Folder | None, copies: Copies) -> list[str]:
    """What went wrong beside pages that failed, which have rows that say so."""
    errors = []
    if source and source.unread:
        errors.append(f"{source.unread:,} folders could not be listed")
    if copies.missed:
        errors.append(f"{copies.missed:,} files could not be copied")
    if not report.total:
        why = f"there is no image in {options.folder}" if source else "standard input names no file"
        errors.append(f"nothing was read: {why}")
    return errors


def _check(options: Options) -> None:
    if not options.folder:
        raise UsageError("FOLDER is empty: name a folder, . for this one, or - for standard input")
    if options.resume and options.overwrite:
        raise UsageError("--resume goes on with an output and --overwrite replaces it: choose one")
    of_digits = options.probabilities or options.copy_to or options.labels or options.labels_from_folders
    if options.mode == "read" and of_digits:
        raise UsageError("--probabilities, --copy-to and true labels are for one digit an image, not for --mode read")
    if options.labels and options.labels_from_folders:
        raise UsageError("--labels and --labels-from-folders do not go together: choose one")
    _check_targets(options.folder, options.copy_to, options.quarantine, options.resume or options.overwrite)


def _asked(options: Options, job: Job) -> dict[str, Any]:
    """What may not differ when the job is resumed."""
    copy_to, quarantine = options.copy_to, options.quarantine
    return {
        "the folder": str(Path(options.folder).resolve()) if job.root else f"- in {Path.cwd()}",
        "the model": job.digest,
        "the line model": job.lines_digest,
        "the backend": job.backend,
        "the version of edge-digits": versions("edge-digits")["edge-digits"],
        "the extra 'formats'": not needs_extra(".pdf"),
        "the option --mode": options.mode,
        "the option --max-error": options.max_error,
        "the option --recursive": options.recursive,
        "the option --hidden": options.hidden,
        "the option --include": list(options.include),
        "the option --exclude": list(options.exclude),
        "the option --null": options.null,
        "the option --probabilities": options.probabilities,
        "the option --copy-to": str(copy_to.resolve()) if copy_to else None,
        "the option --quarantine": str(quarantine.resolve()) if quarantine else None,
    }


def _folder(options: Options) -> Folder | None:
    if options.folder == "-":
        return None
    return Folder(options.folder, options.recursive, options.include, options.exclude, options.hidden)


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


def _truth(options: Options) -> Truth | None:
    """What knows the true labels; None where none are given."""
    if options.labels_from_folders:
        return FolderLabels()
    return TableLabels(options.labels, "" if options.folder == "-" else options.folder) if options.labels else None


def _own(files: Iterable[Path], root: Path) -> frozenset[str]:
    """The files of a job that lie in the folder that is read, by their paths there."""
    places = [file.parent.resolve() / file.name for file in files]
    return frozenset(str(place.relative_to(root)) for place in places if place.is_relative_to(root))
