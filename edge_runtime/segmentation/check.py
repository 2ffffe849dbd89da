"""Compare the digits of a page with its map: which are rejected, what was missed, and which reading is taken."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.decide import Reason
from edge_runtime.segmentation.maps import PER_CELL, PageMap
from edge_runtime.segmentation.outputs import Kind
from edge_runtime.types import Box, Digit, Status

LEAST_TRUST, OUTSIDE = 0.1, 0.75  # digits with less are rejected: in a trusted row, and elsewhere
PROBABLE = 0.1  # candidates with less are probably non-digits, except in a trusted row
TRUSTED = 0.6  # median trust of a row of digits from which the row is trusted
MORE, OF_ALL = 1.0, 0.3  # a reading is taken instead of the first one if it has so many more right digits, or a share
CELL_DIGIT = 0.1  # mean probability of a digit from which a cell counts for the turn of the page
SIDEWAYS = 1.0  # mean logarithm of the odds of digits that are rotated by 90 or 270 degrees
CERTAIN = 0.95  # probability of a mark that some part of it has
LEAST_MARK = 2  # squares of a mark or of other ink: specks of dirt are smaller
OTHERS = 100  # places of other ink that are listed
DIGIT = 0.5  # probability of a digit from which a place that was not read is missed
TALL = 0.7  # heights of a digit: the least height of a place that is missed
NEAR = 0.8  # heights: ink beside a digit is at most so far away
LOWER = 0.5  # the same of the digits that were read
AROUND = 0.15  # heights: margin of a box, within which strokes belong to its digit
SAME = 0.4  # intersection over union of two boxes of the same digit


def count_digits(page: PageMap) -> int:
    """Return the number of connected places where the map shows digits."""
    return int(cv2.connectedComponents((page.digits > DIGIT).astype(np.uint8))[0]) - 1


def is_sideways(page: PageMap) -> bool:
    """Return whether the digits of a page are rotated by 90 or 270 degrees."""
    sideways = page.turns[..., 1] + page.turns[..., 3]
    odds = _mean_over_digits(np.log(sideways + 1e-4) - np.log(1 - sideways + 1e-4), page)
    return bool(odds > SIDEWAYS)


def upside_down(page: PageMap) -> float:
    """Return the mean logarithm of the odds that the digits of a page are upside down, not upright; 0 without any."""
    logs = np.log(page.turns + 1e-4)
    return _mean_over_digits(logs[..., 2] - logs[..., 0], page)


def _mean_over_digits(values: NDArray[np.float32], page: PageMap) -> float:
    """Return the mean of values of the cells that show digits; 0 if there are none."""
    rows, columns = values.shape
    weights = page.kinds[..., Kind.DIGIT].reshape(rows, PER_CELL, columns, PER_CELL).mean((1, 3))
    weights = np.where(weights > CELL_DIGIT, weights, 0)
    return float((weights * values).sum() / weights.sum()) if weights.any() else 0.0


def count_same(digits: Sequence[Digit], readings: Sequence[Sequence[Digit]]) -> NDArray[np.intp]:
    """Return how many other readings have the same accepted digit at the place of each of N digits, (N,)."""
    counts = np.zeros(len(digits), np.intp)
    for reading in readings:
        for label in range(10):
            mine = [number for number, digit in enumerate(digits) if digit.label == label]
            others = [each.box for each in reading if each.label == label and each.status is Status.OK]
            if mine:
                counts[mine] += are_among([digits[number].box for number in mine], others)
    return counts


def are_among(ones: Sequence[Box], others: Sequence[Box]) -> NDArray[np.bool_]:
    """Return whether each of N boxes is that of the same digit as one of the others, (N,)."""
    if not ones or not others:
        return np.zeros(len(ones), np.bool_)
    first, second = np.array(ones, np.float64)[:, np.newaxis], np.array(others, np.float64)
    ends = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    both = np.maximum(ends - np.maximum(first[..., :2], second[..., :2]), 0).prod(2)
    either = first[..., 2:].prod(2) + second[..., 2:].prod(1) - both
    return np.asarray((both > SAME * either).any(1), np.bool_)


def score(trust: NDArray[np.float64], missed: Sequence[Box]) -> float:
    """Return the expected number of right digits of a reading less that of wrong and of missed ones."""
    return float((2 * trust - 1).sum()) - len(missed)


def choose(scores: Sequence[float], counts: Sequence[int]) -> int:
    """Return the number of the reading that is taken: the best one, but the first if it is hardly worse.

    scores: of each; counts: their accepted digits.
    """
    best = int(np.argmax(scores))
    return best if scores[best] - scores[0] > min(MORE, OF_ALL * max(1, counts[best])) else 0


def reject(digits: Sequence[Digit], trust: Sequence[float]) -> tuple[list[Digit], list[Digit]]:
    """Reject the digits of a reading that cannot be trusted: less trust is needed beside digits that are trusted.

    Returns the digits, accepted and rejected, and the probable non-digits.
    """
    rows: dict[int | None, list[float]] = {}
    for digit, chance in zip(digits, trust, strict=True):
        rows.setdefault(digit.row, []).append(chance)
    trusted = {row for row, chances in rows.items() if len(chances) > 1 and np.median(chances) >= TRUSTED}
    kept: list[Digit] = []
    others: list[Digit] = []
    for digit, chance in zip(digits, trust, strict=True):
        found = digit._replace(trust=chance)
        if digit.status is Status.OK and chance < (LEAST_TRUST if digit.row in trusted else OUTSIDE):
            found = found._replace(status=Status.REJECTED, reason=Reason.LOW_CONFIDENCE.value)
        (others if chance < PROBABLE and digit.row not in trusted else kept).append(found)
    return kept, others


def insert(digits: list[Digit], box: Box, label: int | None = None) -> list[Digit]:
    """Return the digits of a page with another one, which is rejected, in its row, or in a row of its own.

    label: what it may be; None if it is unread.
    """
    middle = box.y + box.height / 2
    beside = [each for each in digits if each.box.y <= middle <= each.box.y + each.box.height]
    if beside:
        row = beside[0].row or 0
    else:
        row = 1 + max(((each.row or 0) for each in digits if each.box.y < box.y), default=-1)
        digits = [each._replace(row=(each.row or 0) + ((each.row or 0) >= row)) for each in digits]
    place = sum(((each.row or 0), each.box.x) < (row, box.x) for each in digits)
    shares = () if label is None else tuple(float(each == label) for each in range(10))
    found = Digit(label, 0.0, shares, box, Status.REJECTED, Reason.UNREAD.value, row, trust=0.0)
    return [*digits[:place], found, *digits[place:]]


def find_missed(digits: Sequence[Digit], page: PageMap, marks: Sequence[Box]) -> list[Box]:
    """Return the places where the map shows digits outside of those that were read, pixels of the page.

    marks: those that the map is sure about, see `find_marks`. Any other mark that is as tall as a digit is such a
    place, since a thin 1 resembles a slash.
    """
    accepted = [digit.box.height for digit in digits if digit.status is Status.OK]
    least = LOWER * float(np.median(accepted)) if accepted else 0.0
    left = (page.digits + page.kinds[..., Kind.MARK] > DIGIT).astype(np.uint8)
    for mark in marks:
        left[page.squares(mark)] = 0
    for digit in digits:
        left[page.squares(digit.box, AROUND * digit.box.height)] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(left)
    heights = np.repeat(np.repeat(page.heights, PER_CELL, 0), PER_CELL, 1)
    missed = []
    for number in range(1, count):
        x, y, width, height = (int(side) for side in stats[number, :4])
        around = np.s_[y : y + height, x : x + width]
        usual = float(np.median(heights[around][labels[around] == number]))
        if height / page.scale >= max(TALL * usual, least):
            missed.append(Box(*(round(side / page.scale) for side in (x, y, width, height))))
    return missed


def find_unread(digits: Sequence[Digit], left_out: NDArray[np.intp], marks: Sequence[Box]) -> list[Box]:
    """Return the places of ink that was left out, in the row of a digit, as tall and near, pixels of the page.

    left_out: (N, 4), boxes. marks: those that the map is sure about, which are not among the result.
    """
    boxes = np.array([digit.box for digit in digits], np.intp).reshape(-1, 4)
    x, y, width, height = np.moveaxis(left_out[:, np.newaxis], 2, 0)
    digit_x, digit_y, digit_width, digit_height = boxes.T
    middle, gap = y + height / 2, np.maximum(x - digit_x - digit_width, digit_x - x - width)
    in_row = (digit_y <= middle) & (middle <= digit_y + digit_height)
    beside = (in_row & (height >= TALL * digit_height) & (gap <= NEAR * digit_height)).any(1)
    found = [Box(*box) for box in left_out[beside].tolist()]
    return [box for box, known in zip(found, are_among(found, marks), strict=True) if not known]


def find_marks(page: PageMap) -> list[Box]:
    """Return the places where the map shows marks of numbers, pixels of the page."""
    return _find_places(page, (Kind.MARK,), CERTAIN)


def find_other_ink(page: PageMap, marks: Sequence[Box]) -> list[Box]:
    """Return the largest places where the map shows neither digits nor these marks but ink, pixels of the page."""
    found = _find_places(page, (Kind.OTHER, Kind.MARK), 0.0)
    found = [box for box, known in zip(found, are_among(found, marks), strict=True) if not known]
    return sorted(found, key=lambda box: -box.width * box.height)[:OTHERS]


def _find_places(page: PageMap, kinds: tuple[Kind, ...], certain: float) -> list[Box]:
    """Return the connected places of some kinds, pixels of the page.

    certain: probability of these kinds that each place has somewhere.
    """
    shown = np.isin(page.kinds.argmax(2), kinds).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shown)
    chances = np.zeros(count, np.float32)
    places = np.nonzero(shown)
    np.maximum.at(chances, np.asarray(labels, np.intp)[places], page.kinds[places][:, kinds].sum(1))
    return [
        Box(*(round(int(side) / page.scale) for side in stats[number, :4]))
        for number in range(1, count)
        if chances[number] >= certain and stats[number, cv2.CC_STAT_AREA] >= LEAST_MARK
    ]
