"""Read files into rows, one per page, in one or several processes; an unreadable page becomes a failed row."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edge_runtime.batch.file_pages import FileFields, PageFields, RowFields, failed_row, pack, pages_of
from edge_runtime.batch.workers import Workers
from edge_runtime.bundles.bundle import Bundle, load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.errors import ModelError
from edge_runtime.images.part import Part
from edge_runtime.limits import FILE_SECONDS
from edge_runtime.lines.recognizer import LineRecognizer
from edge_runtime.pipeline import Expect, Reader
from edge_runtime.types import Gray, Row

if TYPE_CHECKING:
    from edge_runtime.forms.form import Form
    from edge_runtime.segmentation.network import PageNetwork

CHUNK_CHARACTERS = 12_000  # of all paths of a chunk: it must fit into the pipe of a process
DIGITS = tuple("0123456789")
PART = 256  # files that a process reads before it returns their rows
AHEAD = 2  # chunks per process: one in progress and one waiting, so that the process never idles
BATCH = AHEAD * PART  # files in progress per process


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
    form: "Form | None" = None  # of pages: its fields are read
    annotate: Path | None = None  # folder for images of the pages with the readings drawn over
    crops: bool = False  # rejected fields have an image
    form_digest: str = ""  # of the form when the job started
    digest: str = ""  # the model's Bundle.digest when the job started; empty: the current one
    lines_digest: str = ""  # the same of the line model
    pages_digest: str = ""  # the same of the page model


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
    with Workers(_Prepare(job), failed_row, jobs, ahead, FILE_SECONDS) as workers:
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
            for gray, page, text in pages_of(path, root, part):
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
        pack(
            [
                _add_note(*next(decided), page, text, notes) if decoded else (*failed_row(text), page, "", (), None)
                for _, page, text, decoded in each
            ]
        )
        for _, each in groupby(pages, itemgetter(0))
    ]


def _add_note(index: int, fields: RowFields, page: int, text: str, notes: dict[int, str]) -> PageFields:
    return *fields, page, "; ".join(filter(None, (text, notes.get(index, "")))), (), None


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
        if job.expect == "page":
            return _page_work(reader, job)

        def work(paths: list[str], tick: Callable[[], None]) -> list[FileFields]:
            return read_files(reader, paths, job.root, job.probabilities, tick, job.part)

        return work


def _page_work(reader: Reader, job: WorkerSettings) -> Callable[[list[str], Callable[[], None]], list[FileFields]]:
    """Return what reads the pages of files. Imports here what other jobs need not."""
    from edge_runtime.batch.annotated import AnnotatedPages
    from edge_runtime.batch.page_rows import read_pages
    from edge_runtime.forms.form import find_digest
    from edge_runtime.forms.reading import FormReader

    if job.form and find_digest(job.form) != job.form_digest:
        raise ModelError("the template has changed since the job started: restore it and continue with --resume")
    form = FormReader(reader, job.form, job.crops) if job.form else None
    annotated = AnnotatedPages(job.annotate) if job.annotate else None

    def work(paths: list[str], tick: Callable[[], None]) -> list[FileFields]:
        return read_pages(reader, paths, job.root, tick, job.part, job.digits_only, form, annotated)

    return work


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
