"""Files to rows: reads, classifies and never stops at a broken one."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from edge_runtime.errors import InputError
from edge_runtime.image import read_gray
from edge_runtime.pipeline import Reader
from edge_runtime.types import Gray, Page, Row, Status

BATCH = 64  # pictures in one call of the interpreter


def rows(reader: Reader, paths: Iterable[str], root: str | Path = "", batch: int = BATCH) -> Iterator[Row]:
    """Yield a row for each path, in order; a file that cannot be read costs one row with the reason.

    paths: relative to `root`. batch: pictures at once, >= 1; memory grows with it and not with the number of paths.
    """
    remaining = iter(paths)
    while chunk := list(islice(remaining, batch)):
        yield from _chunk(reader, chunk, Path(root))


def _chunk(reader: Reader, paths: list[str], root: Path) -> list[Row]:
    failures: dict[int, str] = {}

    def grays() -> Iterator[Gray]:
        for index, path in enumerate(paths):
            try:
                yield read_gray(root / path)
            except InputError as error:
                failures[index] = str(error)

    pages = iter(reader.read_many(grays()))
    return [
        Row(path, "", None, Status.FAILED, failures[index]) if index in failures else _row(path, next(pages))
        for index, path in enumerate(paths)
    ]


def _row(path: str, page: Page) -> Row:
    (digit,) = page.digits
    label = "" if digit.label is None else str(digit.label)
    confidence = None if digit.label is None else digit.confidence
    return Row(path, label, confidence, digit.status, digit.reason, digit.probabilities)
