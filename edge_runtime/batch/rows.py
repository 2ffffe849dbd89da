"""Files to rows, one a page, in this process or in several; a page that cannot be read costs one row."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from operator import itemgetter

import cv2

from edge_runtime.batch.paths import find_path
from edge_runtime.batch.workers import Workers
from edge_runtime.bundles.bundle import Bundle, load_bundle, load_lines
from edge_runtime.classifier import Classifier
from edge_runtime.decide import Reason
from edge_runtime.errors import InputError, ModelError
from edge_runtime.find.blobs import UNREAD
from edge_runtime.images.files import FailedPage, decode_images, decode_small, read_file
from edge_runtime.limits import FILE_SECONDS
from edge_runtime.lines.recogniser import LineReader
from edge_runtime.pipeline import Expect, Reader
from edge_runtime.types import Gray, Row, Status

CHUNK_CHARACTERS = 12_000  # of the paths of a batch: what is sent to a process must fit into its pipe
DIGITS = tuple("0123456789")
PART = 256  # files that a process reads before it hands its rows on
AHEAD = 2  # parts in the hands of each process: one under way and one waiting, so that it never waits for us
BATCH = AHEAD * PART  # files under way at once, for each process
NO_MEMORY = "there is not enough memory for the image"


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker process needs to know."""

    root: str  # the folder that paths are relative to; empty for the current one
    model: str | None
    backend: str
    threads: int = 1
    expect: Expect = "digit"  # what is in each image
    lines: bool = True  # of pages: rows that are not certain are read as a whole, too
    probabilities: bool = True  # else rows have none, which saves their way between processes
    max_error: float | None = None  # see Reader
    digest: str = ""  # the model's Bundle.digest when the job began; empty: what it has now
    lines_digest: str = ""  # the same of the line model


RowFields = tuple[str, float | None, Status, str, tuple[float, ...]]  # a row but for its path, of a file with one page
PageFields = tuple[str, float | None, Status, str, tuple[float, ...], int, str]  # the same with page and note
FileFields = RowFields | list[PageFields]  # of one file


def rows(reader: Reader, paths: Iterable[str], root: str = "", batch: int = PART) -> Iterator[Row]:
    """Yield a row for each page of each path, in order; what cannot be read costs one row with the reason.

    paths: relative to `root`. batch: files at once, >= 1; memory grows with it and not with the number of paths.
    """
    for chunk in _chunks(paths, batch):
        yield from _rows(chunk, read_files(reader, chunk, root))


def parallel_rows(
    job: WorkerSettings, paths: Iterable[str | None], jobs: int, batch: int | None = None
) -> Iterator[list[Row]]:
    """Yield rows, some at a time, in the order of their paths, read in `jobs` processes.

    paths: relative to the job's root; None says that the next one is not there yet, and is no reason to wait for it.
    batch: files under way at once in all processes together, >= 1, which is what a kill costs at most: the next ones
    begin only when the caller asks for more rows and so has done with the ones before. None: BATCH for each process.

    All rows of a file come in the same list. A file that ends or hangs its process costs one failed row. Raises
    ModelError where a process finds another model than the job began with, ModelError or BackendError where no process
    can load the model.
    """
    batch = batch or BATCH * jobs
    part = max(1, batch // (AHEAD * jobs))
    ahead = min(AHEAD * jobs, batch // part)
    if not job.digest:
        job = replace(job, digest=load_bundle(job.model).digest, lines_digest=load_lines().digest)
    with Workers(_Prepare(job), _failed_row, jobs, ahead, FILE_SECONDS) as workers:
        chunks: deque[list[str]] = deque()

        def remember_chunks() -> Iterator[list[str]]:
            for chunk in _chunks(paths, part):
                if chunk:
                    chunks.append(chunk)
                yield chunk

        # Paths stay here: what comes back is only what was found out about them.
        for found in workers.map(remember_chunks()):
            yield _rows(chunks.popleft(), found)


def _rows(paths: list[str], results: list[FileFields]) -> list[Row]:
    if list not in map(type, results):  # nearly always: this is the way for millions of files
        return [Row(path, *found) for path, found in zip(paths, results, strict=True)]
    return [
        Row(path, *found)
        for path, result in zip(paths, results, strict=True)
        for found in (result if isinstance(result, list) else [result])
    ]


def read_files(
    reader: Reader, paths: list[str], root: str, probabilities: bool = True, tick: Callable[[], None] = lambda: None
) -> list[FileFields]:
    """Read the one digit in each page of files, in one call of the interpreter. `tick` is called now and then.

    Returns what the rows of each file say.
    """
    pages: list[tuple[int, int, str, bool]] = []  # index of the path, number, note or reason, whether it was decoded
    plain = True  # each file has one page, and nothing is to be noted

    def grays() -> Iterator[Gray]:
        nonlocal plain
        for index, path in enumerate(paths):
            if index % 8 == 0:
                tick()
            for gray, page, text in _pages(path, root):
                pages.append((index, page, text, gray is not None))
                if text or page > 1:
                    plain = False
                    tick()
                if gray is not None:
                    yield gray
                del gray  # or it would stay until the next one is there

    labels, confidences, shares, statuses, reasons = reader.decide_many(grays())
    tuples: Iterable[tuple[float, ...]] = map(tuple, shares.tolist()) if probabilities else repeat((), len(labels))
    found: list[RowFields] = [
        ("", None, status, reason, ()) if label is None else (DIGITS[label], confidence, status, reason, each)
        for label, confidence, status, reason, each in zip(labels, confidences, statuses, reasons, tuples, strict=True)
    ]
    if plain:
        return [*found]
    decided = iter(found)
    return [
        _pack(
            [
                (*next(decided), page, text) if decoded else (*_failed_row(text), page, "")
                for _, page, text, decoded in each
            ]
        )
        for _, each in groupby(pages, itemgetter(0))
    ]


def read_pages(
    reader: Reader, paths: list[str], root: str, tick: Callable[[], None] = lambda: None
) -> list[FileFields]:
    """Read all digits of each page of files; the label is all of a page's digits, its rows joined by a space.

    The confidence is the lowest of them. A page with a digit that is rejected is rejected, for the first such reason; a
    page without digits for the most frequent reason that its marks were dropped for, or as blank if it has none.
    Returns what the rows of each file say.
    """
    results = []
    for path in paths:
        found: list[PageFields] = []
        tick()
        for gray, page, text in _pages(path, root):
            found.append((*_failed_row(text), page, "") if gray is None else _read_page(reader, gray, page, text))
            del gray  # or it would stay until the next one is there
            tick()
        results.append(_pack(found))
    return results


def _read_page(reader: Reader, gray: Gray, number: int, note: str) -> PageFields:
    try:
        page = reader.read(gray, "page")
    except MemoryError:
        return *_failed_row(NO_MEMORY), number, ""
    reasons = [digit.reason for digit in page.digits if digit.status is Status.REJECTED]
    dropped = Counter(each.reason for each in page.dropped)
    if not page.digits:
        reasons = [reason for reason, _ in dropped.most_common(1)] or [Reason.BLANK.value]
    elif unread := sum(dropped[reason] for reason in UNREAD):
        note = "; ".join(filter(None, (note, f"not everything was read: {unread:,} marks were dropped")))
    rows = ["".join(str(digit.label) for digit in row) for _, row in groupby(page.digits, lambda digit: digit.row)]
    least = min((digit.confidence for digit in page.digits), default=None)
    status = Status.REJECTED if reasons else Status.OK
    return " ".join(rows), least, status, reasons[0] if reasons else "", (), number, note


def _pages(path: str, root: str) -> Iterable[tuple[Gray | None, int, str]]:
    """Return each page of a file with its number and a note, or without its pixels where they cannot be read.

    The text is then the reason. Every page of a file that can be opened is there.
    """
    try:
        data = read_file(f"{root}/{path}" if root else find_path(path))
        gray = decode_small(data)
    except (InputError, MemoryError) as error:
        return ((None, 1, _describe_error(error)),)
    return _decode_pages(data) if gray is None else ((gray, 1, ""),)


def _decode_pages(data: bytes) -> Iterator[tuple[Gray | None, int, str]]:
    failed: list[FailedPage] = []  # since the last page that was decoded
    last, pages = 0, 1
    try:
        for gray, page, pages, note in decode_images(data, failed=failed.append):  # noqa: B007 (used below)
            yield from ((None, each.page, str(each.error)) for each in failed)
            failed.clear()
            last = page
            yield gray, page, note
            del gray
    except (InputError, MemoryError) as error:  # the decoder goes no further
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
    """A file of one page, without anything to note, takes less room."""
    label, confidence, status, reason, shares, page, note = found[0]
    return found if len(found) > 1 or note or page > 1 else (label, confidence, status, reason, shares)


def _failed_row(reason: str) -> RowFields:
    return "", None, Status.FAILED, reason, ()


@dataclass(frozen=True)
class _Prepare:
    """Made here, called in a worker: loads the model there."""

    job: WorkerSettings

    def __call__(self) -> Callable[[list[str], Callable[[], None]], list[FileFields]]:
        cv2.setNumThreads(1)  # the processes are as many as the cores already
        job = self.job
        try:
            classifier = Classifier(_check_unchanged(load_bundle(job.model), job.digest), job.backend, job.threads)
            lines: LineReader | bool = False
            if job.lines and job.expect == "page":
                lines = LineReader(_check_unchanged(load_lines(), job.lines_digest), classifier.backend)
        except ModelError as error:  # they could be loaded when the job began
            raise ModelError(
                f"the model has changed since the job began ({error}): put it back, and --resume goes on"
            ) from error
        reader = Reader(classifier, job.max_error, lines)

        def work(paths: list[str], tick: Callable[[], None]) -> list[FileFields]:
            if self.job.expect == "page":
                return read_pages(reader, paths, self.job.root, tick)
            return read_files(reader, paths, self.job.root, self.job.probabilities, tick)

        return work


def _check_unchanged(bundle: Bundle, digest: str) -> Bundle:
    if bundle.digest != digest:
        raise ModelError(f"{bundle.folder} holds another one")
    return bundle


def _chunks(paths: Iterable[str | None], batch: int) -> Iterator[list[str]]:
    """Parts of at most `batch` paths and CHUNK_CHARACTERS characters; None ends one, be it empty."""
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
