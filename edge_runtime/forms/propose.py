"""Propose the fields of a blank form from its printed boxes, combs and lines.

Cells are the holes of the printed lines; neighbours of the same height in a row are one field. A comb is a line from
which short lines of the same distance rise, and any other line that is neither a rule nor part of a box is a field.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.limits import FIELD_DIGITS, FIELDS
from edge_runtime.types import Box, bounding_box

# Shares of the longer side of the form, if not said otherwise.
LEAST_CELL, LARGEST_CELL = 0.008, 0.06  # height of a cell
BASE = 0.014  # length of the line of a comb
LONG, LONGEST = 0.02, 0.7  # of a line to write on: length, and the longest as a share of the form's width
LEAST_STEP = 0.0145  # between the lines of a comb: letters are narrower
THIN = 0.006  # height of what is connected with a line to write on, at most
TICK = 0.004  # height of the lines of a comb
WRITTEN = 0.024  # height of the space above a line
HIGHER = (1.8, 1.5, 1.2)  # times that the space above a line may be higher, where nothing is printed
FULL = 0.85  # of the area of a cell, in its bounding box: it is a rectangle
BESIDE = 0.35  # gap between cells of a field, widths of a cell
LIKE = 0.15  # difference of heights of such cells, shares of the height
WIDE = 1.6  # times its height: a wider cell has room for more than one digit
EVEN = 0.15  # deviation of the distances of a comb's lines, shares of their median
PRINTED = 0.03  # of the area of a field, at most, in which other things than lines are printed
MARGIN = 0.003  # around a field

Mask = NDArray[np.uint8]


class Proposal(NamedTuple):
    """A place that is probably a field."""

    box: Box  # pixels of the form
    digits: int | None  # cells for one digit each; None if there are none


def propose_fields(printed: Mask) -> list[Proposal]:
    """Return the probable fields of a blank form, row by row; at most `FIELDS`.

    printed: where it is printed, uint8 (height, width), 0 or 1, as `Template.printed`.
    """
    side = max(printed.shape)
    across = _open(printed, round(BASE * side), 1)
    down = _open(printed, 1, max(6, round(TICK * side)))
    cells = _find_cells(across | down, side)
    found = _group(cells)
    text = np.where(cv2.dilate(across | down, np.ones((3, 3), np.uint8)) > 0, 0, printed).astype(np.uint8)
    heights = _heights(printed)
    lines = [line for line in _boxes(across) if not _is_near(line, found, side)]
    for line in lines:
        proposal = _comb(line, down, side) or _line(line, heights, side)
        if proposal and _is_free(proposal.box, text) and not any(_overlap(proposal.box, each.box) for each in found):
            found.append(proposal)
    found = [_without_printed(each, printed) for each in found]
    return _in_order([_widen(each, found, printed.shape, side) for each in found])[:FIELDS]


def _open(printed: Mask, width: int, height: int) -> Mask:
    """Return the straight lines of the print that are at least so long; gaps of a pixel are closed."""
    closed = cv2.morphologyEx(printed, cv2.MORPH_CLOSE, np.ones((2, 2), np.uint8))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((height, width), np.uint8)), np.uint8)


def _boxes(mask: Mask) -> list[Box]:
    """Return the bounding boxes of the connected parts of a mask."""
    return [Box(*box) for box in cv2.connectedComponentsWithStats(mask)[2][1:, :4].tolist()]


def _find_cells(lines: Mask, side: int) -> list[Box]:
    """Return the rectangular holes of printed lines."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(1 - lines, connectivity=4)
    least, most = LEAST_CELL * side, LARGEST_CELL * side
    cells = []
    for x, y, width, height, area in stats[1:].tolist():
        if least <= height <= most and width >= least and area > FULL * width * height:
            cells.append(Box(x, y, width, height))
    return cells


def _group(cells: list[Box]) -> list[Proposal]:
    """Return fields of cells: neighbours of about the same size are the cells of one field."""
    left = sorted(cells)
    found = []
    while left:
        group = [left.pop(0)]
        while after := next((cell for cell in left if _continues(group[-1], cell)), None):
            left.remove(after)
            group.append(after)
        for part in (group[start : start + FIELD_DIGITS] for start in range(0, len(group), FIELD_DIGITS)):
            single = len(part) == 1 and part[0].width > WIDE * part[0].height
            found.append(Proposal(bounding_box(part), None if single else len(part)))
    return found


def _continues(cell: Box, after: Box) -> bool:
    gap = after.x - cell.x - cell.width
    same = abs(after.height - cell.height) < LIKE * cell.height and abs(after.y - cell.y) < LIKE * cell.height
    narrow = max(after.width, cell.width) < WIDE * cell.height
    return same and narrow and 0 <= gap <= BESIDE * cell.width and abs(after.width - cell.width) < BESIDE * cell.width


def _comb(line: Box, down: Mask, side: int) -> Proposal | None:
    """Return the field of a comb, whose base a line is; None if it is not one."""
    reach = round(WRITTEN * side)
    top = max(0, line.y - reach)
    teeth = down[top : line.y + line.height, line.x : line.x + line.width]
    rising = [box for box in _boxes(np.ascontiguousarray(teeth)) if box.y + box.height >= line.y - top]
    places = sorted(box.x + box.width / 2 for box in rising if box.height > 2 * line.height)
    steps = np.diff(places)
    if len(steps) < 1 or not 1 <= len(steps) <= FIELD_DIGITS:
        return None
    step = float(np.median(steps))
    if step < LEAST_STEP * side or np.abs(steps - step).max() > EVEN * step:
        return None
    high = max(*(box.height for box in rising), round(1.2 * step))
    high = min(high, line.y + line.height)
    start, stop = round(places[0]), round(places[-1])
    return Proposal(Box(line.x + start, line.y + line.height - high, stop - start, high), len(steps))


def _line(line: Box, heights: NDArray[np.int32], side: int) -> Proposal | None:
    """Return the field above a line; None for a rule of the form, a stroke of a letter, or at the upper edge."""
    high = round(WRITTEN * side)
    if not LONG * side <= line.width <= LONGEST * heights.shape[1] or line.y < high:
        return None
    if heights[line.y : line.y + line.height, line.x : line.x + line.width].max() > THIN * side:
        return None
    for times in HIGHER:  # as much space as there is
        top = line.y - round(times * high)
        if top > 0 and not heights[top : line.y - high, line.x : line.x + line.width].any():
            high = line.y - top
            break
    return Proposal(Box(line.x, line.y + line.height - high, line.width, high), None)


def _heights(printed: Mask) -> NDArray[np.int32]:
    """Return the height of the connected print at each pixel, 0 without any."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(printed)
    tall = stats[:, cv2.CC_STAT_HEIGHT].astype(np.int32)
    tall[0] = 0
    return np.asarray(tall[labels], np.int32)


def _is_free(box: Box, text: Mask) -> bool:
    """Return whether hardly anything but lines is printed in a box."""
    x, y, width, height = box
    return float(text[y : y + height, x : x + width].mean()) < PRINTED


def _without_printed(proposal: Proposal, printed: Mask) -> Proposal:
    """Return a field without the cells in whose middle something is printed, such as the slashes of a date."""
    if not proposal.digits:
        return proposal
    x, y, width, height = proposal.box
    inner = printed[y + height // 5 : y + 4 * height // 5]
    step = width / proposal.digits
    starts = [x + place * step for place in range(proposal.digits)]
    free = sum(not inner[:, round(start + 0.25 * step) : round(start + 0.75 * step)].any() for start in starts)
    return proposal._replace(digits=free or None)


def _is_near(line: Box, found: list[Proposal], side: int) -> bool:
    """Return whether a line belongs to the cells of a field."""
    reach = MARGIN * side
    for (x, y, width, height), _ in found:
        beside = x - reach <= line.x + line.width and line.x <= x + width + reach
        if beside and y - reach <= line.y + line.height and line.y <= y + height + reach:
            return True
    return False


def _widen(proposal: Proposal, others: list[Proposal], shape: tuple[int, ...], side: int) -> Proposal:
    """Return a field with a margin, where that does not reach another field or the edge."""
    x, y, width, height = proposal.box
    for margin in range(round(MARGIN * side), 0, -1):
        wider = Box(x - margin, y - margin, width + 2 * margin, height + 2 * margin)
        inside = wider.x >= 0 and wider.y >= 0 and x + width + margin <= shape[1] and y + height + margin <= shape[0]
        near = (each for each in others if each is not proposal)
        twice = Box(x - 2 * margin, y - 2 * margin, width + 4 * margin, height + 4 * margin)
        if inside and not any(_overlap(twice, each.box) for each in near):
            return proposal._replace(box=wider)
    return proposal


def _overlap(one: Box, other: Box) -> bool:
    across = max(one.x, other.x) < min(one.x + one.width, other.x + other.width)
    return across and max(one.y, other.y) < min(one.y + one.height, other.y + other.height)


def _in_order(found: list[Proposal]) -> list[Proposal]:
    """Return fields row by row: those whose middles are within the height of the first of a row are in it."""
    left = sorted(found, key=lambda each: each.box.y + each.box.height)
    ordered: list[Proposal] = []
    while left:
        first = left[0].box
        row = [each for each in left if each.box.y < first.y + first.height / 2]
        ordered += sorted(row, key=lambda each: each.box.x)
        left = [each for each in left if each not in row]
    return ordered
