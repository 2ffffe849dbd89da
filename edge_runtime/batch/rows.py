"""Read files into rows, one per page, in one or several processes; an unreadable page becomes a failed row."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edge_runtime.batch.annotated import AnnotatedPages
from edge_runtime.batch.paths import find_path
from edge_runtime.batch.workers import Workers
from edge_runtime.bundles.bundle import Bundle, load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.decide import Reason
from edge_runtime.errors import InputError, ModelError, UsageError
from edge_runtime.find.blobs import UNREAD
from edge_runtime.forms.form import Form, find_digest
from edge_runtime.forms.reading import FormReader
from edge_runtime.images.files import FailedPage, decode_images, decode_small, read_file
from edge_runtime.images.part import Part
from edge_runtime.limits import FILE_SECONDS
from edge_runtime.lines.recognizer import LineRecognizer
from edge_runtime.pipeline import Expect, Reader
from edge_runtime.types import Digit, FieldReading, Gray, Row, Status

if TYPE_CHECKING:
    from edge_runtime.segmentation.network import PageNetwork

CHUNK_CHARACTERS = 12_000  # of all paths of a chunk: it must fit into the pipe of a process
DIGITS = tuple("0123456789")
PART = 256  # files that a process reads before it returns their rows
AHEAD = 2  # chunks per process: one in progress and one waiting, so that the process never idles
BATCH = AHEAD * PART  # files in progress per process
NO_MEMORY = "there is not enough memory for the image"


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker process."""

    root: str  # the folder that paths are relative to; empty for the current one
    model: str | None
    backend: str
    threads: int = 1
    expect: Expect = "digit"  # content of each image
    lines: bool = True  # of pages: low-confidence rows are read again by the line recogniser
    pages: bool = True  # pages, and larger images of one digit, are compared with the map of the page network
    probabilities: bool = True  # without them, less data goes between processes
    max_error: float | None = None  # see Reader
    part: Part | None = None  # of each image, read alone
    digits_only: bool = False  # of pages: the label has neither spaces between numbers nor ? for rejected digits
    form: Form | None = None  # of pages: its fields are read
    annotate: Path | None = None  # folder for images of the pages with the readings drawn over
    crops: bool = False  # rejected fields have an image
    form_digest: str = ""  # of the form when the job started
    digest: str = ""  # the model's Bundle.digest when the job started; empty: the current one
    lines_digest: str = ""  # the same of the line model
    pages_digest: str = ""  # the same of the page model


RowFields = tuple[str, float | None, Status, str, tuple[float, ...]]  # a row without its path, of a file with one page
# The same with page, note, the fields of a form and its alignment.
PageFields = tuple[str, float | None, Status, str, tuple[float, ...], int, str, tuple[FieldReading, ...], float | None]
FileFields = RowFields | list[PageFields]  # of one file


def rows(reader: Reader, paths: Iterable[str], root: str = "", batch: int = PART) -> Iterator[Row]:
    """Yield a row for each page of each path, in order; an unreadable page gives a failed row with the reason.

    paths: relative to `root`. batch: files per call of the backend, >= 1; it determines the memory.
    """
    for chunk in _chunks(paths, batch):
        yield from _rows(chunk, read_files(reader, chunk, root))


def parallel_rows(
    job: WorkerSettings, paths: Iterable[str | None], jobs: int, batch: int | None = None
) -> Iterator[list[Row]]:
    """Yield lists of rows, in the order of their paths, read in `jobs` processes.

    paths: relative to the root; None means that the next path is not available yet: the ones before are not held back.
    batch: files in progress in all processes together, >= 1; a kill loses at most these, because further files are
    started only when the caller asks for more rows. None: BATCH per process.

    All rows of a file are in the same list. A file that crashes or hangs its process gives one failed row. Raises
    ModelError if the model has changed since the job started, and ModelError or BackendError if the model cannot be
    loaded.
    """
    batch = batch or BATCH * jobs
    part = max(1, batch // (AHEAD * jobs))
    ahead = min(AHEAD * jobs, batch // part)
    if not job.digest:
        job = replace(
            job,
            digest=load_bundle(job.model).digest,
            lines_digest=load_line_bundle().digest,
            pages_digest=load_page_bundle().digest,
        )
    with Workers(_Prepare(job), _failed_row, jobs, ahead, FILE_SECONDS) as workers:
        chunks: deque[list[str]] = deque()

        def remember_chunks() -> Iterator[list[str]]:
            for chunk in _chunks(paths, part):
                if chunk:
                    chunks.append(chunk)
                yield chunk

        # Paths stay in this process: the workers return the other fields.
        for found in workers.map(remember_chunks()):
            yield _rows(chunks.popleft(), found)


def _rows(paths: list[str], results: list[FileFields]) -> list[Row]:
    if list not in map(type, results):  # the fast path, for nearly all files
        return [Row(path, *found) for path, found in zip(paths, results, strict=True)]
    return [
        Row(path, *found)
        for path, result in zip(paths, results, strict=True)
        for found in (result if isinstance(result, list) else [result])
    ]


def read_files(
    reader: Reader,
    paths: list[str],
    root: str,
    probabilities: bool = True,
    tick: Callable[[], None] = lambda: None,
    part: Part | None = None,
) -> list[FileFields]:
    """Read one digit in each page of files, in one call of the backend.

    Returns the fields of each file's rows. tick: called regularly as a sign of life. part: of each image, read alone.
    """
    pages: list[
        tuple[int, int, str, bool]
    ] = []  # index of the path, page number, note or error, whether it was decoded
    plain = True  # each file has one page and no note

    def grays() -> Iterator[Gray]:
        nonlocal plain
        for index, path in enumerate(paths):
            if index % 8 == 0:
                tick()
            for gray, page, text in _pages(path, root, part):
                pages.append((index, page, text, gray is not None))
                if text or page > 1:
                    plain = False
                    tick()
                if gray is not None:
                    yield gray
                del gray  # frees the memory before the next page is decoded

    labels, confidences, shares, statuses, reasons, notes = reader.decide_many(grays())
    tuples: Iterable[tuple[float, ...]] = map(tuple, shares.tolist()) if probabilities else repeat((), len(labels))
    found: list[RowFields] = [
        ("", None, status, reason, ()) if label is None else (DIGITS[label], confidence, status, reason, each)
        for label, confidence, status, reason, each in zip(labels, confidences, statuses, reasons, tuples, strict=True)
    ]
    if plain and not notes:
        return [*found]
    decided = enumerate(found)
    return [
        _pack(
            [
                _add_note(*next(decided), page, text, notes) if decoded else (*_failed_row(text), page, "", (), None)
                for _, page, text, decoded in each
            ]
        )
        for _, each in groupby(pages, itemgetter(0))
    ]


def _add_note(index: int, fields: RowFields, page: int, text: str, notes: dict[int, str]) -> PageFields:
    return *fields, page, "; ".join(filter(None, (text, notes.get(index, "")))), (), None


def read_pages(
    reader: Reader,
    paths: list[str],
    root: str,
    tick: Callable[[], None] = lambda: None,
    part: Part | None = None,
    digits_only: bool = False,
    form: FormReader | None = None,
    annotated: AnnotatedPages | None = None,
) -> list[FileFields]:
    """Read all digits of each page of files; the label is the text of the page, its rows joined by a space.

    part, digits_only: see WorkerSettings. The confidence is the lowest of all digits. A page with a rejected digit is
    rejected, with the reason of the first one. A page without digits is rejected with the most frequent reason of its
    dropped marks, or as blank. Returns the fields of each file's rows.

    form: reads the fields of a form instead. The label is their texts, joined by a space, the confidence the lowest
    trust, and the reason that of the first rejected field, after its name. annotated: takes each page.
    """
    results = []
    for path in paths:
        found: list[PageFields] = []
        tick()
        for gray, page, text in _pages(path, root, part):
            if gray is None:
                found.append((*_failed_row(text), page, "", (), None))
            elif form:
                found.append(_read_form(form, gray, page, text))
                if annotated and (fields := found[-1][7]):
                    found[-1] = _with_note(found[-1], annotated.write_fields(path, page, gray, fields))
            else:
                fields_of_page, digits = _read_page(reader, gray, page, text, digits_only)
                found.append(fields_of_page)
                if annotated:
                    found[-1] = _with_note(found[-1], annotated.write_digits(path, page, gray, digits))
            del gray  # frees the memory before the next page is decoded
            tick()
        results.append(_pack(found))
    return results


def _with_note(fields: PageFields, note: str) -> PageFields:
    return (*fields[:6], "; ".join(filter(None, (fields[6], note))), *fields[7:]) if note else fields


def _read_page(
    reader: Reader, gray: Gray, number: int, note: str, digits_only: bool
) -> tuple[PageFields, tuple[Digit, ...]]:
    try:
        page = reader.read(gray, "page")
    except MemoryError:
        return (*_failed_row(NO_MEMORY), number, "", (), None), ()
    reasons = [digit.reason for digit in page.digits if digit.status is Status.REJECTED]
    dropped = Counter(each.reason for each in page.dropped)
    if not page.digits:
        reasons = [reason for reason, _ in dropped.most_common(1)] or [Reason.BLANK.value]
    elif unread := sum(dropped[reason] for reason in UNREAD):
        note = "; ".join(filter(None, (note, f"not everything was read: {unread:,} marks were dropped")))
    label = " ".join((page.digits_text if digits_only else page.text).split("\n"))
    least = min((digit.confidence for digit in page.digits), default=None) if label else None
    if not reasons and page.status is Status.REJECTED:
        reasons = [Reason.LOW_CONFIDENCE.value]
    status = Status.REJECTED if reasons else Status.OK
    reason = reasons[0] if reasons else ""
    return (label, least, status, reason, (), number, note, (), None), page.digits


def _read_form(form: FormReader, gray: Gray, number: int, note: str) -> PageFields:
    try:
        sheet = form.read(gray)
    except (InputError, MemoryError) as error:
        return *_failed_row(_describe_error(error)), number, "", (), None
    label = " ".join(field.text for field in sheet.fields if field.text)
    least = min(field.trust for field in sheet.fields)
    reasons = [f"{field.name}: {field.reason}" for field in sheet.fields if field.reason]
    return (
        label,
        least,
        sheet.status,
        reasons[0] if reasons else "",
        (),
        number,
        note,
        tuple(sheet.fields),
        sheet.alignment,
    )


def _pages(path: str, root: str, part: Part | None = None) -> Iterable[tuple[Gray | None, int, str]]:
    """Return image, page number and note of each page of a file; for an unreadable page, None, number and error.

    part: of each image, returned alone. No page of a file that can be opened is left out.
    """
    pages = _whole_pages(path, root)
    return pages if part is None else (_crop(*page, part) for page in pages)


def _crop(gray: Gray | None, page: int, note: str, part: Part) -> tuple[Gray | None, int, str]:
    try:
        return (None if gray is None else part.crop(gray)[0]), page, note
    except UsageError as error:
        return None, page, str(error)


def _whole_pages(path: str, root: str) -> Iterable[tuple[Gray | None, int, str]]:
    try:
        data = read_file(f"{root}/{path}" if root else find_path(path))
        gray = decode_small(data)
    except (InputError, MemoryError) as error:
        return ((None, 1, _describe_error(error)),)
    return _decode_pages(data) if gray is None else ((gray, 1, ""),)


def _decode_pages(data: bytes) -> Iterator[tuple[Gray | None, int, str]]:
    failed: list[FailedPage] = []  # since the last decoded page
    last, pages = 0, 1
    try:
        for gray, page, pages, note in decode_images(data, failed=failed.append):  # noqa: B007 (used below)
            yield from ((None, each.page, str(each.error)) for each in failed)
            failed.clear()
            last = page
            yield gray, page, note
            del gray
    except (InputError, MemoryError) as error:  # the decoder cannot continue
        yield from ((None, each.page, str(each.error)) for each in failed)
        last, pages = (failed[-1].page, failed[-1].pages) if failed else (last, pages)
        yield None, last + 1, _describe_error(error)
        for page in range(last + 2, pages + 1):
            yield None, page, f"not read: page {last + 1} cannot be decoded"
    else:
        yield from ((None, each.page, str(each.error)) for each in failed)


def _describe_error(error: Exception) -> str:
    return NO_MEMORY if isinstance(error, MemoryError) else str(error)


def _pack(found: list[PageFields]) -> FileFields:
    """Return the shorter form for a file of one page without a note."""
    label, confidence, status, reason, shares, page, note, fields, _ = found[0]
    return found if len(found) > 1 or note or page > 1 or fields else (label, confidence, status, reason, shares)


def _failed_row(reason: str) -> RowFields:
    return "", None, Status.FAILED, reason, ()


@dataclass(frozen=True)
class _Prepare:
    """Picklable; called in a worker process to load the model."""

    job: WorkerSettings

    def __call__(self) -> Callable[[list[str], Callable[[], None]], list[FileFields]]:
        cv2.setNumThreads(1)  # there is one process per core already
        job = self.job
        try:
            classifier = Classifier(_check_unchanged(load_bundle(job.model), job.digest), job.backend, job.threads)
            lines: LineRecognizer | bool = False
            if job.lines and job.expect == "page":
                lines = LineRecognizer(_check_unchanged(load_line_bundle(), job.lines_digest), classifier.backend)
            pages: PageNetwork | bool = job.pages
            if job.pages and job.expect == "page":
                pages = _open_pages(job, classifier)
            elif job.pages:  # opened at the first larger image
                _check_unchanged(load_page_bundle(), job.pages_digest)
        except ModelError as error:  # they could be loaded when the job started
            raise ModelError(
                f"the model has changed since the job started ({error}): restore it and continue with --resume"
            ) from error
        reader = Reader(classifier, job.max_error, lines, pages)
        form = _open_form(reader, job)
        annotated = AnnotatedPages(job.annotate) if job.annotate else None

        def work(paths: list[str], tick: Callable[[], None]) -> list[FileFields]:
            if job.expect == "page":
                return read_pages(reader, paths, job.root, tick, job.part, job.digits_only, form, annotated)
            return read_files(reader, paths, job.root, job.probabilities, tick, job.part)

        return work


def _open_form(reader: Reader, job: WorkerSettings) -> FormReader | None:
    if not job.form:
        return None
    if find_digest(job.form) != job.form_digest:
        raise ModelError("the template has changed since the job started: restore it and continue with --resume")
    return FormReader(reader, job.form, job.crops)


def _open_pages(job: WorkerSettings, classifier: Classifier) -> "PageNetwork":
    from edge_runtime.segmentation.network import PageNetwork  # here, since other jobs need none of it

    return PageNetwork(_check_unchanged(load_page_bundle(), job.pages_digest), classifier.backend)


def _check_unchanged(bundle: Bundle, digest: str) -> Bundle:
    if bundle.digest != digest:
        raise ModelError(f"{bundle.folder} holds another model")
    return bundle


def _chunks(paths: Iterable[str | None], batch: int) -> Iterator[list[str]]:
    """Yield lists of at most `batch` paths and CHUNK_CHARACTERS characters; None ends a list, even an empty one."""
    chunk: list[str] = []
    characters = 0
    for path in paths:
        if path is None:
            yield chunk
            chunk, characters = [], 0
            continue
        if chunk and (len(chunk) == batch or characters + len(path) > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(path)
        characters += len(path)
    if chunk:
        yield chunk
