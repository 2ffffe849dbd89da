"""Decode the pages of files for a batch, and the fields of their rows as they go between processes."""

from collections.abc import Iterable, Iterator

from edge_runtime.batch.paths import find_path
from edge_runtime.errors import InputError, UsageError
from edge_runtime.images.files import FailedPage, decode_images, decode_small, read_file
from edge_runtime.images.part import Part
from edge_runtime.types import FieldReading, Gray, Status

NO_MEMORY = "there is not enough memory for the image"

RowFields = tuple[str, float | None, Status, str, tuple[float, ...]]  # a row without its path, of a file with one page
# The same with page, note, the fields of a form and its alignment.
PageFields = tuple[str, float | None, Status, str, tuple[float, ...], int, str, tuple[FieldReading, ...], float | None]
FileFields = RowFields | list[PageFields]  # of one file


def pages_of(path: str, root: str, part: Part | None = None) -> Iterable[tuple[Gray | None, int, str]]:
    """Return image, page number and note of each page of a file; for an unreadable page, None, number and error.

    part: of each image, returned alone. No page of a file that can be opened is left out.
    """
    pages = _whole_pages(path, root)
    return (_crop(*page, part) for page in pages) if part else pages


def _crop(gray: Gray | None, page: int, note: str, part: Part) -> tuple[Gray | None, int, str]:
    try:
        return (part.crop(gray)[0] if gray is not None else None), page, note
    except UsageError as error:
        return None, page, str(error)


def _whole_pages(path: str, root: str) -> Iterable[tuple[Gray | None, int, str]]:
    try:
        data = read_file(f"{root}/{path}" if root else find_path(path))
        gray = decode_small(data)
    except (InputError, MemoryError) as error:
        return ((None, 1, describe_error(error)),)
    return ((gray, 1, ""),) if gray is not None else _decode_pages(data)


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
        yield None, last + 1, describe_error(error)
        for page in range(last + 2, pages + 1):
            yield None, page, f"not read: page {last + 1} cannot be decoded"
    else:
        yield from ((None, each.page, str(each.error)) for each in failed)


def describe_error(error: Exception) -> str:
    """Return why a page could not be read."""
    return NO_MEMORY if isinstance(error, MemoryError) else str(error)


def pack(found: list[PageFields]) -> FileFields:
    """Return the shorter form for a file of one page without a note."""
    label, confidence, status, reason, shares, page, note, fields, _ = found[0]
    return found if len(found) > 1 or note or page > 1 or fields else (label, confidence, status, reason, shares)


def failed_row(reason: str) -> RowFields:
    """Return the fields of a page that could not be read."""
    return "", None, Status.FAILED, reason, ()
