"""The result of reading one image: as text, for JSON, and drawn over the image."""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime.numbers import Number, find_numbers, write_rows
from edge_runtime.types import Box, Digit, Mark, Status

if TYPE_CHECKING:
    from edge_runtime.images.inputs import Channels, ImageLike

Boxed = TypeVar("Boxed", Digit, Mark)


class Page(NamedTuple):
    """The result of reading one image."""

    digits: tuple[Digit, ...]  # in reading order, ok or rejected
    width: int  # pixels
    height: int  # pixels
    dropped: tuple[Digit, ...] = ()  # candidates that were not read as digits: a reason and no label
    turns: int = 0  # quarter turns, 0 to 3, by which the digits are rotated counterclockwise in the image
    marks: tuple[Mark, ...] = ()  # of the numbers, by row and place
    least_trust: float = 0.0  # 0..1: numbers with less are rejected

    @property
    def text(self) -> str:
        """The numbers of the page with their marks: rows joined by a newline, numbers of a row by a space, ? for a
        rejected digit.
        """
        return write_rows(self.numbers)

    @property
    def numbers(self) -> list[Number]:
        """The numbers of the page in reading order: digits of a row without a wide gap between them."""
        upright = self.turn(-self.turns)
        found = find_numbers(upright.digits, upright.marks, self.least_trust)
        return [each._replace(box=each.box.turn(upright.width, upright.height, self.turns)) for each in found]

    @property
    def status(self) -> Status:
        """OK if there is a number and no number was rejected: all of its digits are accepted and can be trusted."""
        return _status(self.numbers)

    @property
    def digits_text(self) -> str:
        """The accepted digits alone, rows joined by a newline; rows without an accepted digit are omitted."""
        rows: dict[int | None, str] = {}
        for digit in self.digits:
            if digit.status is Status.OK:
                rows[digit.row] = rows.get(digit.row, "") + str(digit.label)
        return "\n".join(rows.values())

    def move(self, part: Box, width: int, height: int) -> "Page":
        """Return the page of a part of an image as a page of the whole image, of this width and height in pixels."""
        return self._replace(
            digits=_move(self.digits, part),
            width=width,
            height=height,
            dropped=_move(self.dropped, part),
            marks=_move(self.marks, part),
        )

    def turn(self, turns: int) -> "Page":
        """Return the page of the image rotated counterclockwise by quarter turns, with the same text."""
        if turns % 4 == 0:
            return self
        size = (self.width, self.height) if turns % 2 == 0 else (self.height, self.width)
        return self._replace(
            digits=self._turned(self.digits, turns),
            width=size[0],
            height=size[1],
            dropped=self._turned(self.dropped, turns),
            turns=(self.turns + turns) % 4,
            marks=self._turned(self.marks, turns),
        )

    def _turned(self, items: tuple[Boxed, ...], turns: int) -> tuple[Boxed, ...]:
        return tuple(each._replace(box=each.box.turn(self.width, self.height, turns)) for each in items)

    def to_dict(self, digits_only: bool = False) -> dict[str, Any]:
        """Return the page for JSON, as `edge-digits read --json` prints it.

        `text`, which is `digits_text` if `digits_only`; `status`; the `numbers` with `text`, `value` or null,
        `status`, `confidence`, `trust`, `box` as [x, y, width, height] in pixels, and `row`; the accepted `digits` with
        `label`, `confidence`, `box` and `row`; the `marks` with `text`, `box` and `row`; the `rejected` digits, with a
        `reason` in addition; the `dropped` candidates, with `box` and `reason`; `turns`, the quarter turns by which the
        digits are rotated counterclockwise; and `image` as [width, height].
        """
        numbers = self.numbers
        return {
            "text": self.digits_text if digits_only else write_rows(numbers),
            "status": _status(numbers).value,
            "numbers": [_number(each) for each in numbers],
            "digits": [_digit(each) for each in self.digits if each.status is Status.OK],
            "marks": [{"text": each.text, "box": list(each.box), "row": each.row} for each in self.marks],
            "rejected": [_digit(each) for each in self.digits if each.status is not Status.OK],
            "dropped": [{"box": list(each.box), "reason": each.reason} for each in self.dropped],
            "turns": self.turns,
            "image": [self.width, self.height],
        }

    def draw(self, image: "ImageLike", channels: "Channels" = "bgr") -> NDArray[np.uint8]:
        """Return the image with a box and a label for each digit: green if accepted, orange if rejected.

            cv2.imwrite("seen.png", read_page("note.jpg").draw("note.jpg"))

        image: the image that was read, in any form that `read_page` accepts. channels: the order of colours, both in an
        array and in the result. Returns uint8 (height, width, 3). Raises UsageError for an image of another size.
        """
        from edge_runtime.overlay import draw_over  # here because it needs OpenCV

        return draw_over(image, self.digits, (self.width, self.height), channels)


def _digit(digit: Digit) -> dict[str, Any]:
    record = {"label": digit.text, "confidence": round(digit.confidence, 4), "box": list(digit.box), "row": digit.row}
    return record | ({"reason": digit.reason} if digit.reason else {})


def _status(numbers: list[Number]) -> Status:
    accepted = numbers and all(number.status is Status.OK for number in numbers)
    return Status.OK if accepted else Status.REJECTED


def _number(number: Number) -> dict[str, Any]:
    record = {"text": number.text, "value": number.value, "status": number.status.value}
    shares = {"confidence": round(number.confidence, 4), "trust": round(number.trust, 4)}
    return record | shares | {"box": list(number.box), "row": number.row}


def _move(items: tuple[Boxed, ...], part: Box) -> tuple[Boxed, ...]:
    """Move boxes in a part of an image to the image."""
    return tuple(each._replace(box=each.box._replace(x=each.box.x + part.x, y=each.box.y + part.y)) for each in items)
