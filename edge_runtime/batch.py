"""Files to rows, in this process or in several; a broken file costs one row and nothing else."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, repeat

import cv2

from edge_runtime.classifier import Classifier
from edge_runtime.decide import Reason
from edge_runtime.errors import InputError
from edge_runtime.image import read_gray
from edge_runtime.limits import FILE_SECONDS
from edge_runtime.pipeline import Expect, Reader
from edge_runtime.types import Gray, Row, Status
from edge_runtime.workers import Workers

CHUNK_LETTERS = 12_000  # of the paths of a batch: what is sent to a process must fit into its pipe
DIGITS = tuple("0123456789")
PART = 256  # pictures that a process reads before it hands its rows on
AHEAD = 2  # parts in the hands of each process: one under way and one waiting, so that it never waits for us
BATCH = AHEAD * PART  # pictures under way at once, for each process


@dataclass(frozen=True)
class Job:
    """What a worker process needs to know."""

    root: str  # the folder that paths are relative to; empty for the current one
    model: str | None
    backend: str
    threads: int = 1
    expect: Expect = "digit"  # what is in each picture
    lines: bool = True  # of pages: rows are read as a whole, else cut
    probabilities: bool = True  # else rows have none, which saves their way between processes
    max_error: float | None = None  # see Reader


def rows(reader: Reader, paths: Iterable[str], root: str = "", batch: int = PART) -> Iterator[Row]:
    """Yield a row for each path, in order; a file that cannot be read costs one row with the reason.

    paths: relative to `root`. batch: pictures at once, >= 1; memory grows with it and not with the number of paths.
    """
    for chunk in _chunks(paths, batch):
        for path, found in zip(chunk, read_files(reader, chunk, root), strict=True):
            yield Row(path, *found)


def parallel_rows(job: Job, paths: Iterable[str | None], jobs: int, batch: int | None = None) -> Iterator[list[Row]]:
    """Yield rows, some at a time, in the order of their paths, read in `jobs` processes.

    paths: relative to the job's root; None says that the next one is not there yet, and is no reason to wait for it.
    batch: pictures under way at once in all processes together, >= 1, which is what a kill costs at most: the next ones
    begin only when the caller asks for more rows and so has done with the ones before. None: BATCH for each process.

    A file that ends or hangs its process costs one failed row. Raises ModelError or BackendError where no process can
    load the model.
    """
    batch = batch or BATCH * jobs
    part = max(1, batch // (AHEAD * jobs))
    ahead = min(AHEAD * jobs, batch // part)
    with Workers(_Prepare(job), _lost, jobs, ahead, FILE_SECONDS) as workers:
        chunks: deque[list[str]] = deque()

        def remember() -> Iterator[list[str]]:
            for chunk in _chunks(paths, part):
                if chunk:
                    chunks.append(chunk)
                yield chunk

        # Paths stay here: what comes back is only what was found out about them.
        for found in workers.map(remember()):
            yield [Row(path, *rest) for path, rest in zip(chunks.popleft(), found, strict=True)]


Found = tuple[str, float | None, Status, str, tuple[float, ...]]  # a row but for its path


def read_files(
    reader: Reader, paths: list[str], root: str, probabilities: bool = True, tick: Callable[[], None] = lambda: None
) -> list[Found]:
    """Read files in one call of the interpreter; returns what each row says. `tick` is called now and then."""
    failures: list[tuple[int, Found]] = []
    prefix = f"{root}/" if root else ""

    def grays() -> Iterator[Gray]:
        for index, path in enumerate(paths):
            if index % 8 == 0:
                tick()
            try:
                yield read_gray(prefix + path)
            except (InputError, MemoryError) as error:
                failures.append((index, _failed(error)))

    labels, confidences, shares, statuses, reasons = reader.decide_many(grays())
    tuples: Iterable[tuple[float, ...]] = map(tuple, shares.tolist()) if probabilities else repeat((), len(labels))
    found: list[Found] = [
        ("", None, status, reason, ()) if label is None else (DIGITS[label], confidence, status, reason, each)
        for label, confidence, status, reason, each in zip(labels, confidences, statuses, reasons, tuples, strict=True)
    ]
    for index, failure in failures:  # in the order of their places, so each goes to its own
        found.insert(index, failure)
    return found


def read_pages(reader: Reader, paths: list[str], root: str, tick: Callable[[], None] = lambda: None) -> list[Found]:
    """Read whole pages; the label is all of a page's digits, rows joined by a space, the confidence the lowest.

    A page with a digit that is rejected is rejected, for the first such reason; one without digits is blank.
    """
    found: list[Found] = []
    for path in paths:
        tick()
        try:
            page = reader.read(read_gray(f"{root}/{path}" if root else path), "page")
        except (InputError, MemoryError) as error:
            found.append(_failed(error))
        else:
            reasons = [digit.reason for digit in page.digits if digit.status is Status.REJECTED]
            if not page.digits:
                reasons = [Reason.BLANK.value]
            status = Status.REJECTED if reasons else Status.OK
            rows = [
                "".join(str(digit.label) for digit in row) for _, row in groupby(page.digits, lambda digit: digit.row)
            ]
            least = min((digit.confidence for digit in page.digits), default=None)
            found.append((" ".join(rows), least, status, reasons[0] if reasons else "", ()))
    return found


def _failed(error: Exception) -> Found:
    return _lost("there is not enough memory for the picture" if isinstance(error, MemoryError) else str(error))


def _lost(reason: str) -> Found:
    return "", None, Status.FAILED, reason, ()


@dataclass(frozen=True)
class _Prepare:
    """Made here, called in a worker: loads the model there."""

    job: Job

    def __call__(self) -> Callable[[list[str], Callable[[], None]], list[Found]]:
        cv2.setNumThreads(1)  # the processes are as many as the cores already
        job = self.job
        reader = Reader(Classifier(job.model, job.backend, job.threads), job.max_error, job.lines)

        def work(paths: list[str], tick: Callable[[], None]) -> list[Found]:
            if self.job.expect == "page":
                return read_pages(reader, paths, self.job.root, tick)
            return read_files(reader, paths, self.job.root, self.job.probabilities, tick)

        return work


def _chunks(paths: Iterable[str | None], batch: int) -> Iterator[list[str]]:
    """Parts of at most `batch` paths and CHUNK_LETTERS letters; None ends one, be it empty."""
    chunk: list[str] = []
    letters = 0
    for path in paths:
        if path is None:
            yield chunk
            chunk, letters = [], 0
            continue
        if chunk and (len(chunk) == batch or letters + len(path) > CHUNK_LETTERS):
            yield chunk
            chunk, letters = [], 0
        chunk.append(path)
        letters += len(path)
    if chunk:
        yield chunk
