"""The pages of the files of a command, each with what was made of it."""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from edge_runtime.common.text import make_printable
from edge_runtime.errors import InputError
from edge_runtime.images.files import DecodedImage, decode_images, read_images, read_stream
from edge_runtime.images.formats.encoded import Failed, FailedPage

Result = TypeVar("Result")
STDIN = "-"  # the path that stands for standard input


def each_page(
    path: str, work: Callable[[DecodedImage], Result]
) -> Iterator[tuple[DecodedImage, Result] | tuple[FailedPage, None]]:
    """Yield the pages of a file in order, each with the result of `work`; of a page that failed, the error.

    path: - for standard input. work: may raise InputError for a page that it cannot take.
    """
    failed: deque[FailedPage] = deque()
    try:
        for image in _images(path, failed.append):
            while failed:
                yield failed.popleft(), None
            try:
                result = work(image)
            except InputError as error:
                failed.append(FailedPage(image.page, image.pages, error))
                continue
            yield image, result
            del image, result  # frees the memory before the next page is decoded
    except InputError as error:
        failed.append(FailedPage(1, 1, error))
    except MemoryError:
        failed.append(FailedPage(1, 1, InputError("there is not enough memory for the image")))
    for each in failed:
        yield each, None


def _images(path: str, failed: Failed) -> Iterator[DecodedImage]:
    """Yield the pages of a file, or of standard input."""
    if path == STDIN:
        yield from decode_images(read_stream(sys.stdin.buffer), failed=failed)
    else:
        yield from read_images(path, failed=failed)


def print_failed(path: str, page: FailedPage, as_json: bool) -> None:
    """Print why a page failed; as JSON, also to standard output."""
    click.echo(f"error: {make_printable(path)}: {page.error}", err=True)
    if as_json:
        number = {"page": page.page, "pages": page.pages} if page.pages > 1 else {}
        click.echo(json.dumps({"path": path, **number, "error": str(page.error)}))


def print_heading(path: str, image: DecodedImage, headed: bool) -> None:
    """Print the name of a page above its text, if there may be other pages. headed: print it in any case."""
    if headed or image.pages > 1:
        click.echo(f"==> {name_page(path, image)} <==")


def print_json(path: str, image: DecodedImage, content: dict[str, Any]) -> None:
    """Print what was read in a page as a line of JSON, with where it is and a note on its file."""
    record = {"path": path, "page": image.page, "pages": image.pages} | content
    click.echo(json.dumps(record | ({"note": image.note} if image.note else {})))


def name_page(path: str, image: DecodedImage) -> str:
    """Return the name of a page for messages."""
    return make_printable(path) + (f", page {image.page} of {image.pages}" if image.pages > 1 else "")


def print_note(path: str, image: DecodedImage) -> None:
    """Print what of the file of a page was left out, if anything was."""
    if image.note:
        click.echo(f"note: {name_page(path, image)}: {image.note}", err=True)
