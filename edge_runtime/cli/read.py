"""`edge-digits read`: read whole pages of digits, as text, JSON lines and annotated images."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import cv2

from edge_runtime.classifier import Classifier
from edge_runtime.cli.each_page import STDIN, each_page, name_page, print_failed, print_heading, print_json, print_note
from edge_runtime.cli.options import (
    backend_option,
    digits_only_option,
    lines_option,
    max_error_option,
    model_option,
    print_max_error,
    roi_option,
    threads_option,
)
from edge_runtime.cli.read_fields import fields_option, print_fields, refuse_with_fields
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import FAILED, InputError, OutputError, UsageError
from edge_runtime.explain import draw_stages
from edge_runtime.find.blobs import UNREAD
from edge_runtime.find.reading import Found
from edge_runtime.forms.form import read_form
from edge_runtime.images.files import DecodedImage
from edge_runtime.images.formats.encoded import FailedPage
from edge_runtime.images.part import WHOLE, Part, parse_part
from edge_runtime.numbers import UNREADABLE
from edge_runtime.overlay import MOST, Drawing, draw_digits
from edge_runtime.page import Page
from edge_runtime.pipeline import Reader
from edge_runtime.types import Box, Digit, Gray, Status

EPILOG = """\b
Examples:
  edge-digits read note.jpg
  edge-digits read --json note.jpg form.png scan.tif
  edge-digits read --max-error 0.001 note.jpg
  edge-digits read --roi 10%,20%,50%,15% form.png
  edge-digits read --fields form.toml scan.png
  scanimage --format=png | edge-digits read -
  edge-digits read --annotate seen --explain why note.jpg
"""
FOLDER = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each page.")
@click.option(
    "--annotate",
    type=FOLDER,
    metavar="DIR",
    help="Write each page with the readings drawn over it; pages over 8 megapixels are reduced.",
)
@click.option("--explain", type=FOLDER, metavar="DIR", help="Write an image of all processing stages of each page.")
@digits_only_option
@roi_option
@fields_option
@model_option
@backend_option
@threads_option
@lines_option
@max_error_option
@debug_option
def read(
    images: tuple[str, ...],
    as_json: bool,
    annotate: Path | None,
    explain: Path | None,
    digits_only: bool,
    roi: str | None,
    fields: Path | None,
    model: str | None,
    backend: str,
    threads: int,
    lines: bool,
    max_error: float | None,
) -> int:
    """Find the digits in each IMAGE and print them row by row; - is standard input.

    Photographs and scans of any size and light, ink dark on light or light on dark; every page of a TIFF or PDF, and
    the first frame of an animation. A gap wider than about 1.5 digits is printed as a space, a rejected digit as ?; a
    warning counts the numbers that may be wrong. --json lists the rejected digits and the dropped marks, with the
    reasons. With --fields, each field of the form is a line: its name, its text, and in brackets why it is rejected. A
    page without digits is not a failure: a warning says what was dropped. Exit code 1 if an image could not be read.
    """
    classifier = Classifier(model, backend, threads)
    print_max_error(classifier.bundle, max_error)
    reader = Reader(classifier, max_error, lines)
    if fields:
        refuse_with_fields(explain=explain, digits_only=digits_only, roi=roi)
    over, why = (_ImageFolder(folder) if folder else None for folder in (annotate, explain))
    if fields:
        return print_fields(images, read_form(fields), reader, as_json, over.write if over else None)
    part = parse_part(roi) if roi else WHOLE
    failed = 0
    for path in images:
        for image, read_part in each_page(path, partial(_find, reader, part)):
            if isinstance(image, FailedPage):
                failed += 1
                print_failed(path, image, as_json)
            elif read_part:
                gray, box, found = read_part
                page = reader.decide(found)
                if why:
                    why.write(path, image, draw_stages(gray, found, page))
                page = page.move(box, *image.gray.shape[::-1])
                if over:
                    over.write(path, image, draw_digits(image.gray, page.digits, MOST))
                _print(path, image, page, _Format(as_json, digits_only, headed=len(images) > 1))
                del gray, found
            del image, read_part  # frees the memory before the next page is decoded
    return FAILED if failed else 0


class _Format(NamedTuple):
    """How pages are printed."""

    as_json: bool
    digits_only: bool
    headed: bool  # print the name of the file first


class _ReadPart(NamedTuple):
    """The part of a page that was read, or all of it."""

    gray: Gray
    box: Box  # where it is on the page
    found: Found


def _find(reader: Reader, part: Part, image: DecodedImage) -> _ReadPart:
    """Return what was found in a part of an image; raises InputError if it is not within the image."""
    try:
        gray, box = part.crop(image.gray)
    except UsageError as error:
        raise InputError(str(error)) from None
    return _ReadPart(gray, box, reader.find(gray))


def _print(path: str, image: DecodedImage, page: Page, style: _Format) -> None:
    """Print what was read in a page."""
    name = name_page(path, image)
    print_note(path, image)
    if style.as_json:
        print_json(path, image, page.to_dict(style.digits_only))
    else:
        print_heading(path, image, style.headed)
        if text := page.digits_text if style.digits_only else page.text:
            click.echo(text)
    if warning := _warning(name, page, style.as_json):
        click.echo(warning, err=True)
    numbers = page.numbers
    doubtful = sum(number.status is Status.REJECTED and UNREADABLE not in number.text for number in numbers)
    if doubtful:
        verb = "is" if doubtful == 1 else "are"
        click.echo(f"warning: {doubtful:,} of {_numbers(len(numbers))} {verb} doubtful in {name}", err=True)


def _warning(name: str, page: Page, as_json: bool) -> str:
    """Return a warning about a page that was not completely read; empty if there is none."""
    unread = [each for each in page.dropped if each.reason in UNREAD]
    if page.digits_text and not unread:
        return ""
    rejected = [each for each in page.digits if each.status is Status.REJECTED]
    dropped = unread if page.digits_text else page.dropped
    causes = []
    if rejected and not page.digits_text:
        causes.append(f"{_format_count(len(rejected), 'digit')} rejected ({_format_reasons(rejected)})")
    if dropped:
        causes.append(f"{_format_count(len(dropped), 'mark')} dropped ({_format_reasons(dropped)})")
    if not causes:
        return "" if as_json else f"no digits in {name}"
    what = "not everything was read" if page.digits_text else "no digits"
    return f"warning: {what} in {name}: {', '.join(causes)}"


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count:,} numbers"


def _format_count(count: int, what: str) -> str:
    return f"{count:,} {what} was" if count == 1 else f"{count:,} {what}s were"


def _format_reasons(digits: Iterable[Digit]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in Counter(each.reason for each in digits).most_common())


class _ImageFolder:
    """A folder of PNG files named after the images."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder {folder} cannot be created: {error.strerror}") from error

    def write(self, path: str, image: DecodedImage, picture: Drawing) -> None:
        """Write an image. Images of the same name from different folders are numbered."""
        name, number = Path(path).name if path != STDIN else "stdin", 1
        if image.pages > 1:
            name += f".page{image.page}"
        while (taken := f"{name}.png" if number == 1 else f"{name}-{number}.png") in self._names:
            number += 1
        self._names.add(taken)
        try:
            (self._folder / taken).write_bytes(bytes(cv2.imencode(".png", picture)[1]))
        except OSError as error:
            raise OutputError(f"{self._folder / taken} cannot be written: {error.strerror}") from error
