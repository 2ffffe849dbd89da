"""The fields of forms for `edge-digits read --fields`: as lines of text or JSON."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from edge_runtime.cli.each_page import each_page, print_failed, print_heading, print_json, print_note
from edge_runtime.errors import FAILED, UsageError
from edge_runtime.forms.form import Form
from edge_runtime.forms.reading import FormReader, SheetReading
from edge_runtime.images.files import DecodedImage
from edge_runtime.images.formats.encoded import FailedPage
from edge_runtime.overlay import MOST, Drawing, draw_fields
from edge_runtime.pipeline import Reader
from edge_runtime.types import FieldReading

fields_option = click.option(
    "--fields",
    type=click.Path(path_type=Path),
    metavar="FORM",
    help="TOML file of a form: read its fields, each by its name.",
)


def refuse_with_fields(**options: object) -> None:
    """Raise UsageError if an option is set that does not go with --fields."""
    for name, value in options.items():
        if value:
            raise UsageError(f"--{name.replace('_', '-')} cannot be used with --fields")


Draw = Callable[[str, DecodedImage, Drawing], None]


def print_fields(images: Sequence[str], form: Form, reader: Reader, as_json: bool, draw: Draw | None = None) -> int:
    """Read the fields of each page of the files and print them; returns the exit code. draw: takes annotated pages."""
    failed = 0

    form_reader = FormReader(reader, form)

    def read(image: DecodedImage) -> SheetReading:
        return form_reader.read(image.gray)

    for path in images:
        for image, sheet in each_page(path, read):
            if isinstance(image, FailedPage):
                failed += 1
                print_failed(path, image, as_json)
            elif sheet:
                print_note(path, image)
                if draw:
                    draw(path, image, draw_fields(image.gray, sheet.fields, MOST))
                if as_json:
                    print_json(path, image, sheet.to_dict())
                else:
                    print_heading(path, image, headed=len(images) > 1)
                    _print_lines(sheet.fields)
            del image, sheet  # frees the memory before the next page is decoded
    return FAILED if failed else 0


def _print_lines(fields: Sequence[FieldReading]) -> None:
    """Print a line for each field: its name, its text, and why it was rejected."""
    width = max(len(each.name) for each in fields)
    for each in fields:
        reason = f"({each.reason})" if each.reason else ""
        click.echo("  ".join(filter(None, (each.name.ljust(width), each.text, reason))).rstrip())
