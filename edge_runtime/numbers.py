"""Group the digits of a page into numbers, and write rows of numbers as text."""

from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

from edge_runtime.decide import Reason
from edge_runtime.types import Box, Digit, Status

GAP, FAR = 1.5, 2.5  # heights of a digit: a wider gap separates two numbers of a row, unless the row is spaced evenly
EVEN = 1.5  # times the median gap of the row: up to this, and up to FAR, a gap belongs to the spacing of the row
UNREADABLE = "?"  # stands where a digit was rejected


class Number(NamedTuple):
    """Digits of one row without a wide gap between them."""

    text: str  # the digits, with ? where one was rejected
    box: Box  # around all of them
    row: int  # number of its row on the page, from 0 at the top
    confidence: float  # 0..1, the lowest of its digits

    @property
    def value(self) -> int | None:
        """The number; None if a digit of it was rejected."""
        return None if UNREADABLE in self.text else int(self.text)


def find_numbers(digits: Iterable[Digit]) -> list[Number]:
    """Return the numbers of a page in reading order.

    digits: in reading order, accepted and rejected. A run of non-digits alone, such as a word, is not a number.
    """
    numbers = []
    for row, members in groupby(digits, lambda digit: digit.row or 0):
        for run in _runs(list(members)):
            if any(digit.status is Status.OK or digit.reason != Reason.NOT_A_DIGIT for digit in run):
                text = "".join(str(digit.label) if digit.status is Status.OK else UNREADABLE for digit in run)
                numbers.append(Number(text, _around(run), row, min(digit.confidence for digit in run)))
    return numbers


def write_rows(numbers: Iterable[Number]) -> str:
    """Return numbers as text: those of a row joined by a space, rows joined by a newline."""
    rows = groupby(numbers, lambda number: number.row)
    return "\n".join(" ".join(number.text for number in row) for _, row in rows)


def _runs(row: list[Digit]) -> list[list[Digit]]:
    """Split a row of digits at its wide gaps."""
    height = sorted(digit.box.height for digit in row)[len(row) // 2]
    gaps = [digit.box.x - before.box.x - before.box.width for before, digit in pairwise(row)]
    wide = GAP * height
    if len(gaps) > 1:
        wide = max(wide, min(FAR * height, EVEN * sorted(gaps)[len(gaps) // 2]))
    runs = [row[:1]]
    for gap, digit in zip(gaps, row[1:], strict=True):
        if gap > wide:
            runs.append([])
        runs[-1].append(digit)
    return runs


def _around(digits: list[Digit]) -> Box:
    left, top = min(digit.box.x for digit in digits), min(digit.box.y for digit in digits)
    right = max(digit.box.x + digit.box.width for digit in digits)
    bottom = max(digit.box.y + digit.box.height for digit in digits)
    return Box(left, top, right - left, bottom - top)
