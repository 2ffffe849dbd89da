"""A batch job: reads a folder or list with several processes, writes the output, counts and copies."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.backends import open_backend
from edge_runtime.batch import parquet
from edge_runtime.batch.chart import confusion_png
from edge_runtime.batch.copies import Copies, make_folder
from edge_runtime.batch.corrections import Corrections
from edge_runtime.batch.counts import Counts
from edge_runtime.batch.journal import Convert, Journal
from edge_runtime.batch.labels import FolderLabels, TableLabels, Truth
from edge_runtime.batch.report import Report
from edge_runtime.batch.row_formats import Csv, Format, JsonLines, check_field_names
from edge_runtime.batch.rows import WorkerSettings, parallel_rows
from edge_runtime.batch.settings import LIST, STDOUT, BatchSettings
from edge_runtime.batch.stream import StreamOutput
from edge_runtime.batch.text_accuracy import TextAccuracy
from edge_runtime.bundles.bundle import load_bundle, load_page_bundle
from edge_runtime.common.files import write_whole
from edge_runtime.common.versions import versions
from edge_runtime.common.written import ACCURACY, CONFUSION
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.forms.form import Form, find_digest, read_form
from edge_runtime.forms.reading import open_template
from edge_runtime.images.files import needs_extra
from edge_runtime.pipeline import open_line_recognizer
from edge_runtime.sources.folder import Folder
from edge_runtime.sources.listing import Listing
from edge_runtime.types import Row, Status


class BatchObserver:
    """Follows a batch job. Override what you need; each method does nothing here."""

    def begin(self, earlier: int, count: Callable[[], int] | None) -> None:
        """Called at the start. earlier: files of an earlier run. count: counts all files, slowly; None for a list."""

    def rows(self, rows: Sequence[Row], counts: Counts) -> None:
        """Called when rows were written to the output, all rows of each file. counts: totals so far."""

    def warn(self, line: str) -> None:
        """Called when a file cannot be copied or a folder cannot be listed."""


@dataclass(frozen=True)
class BatchResult:
    """Result of a batch job."""

    counts: Counts
    seconds: float
    complete_before: bool = False  # an earlier run finished the output
    skipped: Counter[str] = field(default_factory=Counter)  # skipped files by kind, see sources.folder
    errors: tuple[str, ...] = ()  # errors other than failed pages, one line each
    companion: Path | None = None  # image of the confusion matrix, or accuracy of texts; None without true labels
    corrections: Corrections | None = None  # that were merged
    reported: int | None = None  # fields and pages in the report; None without one

    @property
    def ok(self) -> bool:
        """Whether all files were read and copied."""
        return not self.errors and not self.counts.statuses[Status.FAILED]


class BatchJob:
    """Reads all images of a folder or list into one output file.

        result = BatchJob(BatchSettings(folder="scans", output=Path("results.csv"), resume=True)).run()
        print(result.counts.files, result.ok)

    An unfinished output can be continued later with `resume`, even after a crash.
    """

    def __init__(self, settings: BatchSettings) -> None:
        """Check the settings and load the model; nothing is written yet.

        Raises UsageError, FileError, ModelError or BackendError.
        """
        settings.check()
        self.settings = settings
        self._form = _open_form(settings)
        self._names = [field.name for field in self._form.fields] if self._form else []
        self._format, self._convert = _format(settings.output, settings.probabilities, self._names)
        self._corrections = Corrections(settings.corrections, self._names) if settings.corrections else None
        reads = settings.mode == "read"
        truth = None if reads else _truth(settings)
        texts = _texts(settings, self._names) if reads else None
        self._source = _folder(settings)
        self._stream = StreamOutput(sys.stdout.buffer, self._format) if settings.output == STDOUT else None
        self.bundle = load_bundle(settings.model)
        backend, _ = open_backend(settings.backend, self.bundle)
        # Here, so that a notice appears once and not in each process.
        lines = open_line_recognizer(backend) if reads else None
        pages = not reads  # other jobs open the page network at the first larger image
        if reads:
            from edge_runtime.page_check import open_page_network

            pages = open_page_network(backend) is not None
        self._job = WorkerSettings(
            str(settings.folder) if self._source else "",
            settings.model,
            backend,
            expect="page" if reads else "digit",
            lines=lines is not None,
            pages=pages,
            probabilities=settings.probabilities,
            max_error=settings.max_error,
            part=settings.part,
            digits_only=settings.digits_only,
            form=self._form,
            annotate=settings.annotate,
            crops=settings.report is not None,
            form_digest=find_digest(self._form) if self._form else "",
            digest=self.bundle.digest,
            lines_digest=lines.bundle.digest if lines else "",
            pages_digest=load_page_bundle().digest,
        )
        named = CONFUSION if truth else ACCURACY if texts else ""
        self._companion = settings.output.with_name(settings.output.stem + named) if named else None
        self.counts = Counts(truth, not reads, texts)

    def run(self, observer: BatchObserver | None = None) -> BatchResult:
        """Read all files and finish the output; to be called once.

        If this ends early, for example by KeyboardInterrupt or an exception of the observer, the rows written so far
        are kept for `resume`. Raises OutputError if the output exists, is in use or cannot be written, and ModelError
        if the model has changed since the job was started.
        """
        observer = observer or BatchObserver()
        began, settings = time.monotonic(), self.settings
        journal = self._stream or Journal(
            settings.output, self._format, self._identity(), convert=self._convert, companion=self._companion
        )
        if self._corrections and not settings.overwrite and journal.is_complete:
            self._corrections.merge(settings.output, self._names)
            return BatchResult(self.counts, 0.0, complete_before=True, corrections=self._corrections)
        report = None
        try:
            done = journal.resume() if settings.resume else journal.begin(settings.overwrite)
            if done is None:
                return BatchResult(self.counts, 0.0, complete_before=True)
            report = Report(settings.report, settings.resume) if settings.report else None
            copies = self._read(journal, done, observer, report)
            journal.finish()
            if self._corrections and self.counts.earlier:
                self._corrections.merge(settings.output, self._names)  # into the rows of the earlier run
        finally:
            journal.close()
            if report:
                report.close()
        shown = report.finish(self.counts, settings.output) if report else None
        return BatchResult(
            self.counts,
            time.monotonic() - began,
            skipped=self._source.skipped if self._source else Counter[str](),
            errors=self._errors(copies),
            companion=self._write_companion(),
            corrections=self._corrections,
            reported=shown,
        )

    def _read(
        self, journal: Journal | StreamOutput, done: Iterable[Row], observer: BatchObserver, report: Report | None
    ) -> Copies:
        settings, source = self.settings, self._source
        if source:
            source.own = _own_files((*journal.files, *(report.files if report else ())), source.root.resolve())
            source.on_listed, source.warn = journal.note_folder, observer.warn
        if settings.annotate:
            make_folder(settings.annotate)
        pages = settings.mode == "read"
        copies = Copies(self._job.root, settings.copy_to, settings.quarantine, observer.warn, pages)
        paths = self._paths()
        _count_earlier_rows(done, paths, self.counts)
        ahead = _folder(settings)
        observer.begin(self.counts.earlier, ahead.count if ahead else None)
        copying = settings.copy_to or settings.quarantine
        for rows in parallel_rows(self._job, paths, settings.jobs, settings.batch):
            if self._corrections:
                rows = [self._corrections.apply(row) for row in rows]
            for row in rows if copying else ():
                copies.write(row)
            if report:
                report.add(rows)
            journal.write(rows)
            self.counts.add(rows)
            observer.rows(rows, self.counts)
        return copies

    def _paths(self) -> Iterator[str | None]:
        if self._source:
            return self._source.paths()
        assert self.settings.listing is not None  # BatchSettings.check
        return Listing(self.settings.listing, self.settings.null).paths()

    def _identity(self) -> dict[str, object]:
        """Return what must be unchanged when the job is resumed."""
        return self.settings.identity() | {
            "the model": self._job.digest,
            "the line model": self._job.lines_digest,
            "the page model": self._job.pages_digest,
            "the form of --fields": self._job.form_digest,
            "the backend": self._job.backend,
            "the version of edge-digits": versions("edge-digits")["edge-digits"],
            "the extra 'formats'": not needs_extra(".pdf"),
        }

    def _errors(self, copies: Copies) -> tuple[str, ...]:
        errors = []
        if self._source and self._source.unread:
            errors.append(f"{self._source.unread:,} folders could not be listed")
        if copies.missed:
            errors.append(f"{copies.missed:,} files could not be copied")
        if not self.counts.rows:
            why = f"there is no image in {self.settings.folder}" if self._source else "the list of paths is empty"
            errors.append(f"nothing was read: {why}")
        return tuple(errors)

    def _write_companion(self) -> Path | None:
        """Write what the true labels give, beside the output, and return its path; None without any."""
        path, matrix, texts = self._companion, self.counts.confusion, self.counts.texts
        if not path or not (matrix.count or texts):
            return None
        if texts:
            content = f"{json.dumps(texts.to_dict(), indent=1)}\n".encode()
        else:
            content = confusion_png(matrix.counts, f"{matrix.accuracy:.2%} of {matrix.count:,} right")
        try:
            write_whole(path, content)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        return path


def _folder(settings: BatchSettings) -> Folder | None:
    if settings.folder == LIST:
        return None
    return Folder(settings.folder, settings.recursive, settings.include, settings.exclude, settings.hidden)


def _open_form(settings: BatchSettings) -> Form | None:
    """Read and check the form of --fields; raises UsageError or FileError."""
    if not settings.fields:
        return None
    form = read_form(settings.fields)
    check_field_names([field.name for field in form.fields])
    open_template(form)
    return form


def _format(output: Path, probabilities: bool, names: Sequence[str]) -> tuple[Format, Convert | None]:
    """Return the format of rows while the job runs, and the conversion at the end if the output has another one."""
    suffix = output.suffix.lower()
    if suffix == ".csv" or output == STDOUT:
        return Csv(probabilities, names), None
    if suffix == ".jsonl":
        return JsonLines(probabilities), None
    if suffix == ".parquet":
        parquet.require_pyarrow()
        return JsonLines(probabilities), lambda lines, target: parquet.convert(lines, target, probabilities, names)
    raise UsageError(f"--output must end in .csv, .jsonl or .parquet, not {output.suffix or 'nothing'!r}")


def _count_earlier_rows(done: Iterable[Row], paths: Iterator[str | None], counts: Counts) -> None:
    """Count the rows of an earlier run and skip their paths; raises OutputError if the files have changed."""
    page = 0  # of the row before
    for row in done:
        if row.page <= page or page == 0:  # otherwise another page of the same file
            path = next((path for path in paths if path is not None), None)
            if path != row.path:
                raise OutputError(
                    f"the files have changed since the job was started: {row.path!r} was read, but "
                    f"{'nothing' if path is None else repr(path)} is there now: start again with --overwrite"
                )
        page = row.page
        counts.add([row])
    counts.earlier = counts.files


def _texts(settings: BatchSettings, names: list[str]) -> TextAccuracy | None:
    """Return what compares texts of pages, or of fields, with true ones; None without these."""
    folder = "" if settings.folder == LIST else str(settings.folder)
    return TextAccuracy(settings.labels, folder, names) if settings.labels else None


def _truth(settings: BatchSettings) -> Truth | None:
    """Return the true labels; None if there are none."""
    if settings.labels_from_folders:
        return FolderLabels()
    folder = "" if settings.folder == LIST else str(settings.folder)
    return TableLabels(settings.labels, folder) if settings.labels else None


def _own_files(files: Iterable[Path], root: Path) -> frozenset[str]:
    """Return the relative paths of the job's own files in the folder that is read."""
    places = [file.parent.resolve() / file.name for file in files]
    return frozenset(str(place.relative_to(root)) for place in places if place.is_relative_to(root))
