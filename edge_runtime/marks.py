"""Tell what the marks of a page are, from their shape and their place beside the digits of a row."""

from collections.abc import Iterable, Sequence

import numpy as np

from edge_runtime.types import Box, Digit, Mark, Status

SLASH = "/"
# All relative to the median height of the digits of a row, from the top of the row, y downward.
ABOVE, BELOW = 0.35, 0.5  # a mark may reach so far over and under its row
ASIDE = 1.0  # the largest distance of a mark from the nearest digit
TALL = 0.6  # a slash is higher
WIDE, FLAT = 0.15, 1.5  # a minus is wider, and so many times as wide as high
LOW = 0.7  # the middle of a point or a comma is lower
DEEP = 1.12  # a comma reaches lower
NEAR = 0.2  # the largest sideways distance of the two dots of a colon


def name_marks(boxes: Iterable[Box], digits: Sequence[Digit]) -> list[Mark]:
    """Return the marks among boxes of ink, pixels: those that are beside accepted digits and have a known shape."""
    rows: dict[int, list[Box]] = {}
    for digit in digits:
        if digit.status is Status.OK and digit.row is not None:
            rows.setdefault(digit.row, []).append(digit.box)
    found: list[Mark] = []
    for box in sorted(boxes):
        places = [(distance, row) for row, beside in rows.items() if (distance := _distance(box, beside)) is not None]
        if places:
            row = min(places)[1]
            text = _shape(box, rows[row])
            if text:
                found.append(Mark(text, box, row))
    return _join_colons(found, rows)


def _near(box: Box, beside: list[Box]) -> tuple[float, float, float]:
    """Return the height of the digits of a row, and the top of the one next to a box, and its distance, pixels."""
    height = float(np.median([each.height for each in beside]))
    nearest = min(beside, key=lambda each: _gap(box, each))
    return height, nearest.y + nearest.height - height, _gap(box, nearest)


def _gap(box: Box, other: Box) -> float:
    return max(box.x - other.x - other.width, other.x - box.x - box.width)


def _distance(box: Box, beside: list[Box]) -> float | None:
    """Return how far a box is from a row, upwards or downwards, pixels; None if it is not at the row."""
    height, top, gap = _near(box, beside)
    over, under = top - ABOVE * height, top + (1 + BELOW) * height
    if gap > ASIDE * height or box.y < over or box.y + box.height > under:
        return None
    return abs(box.y + box.height / 2 - top - height / 2)


def _shape(box: Box, beside: list[Box]) -> str:
    """Return which mark a box of ink is; empty for none."""
    height, top, _ = _near(box, beside)
    middle, bottom = (box.y + box.height / 2 - top) / height, (box.y + box.height - top) / height
    if box.height > TALL * height:
        return SLASH
    if box.width > WIDE * height and box.width > FLAT * box.height:
        return "-" if 1 - LOW < middle < LOW + 0.1 else ""
    if middle > LOW:
        return "," if bottom > DEEP else "."
    return ":"  # the upper dot of one, until it is joined


def _join_colons(marks: list[Mark], rows: dict[int, list[Box]]) -> list[Mark]:
    """Return marks with both dots of a colon as one mark, and without upper dots that have no lower one."""
    uppers = [mark for mark in marks if mark.text == ":"]
    found = [mark for mark in marks if mark.text != ":"]
    for upper in uppers:
        height = float(np.median([each.height for each in rows[upper.row]]))
        for lower in found:
            same = lower.row == upper.row and lower.text in ".,"
            if same and abs(_middle(lower.box) - _middle(upper.box)) < NEAR * height:
                left = min(lower.box.x, upper.box.x)
                right = max(each.x + each.width for each in (lower.box, upper.box))
                down = lower.box.y + lower.box.height
                found.remove(lower)
                found.append(Mark(":", Box(left, upper.box.y, right - left, down - upper.box.y), upper.row))
                break
    return sorted(found, key=lambda mark: (mark.row, mark.box.x))


def _middle(box: Box) -> float:
    return box.x + box.width / 2
