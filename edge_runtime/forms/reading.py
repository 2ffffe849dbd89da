"""Read the fields of a form on a page."""

from math import prod
from typing import Any, NamedTuple

import numpy as np

from edge_runtime.decide import Reason
from edge_runtime.errors import InputError, UsageError
from edge_runtime.find.blobs import DropReason
from edge_runtime.forms.form import PLACE, Field, Form
from edge_runtime.forms.likeliest import Misfit, choose
from edge_runtime.pipeline import Reader
from edge_runtime.types import Box, Digit, Gray, Status

EMPTY = "empty"  # reason of a required field in which nothing is written
UNREAD = (DropReason.UNREAD, DropReason.CROWDED, DropReason.TEXTURE)  # what was dropped may be digits


class FieldReading(NamedTuple):
    """The reading of one field."""

    name: str
    text: str  # as the pattern writes it, else digits; empty if nothing fits
    value: float | int | None  # the number; None without one, or with a pattern
    trust: float  # 0..1, the probability that the text is right
    status: Status
    reason: str  # why it was rejected; empty if it was not
    box: Box  # of the field, pixels of the page
    digits: tuple[Digit, ...]  # of the first reading, pixels of the page; the text may have others

    def to_dict(self) -> dict[str, Any]:
        """Return the reading for JSON, boxes as [x, y, width, height]; of each digit `label`, `trust` and `box`."""
        record = {"name": self.name, "text": self.text, "value": self.value, "trust": round(self.trust, 4)}
        reason = {"reason": self.reason} if self.reason else {}
        digits = [{"label": each.text, "trust": round(each.trust, 4), "box": list(each.box)} for each in self.digits]
        return record | {"status": self.status.value} | reason | {"box": list(self.box), "digits": digits}


def read_fields(reader: Reader, gray: Gray, form: Form) -> list[FieldReading]:
    """Read the fields of a form on a page, uint8 (height, width); raises InputError for a field outside of the page."""
    boxes = [_place(field, gray.shape[1], gray.shape[0]) for field in form.fields]
    return [_read(reader, gray, field, box) for field, box in zip(form.fields, boxes, strict=True)]


def _place(field: Field, width: int, height: int) -> Box:
    """Return where a field is on a page of this size; raises InputError."""
    try:
        return field.part.box(width, height)
    except UsageError:
        where = f"the box {field.part.text} of the field {field.name} is not within the page"
        raise InputError(f"{where}, which is {width} x {height}") from None


def _read(reader: Reader, gray: Gray, field: Field, box: Box) -> FieldReading:
    part = np.ascontiguousarray(gray[box.y : box.y + box.height, box.x : box.x + box.width])
    page, readings = reader.read_all(part)
    digits = page.move(box, gray.shape[1], gray.shape[0]).digits
    if digits:
        text, trust, reason = choose(field, readings)
    elif any(each.reason in UNREAD for each in page.dropped):
        text, trust, reason = "", 0.0, Misfit.UNREAD.value
    else:
        text, trust = "", prod(1 - digit.trust for digit in readings[0])
        reason = EMPTY if field.required else ""
    if not reason and trust < reader.least_trust:
        reason = Reason.LOW_CONFIDENCE.value
    status = Status.REJECTED if reason else Status.OK
    return FieldReading(field.name, write(field, text), find_value(field, text), trust, status, reason, box, digits)


def write(field: Field, digits: str) -> str:
    """Return digits as the pattern of a field writes them, with a decimal point if it has decimals."""
    if not digits:
        return ""
    if field.pattern:
        left = iter(digits)
        return "".join(next(left) if letter == PLACE else letter for letter in field.pattern)
    if field.decimals:
        digits = digits.rjust(field.decimals + 1, "0")
        return f"{digits[: -field.decimals]}.{digits[-field.decimals :]}"
    return digits


def find_value(field: Field, digits: str) -> float | int | None:
    """Return the number that digits are; None without any, or with a pattern."""
    if not digits or field.pattern:
        return None
    return int(digits) / 10**field.decimals if field.decimals else int(digits)
