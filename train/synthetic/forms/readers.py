"""Readers of generated forms, which know nothing of their fields or as much as a form can say."""

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from edge_runtime import Reader
from edge_runtime.forms.form import Field, Form
from edge_runtime.forms.reading import FormReader
from edge_runtime.images.part import Part
from train.synthetic.forms.layouts import Layout, PrintedField
from train.synthetic.scenes.types import Mask

MARGIN = 8  # pixels around a printed field that a person draws


def open_form(reader: Reader, layout: Layout, blank: Mask, known: bool) -> FormReader:
    """Return what reads sheets of a layout.

    blank: the form as `draw_blank` draws it. known: whether the form has the pattern of each field, or else its count
    of digits and its checksum.
    """
    fields = tuple(_field(each, known) for each in layout.fields)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blank.png"
        cv2.imwrite(str(path), blank)
        return FormReader(reader, Form(fields, path))


def _field(printed: PrintedField, known: bool) -> Field:
    left, top, right, bottom = (round(side) for side in printed.box)
    box = left - MARGIN, top - MARGIN, right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
    field = Field(printed.name, Part(box))
    if not known:
        return field
    if printed.pattern:
        return field._replace(pattern=printed.pattern)
    return field._replace(digits=printed.cells, checksum=printed.checksum)
