"""`edge-digits read`: whole pages of digits, as text, JSON lines and pictures of how it came about."""

import json
from pathlib import Path
from typing import Any

import click
import cv2

from edge_runtime.classifier import Classifier
from edge_runtime.cli.options import (
    backend_option,
    lines_option,
    max_error_option,
    model_option,
    tell_max_error,
    threads_option,
)
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import InputError, OutputError
from edge_runtime.image import read_gray
from edge_runtime.overlay import Picture, annotated, explained
from edge_runtime.pipeline import Reader
from edge_runtime.sinks.table import printable
from edge_runtime.types import Digit, Page, Status

EPILOG = """\b
Examples:
  edge-digits read note.jpg
  edge-digits read --json note.jpg form.png
  edge-digits read --max-error 0.001 note.jpg
  edge-digits read --annotate seen --explain why note.jpg
"""
FOLDER = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture and line.")
@click.option("--annotate", type=FOLDER, metavar="DIR", help="Write each picture with what was read drawn over it.")
@click.option("--explain", type=FOLDER, metavar="DIR", help="Write a picture of every stage for each picture.")
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
    model: str | None,
    backend: str,
    threads: int,
    lines: bool,
    max_error: float | None,
) -> int:
    """Find the digits in each IMAGE and print them, row by row.

    Photographs and scans of any size and light, ink dark on light or light on dark. Digits that are not to be trusted
    are left out of the text; --json tells of them and why. Exit code 1 if a picture could not be read.
    """
    classifier = Classifier(model, backend, threads)
    tell_max_error(classifier.bundle, max_error)
    reader = Reader(classifier, max_error, lines)
    pictures = [_Pictures(folder) if folder else None for folder in (annotate, explain)]
    failed = 0
    for path in images:
        try:
            gray = read_gray(path)
            found = reader.find(gray)
        except (InputError, MemoryError) as error:
            failed += 1
            reason = str(error) or "there is not enough memory for the picture"
            click.echo(f"error: {printable(path)}: {reason}", err=True)
            if as_json:
                click.echo(json.dumps({"path": path, "error": reason}))
            continue
        page = reader.decided(found)
        over, why = pictures
        if over:
            over.write(path, annotated(gray, page))
        if why:
            why.write(path, explained(gray, found, page))
        if as_json:
            click.echo(json.dumps(_record(path, page)))
            continue
        if len(images) > 1:
            click.echo(f"==> {printable(path)} <==")
        click.echo(page.text) if page.text else click.echo(f"no digits in {printable(path)}", err=True)
    return 1 if failed else 0


def _record(path: str, page: Page) -> dict[str, Any]:
    rejected = [_digit(each) for each in page.digits if each.status is Status.REJECTED]
    rejected += [_digit(each) for each in page.dropped]
    return {
        "path": path,
        "text": page.text,
        "digits": [_digit(each) for each in page.digits if each.status is Status.OK],
        "rejected": rejected,
        "image": [page.width, page.height],
    }


def _digit(digit: Digit) -> dict[str, Any]:
    label = None if digit.label is None else str(digit.label)
    record = {"label": label, "confidence": round(digit.confidence, 4), "box": list(digit.box), "row": digit.row}
    return record | ({"reason": digit.reason} if digit.reason else {})


class _Pictures:
    """PNG files in a folder, named after the pictures that they are of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder {folder} cannot be made: {error.strerror}") from error

    def write(self, path: str, picture: Picture) -> None:
        """Write one; pictures of the same name from different folders are numbered."""
        name, number = Path(path).name, 1
        while (taken := f"{name}.png" if number == 1 else f"{name}-{number}.png") in self._names:
            number += 1
        self._names.add(taken)
        try:
            (self._folder / taken).write_bytes(bytes(cv2.imencode(".png", picture)[1]))
        except OSError as error:
            raise OutputError(f"{self._folder / taken} cannot be written: {error.strerror}") from error
