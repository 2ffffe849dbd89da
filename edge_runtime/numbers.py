"""Group the digits and marks of a page into numbers, and write rows of numbers as text."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from math import prod
from typing import NamedTuple

from edge_runtime.decide import Reason
from edge_runtime.types import Box, Digit, Mark, Status, bounding_box

GAP, FAR = 1.5, 2.5  # heights of a digit: a wider gap separates two numbers of a row, unless the row is spaced evenly
EVEN = 1.5  # times the median gap of the row: up to this, and up to FAR, a gap belongs to the spacing of the row
UNREADABLE = "?"  # stands where a digit was rejected
MINUS = "-"
VALUE = re.compile(r"-?[0-9]+([.,][0-9]+)?")  # a text that is a number

Item = Digit | Mark


class Number(NamedTuple):
    """Digits and marks of one row without a wide gap between them."""

    text: str  # the digits and marks, with ? where a digit was rejected
    box: Box  # around all of them
    row: int  # number of its row on the page, from 0 at the top
    confidence: float  # 0..1, the lowest of its digits
    trust: float  # 0..1, the probability that all of its digits are right
    status: Status  # rejected if a digit of it was rejected or its trust is too low

    @property
    def value(self) -> int | float | None:
        """The number; None if a digit of it was rejected or its marks make it a date, a time or a fraction."""
        if not VALUE.fullmatch(self.text):
            return None
        return int(self.text) if self.text.lstrip(MINUS).isdigit() else float(self.text.replace(",", "."))


def find_numbers(digits: Iterable[Digit], marks: Sequence[Mark] = (), least_trust: float = 0.0) -> list[Number]:
    """Return the numbers of a page in reading order.

    digits: in reading order, accepted and rejected. A run of non-digits alone, such as a word, is not a number. marks:
    of the page; one that is not between two digits of a number is left out, unless it is a minus before one.
    least_trust: numbers with less are rejected.
    """
    numbers = []
    for row, members in groupby(digits, lambda digit: digit.row or 0):
        for run in _runs(list(members), [mark for mark in marks if mark.row == row]):
            inner = [each for each in run if isinstance(each, Digit)]
            if any(digit.status is Status.OK or digit.reason != Reason.NOT_A_DIGIT for digit in inner):
                text = "".join(_text(each) for each in run)
                trust = prod(digit.trust for digit in inner if digit.status is Status.OK)
                accepted = UNREADABLE not in text and trust >= least_trust
                least = min(digit.confidence for digit in inner)
                status = Status.OK if accepted else Status.REJECTED
                numbers.append(Number(text, bounding_box([item.box for item in run]), row, least, trust, status))
    return numbers


def write_rows(numbers: Iterable[Number]) -> str:
    """Return numbers as text: those of a row joined by a space, rows joined by a newline."""
    rows = groupby(numbers, lambda number: number.row)
    return "\n".join(" ".join(number.text for number in row) for _, row in rows)


def _text(item: Item) -> str:
    if isinstance(item, Mark):
        return item.text
    return str(item.label) if item.status is Status.OK else UNREADABLE


def _runs(row: list[Digit], marks: list[Mark]) -> list[list[Item]]:
    """Split a row of digits, with its marks, at its wide gaps."""
    height = sorted(digit.box.height for digit in row)[len(row) // 2]
    items: list[Item] = list(row)
    for mark in marks:
        place = sum(_middle(each.box) < _middle(mark.box) for each in items)
        items.insert(place, mark)
    gaps = [digit.box.x - before.box.x - before.box.width for before, digit in pairwise(items)]
    wide = GAP * height
    if len(gaps) > 1:
        wide = max(wide, min(FAR * height, EVEN * sorted(gaps)[(len(gaps) - 1) // 2]))
    runs = [items[:1]]
    for gap, item in zip(gaps, items[1:], strict=True):
        if gap > wide:
            runs.append([])
        runs[-1].append(item)
    return [kept for run in runs if (kept := _without_loose_marks(run))]


def _without_loose_marks(run: list[Item]) -> list[Item]:
    """Return a run without marks at its ends and beside other marks; a minus before the first digit stays."""
    kept: list[Item] = []
    for place, item in enumerate(run):
        after = run[place + 1] if place + 1 < len(run) else None
        first = not kept and isinstance(item, Mark) and item.text == MINUS
        between = bool(kept) and isinstance(kept[-1], Digit)
        if isinstance(item, Digit) or (isinstance(after, Digit) and (between or first)):
            kept.append(item)
    return kept


def _middle(box: Box) -> float:
    return box.x + box.width / 2
