"""Read the fields of a form on a page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2

from edge_runtime.decide import Reason
from edge_runtime.errors import InputError, UsageError
from edge_runtime.find.blobs import DropReason
from edge_runtime.forms.align import Template
from edge_runtime.forms.corrected import CorrectedField, cut_digits
from edge_runtime.forms.cut import Cut, cut_aligned, cut_box
from edge_runtime.forms.form import PLACE, Field, Form
from edge_runtime.forms.likeliest import Misfit, choose, find_emptiness
from edge_runtime.forms.records import to_dict
from edge_runtime.images.files import read_gray
from edge_runtime.pipeline import Reader
from edge_runtime.types import Box, FieldReading, Gray, Status

CROP, QUALITY = 90, 65  # of the image of a rejected field: height in pixels, and of its JPEG
EMPTY = "empty"  # reason of a required field in which nothing is written
OUTSIDE, LEAST_INSIDE = "outside-page", 0.95  # reason of a field of which less is on the page
UNREAD = (DropReason.UNREAD, DropReason.CROWDED, DropReason.TEXTURE)  # what was dropped may be digits


class SheetReading(NamedTuple):
    """The readings of all fields of a page."""

    fields: list[FieldReading]  # in the order of the form
    alignment: float | None = None  # 0..1, the share of the template's print that the page shows; None without one

    @property
    def status(self) -> Status:
        """Rejected if any field is."""
        accepted = all(each.status is Status.OK for each in self.fields)
        return Status.OK if accepted else Status.REJECTED

    def to_dict(self) -> dict[str, Any]:
        """Return the readings for JSON."""
        alignment = {} if self.alignment is None else {"alignment": round(self.alignment, 4)}
        return {"status": self.status.value} | alignment | {"fields": [to_dict(each) for each in self.fields]}


class FormReader:
    """Reads the fields of a form on pages.

    read = FormReader(Reader(Classifier()), read_form(Path("form.toml"))).read
    print([field.text for field in read(read_gray("scan.png")).fields])
    """

    def __init__(self, reader: Reader, form: Form, crops: bool = False) -> None:
        """Open the template, if the form has one; raises UsageError if that fails or a box is outside of it.

        crops: rejected fields have an image.
        """
        self._reader, self._form, self._crops = reader, form, crops
        self._template = open_template(form)

    def read(self, gray: Gray) -> SheetReading:
        """Read the fields on a page, uint8 (height, width), of any size and turn if the form has a template.

        Raises InputError for a page that does not match the template or, without one, a field outside of the page.
        """
        cuts, alignment = self._cut(gray, self._form.fields)
        return SheetReading(self._read_all(cuts), alignment)

    def cut_digits(self, gray: Gray, values: Mapping[str, str]) -> list[CorrectedField]:
        """Return the digits of fields on a page, of which a person has given the values.

        values: by name of the field. Raises InputError as `read` does.
        """
        fields = [field for field in self._form.fields if field.name in values]
        cuts, _ = self._cut(gray, fields)
        found = []
        for field, cut in zip(fields, cuts, strict=True):
            readings = self._reader.read_all(cut.gray)[1]
            value = values[field.name]
            found.append(CorrectedField(field.name, value, cut_digits(cut.gray, readings, value)))
        return found

    def _cut(self, gray: Gray, fields: Sequence[Field]) -> tuple[list[Cut], float | None]:
        """Return the images of fields on a page, and the share of the template's print that it shows."""
        if self._template is None:
            return [cut_box(gray, place(field, *gray.shape[::-1])) for field in fields], None
        alignment = self._template.align(gray)
        boxes = [place(field, *self._template.size) for field in fields]
        return [cut_aligned(gray, box, alignment, self._template.printed) for box in boxes], alignment.found

    def _read_all(self, cuts: Sequence[Cut]) -> list[FieldReading]:
        found = []
        for field, cut in zip(self._form.fields, cuts, strict=True):
            reading = _read(self._reader, field, cut)
            rejected = reading.status is Status.REJECTED
            found.append(reading._replace(crop=_encode(cut.shown)) if self._crops and rejected else reading)
        return found


def _encode(gray: Gray) -> bytes:
    """Return an image of at most `CROP` pixels high as a JPEG file."""
    scale = min(1.0, CROP / gray.shape[0])
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def open_template(form: Form) -> Template | None:
    """Return the template of a form, None without one; raises UsageError."""
    if form.template is None:
        return None
    try:
        template = Template(read_gray(form.template))
        for field in form.fields:
            place(field, *template.size)
    except InputError as error:
        raise UsageError(f"{form.template}: {error}") from error
    return template


def place(field: Field, width: int, height: int) -> Box:
    """Return where a field is on a page of this size; raises InputError."""
    try:
        return field.part.box(width, height)
    except UsageError:
        where = f"the box {field.part.text} of the field {field.name} is not within the page"
        raise InputError(f"{where}, which is {width} x {height}") from None


def _read(reader: Reader, field: Field, cut: Cut) -> FieldReading:
    if cut.inside < LEAST_INSIDE:
        return FieldReading(field.name, "", None, 0.0, Status.REJECTED, OUTSIDE, cut.box, ())
    page, readings = reader.read_all(cut.gray)
    digits = tuple(digit._replace(box=cut.place(digit.box)) for digit in page.digits)
    if digits:
        text, trust, reason = choose(field, readings)
    elif any(each.reason in UNREAD for each in page.dropped):
        text, trust, reason = "", 0.0, Misfit.UNREAD.value
    else:
        text, trust = "", min(map(find_emptiness, readings))
        reason = EMPTY if field.required else ""
    if not reason and trust < reader.least_field_trust:
        reason = Reason.LOW_CONFIDENCE.value
    status = Status.REJECTED if reason else Status.OK
    value = find_value(field, text)
    return FieldReading(field.name, write(field, text), value, trust, status, reason, cut.box, digits)


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
