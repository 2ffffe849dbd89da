"""Takes printed rules, boxes and squared paper out of a page's ink, and leaves the strokes that cross them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

RUN = 24  # pixels: rules are made of straight runs of at least this
LONG = 0.5  # of the page's mean side: a level line as long as this is a rule and no stroke
TALL = 0.7  # of the page's mean side: the same of an upright one, as ones and sevens are upright lines, too
THIN = 12.0  # times: a rule's length over its thickness, at least
NEAR = 4  # pixels: a line that ends so near to a rule ends at it
OFF = 1.5  # pixels: a straight line's middle wavers by no more
STRAIGHT = 0.85  # of a rule's columns at least are straight
WIDER, BARE = 1.5, 0.6  # times a rule's usual width: where it has more it has digits on it; and what share has not
BOLDER, BOLD = 1.4, 16.0  # times a rule's strength, and more on top: ink so much darker is a stroke's


def without_rules(mask: Gray, strength: Gray) -> tuple[Gray, Gray]:
    """Return a mask without its rules, and the rules: uint8 (height, width), 255 ink on 0.

    strength: the ink's, of the same shape. A rule may slant a little and waver. Where a stroke crosses it or goes along
    it, what is higher across the rule than the rule itself, or much darker, is the stroke and stays.
    """
    side = float(np.sqrt(mask.size))
    level = _lines(mask, LONG * side)
    turned = np.ascontiguousarray(mask.T)
    ends = np.ascontiguousarray(level.T) if level.any() else None
    upright = np.ascontiguousarray(_lines(turned, TALL * side, ends, strength.T).T)
    strokes = np.zeros_like(mask)
    if level.any():
        strokes |= _strokes(mask & ~upright, level, strength)
    if upright.any():
        across = (np.ascontiguousarray(each.T) for each in (mask & ~level, upright, strength))
        strokes |= _strokes(*across).T
    rules = (level | upright) & ~strokes
    return mask & ~rules, rules


def may_hold_rules(width: int, height: int, page: int) -> bool:
    """Tell by the widest and the highest blob, and a page's pixels, whether it can have a rule."""
    side = float(np.sqrt(page))
    return width >= LONG * side or height >= TALL * side


def _lines(mask: Gray, least: float, ends: Gray | None = None, strength: Gray | None = None) -> Gray:
    """Lines from left to right: runs that touch one another and are long together.

    least: pixels. ends: rules across; a line between two of them, or one and the page's edge, may be shorter where it
    is not much darker than they are. strength: the ink's, wanted with `ends`.
    """
    if mask.shape[1] <= RUN:
        return np.zeros_like(mask)
    # A line of one pixel that slants is a stair of short runs: made a pixel thicker, its runs overlap.
    thick = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, RUN), np.uint8))
    if not runs.any():
        return np.zeros_like(mask)
    _, found, found_stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    labels, stats = np.asarray(found, np.int32), np.asarray(found_stats, np.int32)
    left, wide, area = (stats[:, column] for column in (cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH, cv2.CC_STAT_AREA))
    rule = wide >= least
    darkest = np.inf
    if ends is not None and strength is not None:
        rule |= _between(labels, left, wide, ends)
        darkest = BOLDER * float(np.median(strength[ends > 0]))
    rule &= area <= wide * (wide / THIN + 2)
    rule[0] = False
    if not rule.any():
        return np.zeros_like(mask)
    for index in np.flatnonzero(rule).tolist():
        x, y, wide_, high = stats[index, :4].tolist()
        window = np.s_[y : y + high, x : x + wide_]
        line = labels[window] == index
        rule[index] = _is_straight(line)
        if rule[index] and wide_ < least and strength is not None:
            rule[index] &= float(strength[window][line & (mask[window] > 0)].mean()) <= darkest
    return np.asarray((rule.astype(np.uint8) * 255)[labels] & mask, np.uint8)


def _is_straight(line: NDArray[np.bool_]) -> bool:
    """Tell a rule, which is straight or bent a little by a lens, from the feet of joined digits."""
    rows, across = line.shape
    columns = np.arange(across, dtype=np.float64)
    counts = line.sum(0)
    slim = (counts > 0) & (counts <= WIDER * np.median(counts[counts > 0]) + 1)  # where no digit stands on it
    if slim.sum() < BARE * np.count_nonzero(counts):
        return False
    middle = (np.arange(rows) @ line) / np.maximum(counts, 1)
    there = slim
    for _ in range(2):  # the second time without what stands out
        bend = np.polyval(np.polyfit(columns[there], middle[there], 2), columns)
        near = np.abs(middle - bend) <= OFF
        if near[slim].mean() < STRAIGHT / 2:
            return False
        there = near & slim
    return float(near[slim].mean()) >= STRAIGHT


def _between(
    labels: NDArray[np.int32], left: NDArray[np.int32], wide: NDArray[np.int32], ends: Gray
) -> NDArray[np.bool_]:
    """Tell of each line whether it goes from one rule to another: bool (n,)."""
    width = labels.shape[1]
    found = np.zeros(len(left), np.bool_)
    met = labels * (np.asarray(cv2.dilate(ends, np.ones((1, 2 * NEAR + 1), np.uint8))) > 0)
    for index in np.unique(met)[1:].tolist():
        columns = np.flatnonzero((met[:, left[index] : left[index] + wide[index]] == index).any(0)) + left[index]
        first, last = int(columns[0]), int(columns[-1])
        from_rule, to_rule = first <= left[index] + NEAR, last >= left[index] + wide[index] - NEAR
        from_edge, to_edge = left[index] <= NEAR, left[index] + wide[index] >= width - NEAR
        crossed = last - first > wide[index] // 2
        found[index] = crossed and (from_rule or from_edge) and (to_rule or to_edge)
    return found


def _strokes(mask: Gray, lines: Gray, strength: Gray) -> Gray:
    """The pixels of level lines that are a stroke's."""
    # A line's thickness: the mean height of the runs across it.
    starts = int(np.count_nonzero((lines[1:] > 0) & (lines[:-1] == 0))) + int(np.count_nonzero(lines[0]))
    thick = max(1, round(int(np.count_nonzero(lines)) / max(1, starts)))
    high = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2 * thick + 1, 1), np.uint8))
    darker = BOLDER * float(np.median(strength[lines > 0])) + BOLD
    return np.asarray(lines & (np.asarray(high, np.uint8) | np.where(strength > darker, np.uint8(255), np.uint8(0))))
