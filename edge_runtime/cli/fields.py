"""`edge-digits fields`: propose the fields of a blank form as a TOML file, and a picture with their names."""

import json
import os
from pathlib import Path

import click
import cv2
import numpy as np

from edge_runtime.cli.run import debug_option
from edge_runtime.common.files import write_whole
from edge_runtime.errors import InputError, OutputError, UsageError
from edge_runtime.forms.align import Template
from edge_runtime.forms.propose import Proposal, propose_fields
from edge_runtime.images.files import read_gray
from edge_runtime.overlay import FONT, OK, Drawing
from edge_runtime.types import Gray

EPILOG = """\b
Examples:
  edge-digits fields blank.png
  edge-digits fields blank.png --output forms/invoice.toml --picture forms/invoice.png

\b
Then edit the names in the TOML file, add what you know of each field, and read the forms:
  edge-digits read --fields blank.toml scan.png
"""
PATH = click.Path(path_type=Path)
HEAD = "# Proposed by edge-digits fields: edit the names, and add what you know of each field.\n"


@click.command("fields", epilog=EPILOG)
@click.argument("blank", type=PATH)
@click.option("--output", type=PATH, metavar="FORM", help="TOML file of the form.  [default: beside BLANK]")
@click.option("--picture", type=PATH, metavar="PNG", help="Picture of the fields.  [default: beside the TOML file]")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@debug_option
def fields(blank: Path, output: Path | None, picture: Path | None, overwrite: bool) -> int:
    """Propose the fields of BLANK, the image of a form that nobody has filled in.

    Printed boxes, combs and ruled lines become fields, named field1, field2 and so on from the top; those with a cell
    for each digit have their count. Writes a TOML file for `read --fields` and a picture of the form with the names.
    """
    try:
        gray = read_gray(blank)
        template = Template(gray)
    except InputError as error:
        raise UsageError(f"{blank}: {error}") from error
    found = propose_fields(template.printed)
    if not found:
        raise UsageError(f"{blank} shows no boxes, combs or lines to write on: write the TOML file by hand")
    form = output or blank.with_suffix(".toml")
    drawing = picture or form.with_name(f"{form.stem}-fields.png")
    for path in (form, drawing):
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists: name another file, or use --overwrite")
        if path.resolve() == blank.resolve():
            raise OutputError(f"{path} is the form itself: name another file")
    _write(form, _toml(found, blank, form).encode())
    _write(drawing, bytes(cv2.imencode(".png", _draw(gray, found))[1]))
    click.echo(f"{len(found):,} fields are in {form}; {drawing} shows them")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _toml(found: list[Proposal], blank: Path, form: Path) -> str:
    """Return the TOML file of a form with a template."""
    template = os.path.relpath(blank.resolve(), form.resolve().parent)
    text = f"{HEAD}template = {json.dumps(template)}\n"
    for number, each in enumerate(found, 1):
        text += f'\n[[field]]\nname = "field{number}"\nbox = {list(each.box)}\n'
        text += f"digits = {each.digits}\n" if each.digits else ""
    return text


def _draw(gray: Gray, found: list[Proposal]) -> Drawing:
    """Return the form with a box and a name for each field."""
    drawing = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    line = max(1, round(max(gray.shape) / 1000))
    for number, each in enumerate(found, 1):
        x, y, width, height = each.box
        cv2.rectangle(drawing, (x, y), (x + width, y + height), OK, line)
        name = f"field{number}" + (f" ({each.digits})" if each.digits else "")
        cv2.putText(drawing, name, (x, max(12 * line, y - 2 * line)), FONT, 0.3 * line, OK, line, cv2.LINE_AA)
    return drawing
