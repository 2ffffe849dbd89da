"""Takes printed rules, boxes and squared paper out of a page's ink, and leaves the strokes that cross them."""

from typing import Any

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
MOST = 1000  # lines that are looked at, the longest; more are a texture and no rules
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
        darkest = BOLDER * _median(strength, ends)
    rule &= area <= wide * (wide / THIN + 2)
    rule[0] = False
    if not rule.any():
        return np.zeros_like(mask)
    longest = np.flatnonzero(rule)
    if len(longest) > MOST:
        longest = longest[np.argsort(-wide[longest], kind="stable")]
        rule[longest[MOST:]] = False
    for index in longest[:MOST].tolist():
        x, y, wide_, high = stats[index, :4].tolist()
        window = np.s_[y : y + high, x : x + wide_]
        line = labels[window] == index
        rule[index] = _is_straight(line)
        if rule[index] and wide_ < least and strength is not None:
            rule[index] &= float(strength[window][line & (mask[window] > 0)].mean()) <= darkest
    return np.asarray((rule.astype(np.uint8) * 255)[labels] & mask, np.uint8)


def _is_straight(line: NDArray[np.bool_]) -> bool:
    """Tell a rule, which is straight or bent a little by a lens, from the feet of joined digits."""
    rows = line.shape[0]
    marks = line.view(np.uint8)
    counts = cv2.reduce(marks, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    slim = (counts > 0) & (counts <= WIDER * np.median(counts[counts > 0]) + 1)  # where no digit stands on it
    if slim.sum() < BARE * np.count_nonzero(counts):
        return False
    weights = marks * np.arange(rows, dtype=np.float32)[:, np.newaxis]
    middle = cv2.reduce(weights, 0, cv2.REDUCE_SUM)[0] / np.maximum(counts, 1)
    there = slim
    for _ in range(2):  # the second time without what stands out
        near = np.abs(middle - _parabola(middle, there)) <= OFF
        if near[slim].mean() < STRAIGHT / 2:
            return False
        there = near & slim
    return float(near[slim].mean()) >= STRAIGHT


def _parabola(values: NDArray[np.floating[Any]], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the parabola of least squares through the values that are `there`, at every place: (n,)."""
    places = np.linspace(-1, 1, len(values))
    powers = np.stack([np.ones(len(values)), places, places * places])
    known = powers[:, there]
    # Sums, and no matrix product: BLAS threads would wait for one another on a busy machine.
    products = np.einsum("in,jn->ij", known, known)
    factors = np.linalg.solve(products + 1e-9 * np.eye(3), np.einsum("in,n->i", known, values[there]))
    return np.asarray(np.einsum("i,in->n", factors, powers), np.float64)


def _between(
    labels: NDArray[np.int32], left: NDArray[np.int32], wide: NDArray[np.int32], ends: Gray
) -> NDArray[np.bool_]:
    """Tell of each line whether it goes from one rule to another: bool (n,)."""
    width = labels.shape[1]
    near = (np.asarray(cv2.dilate(ends, np.ones((1, 2 * NEAR + 1), np.uint8))) > 0).T
    met = labels.T[near]  # column by column
    columns = np.repeat(np.arange(width, dtype=np.int32), np.count_nonzero(near, 1))
    first, last = np.zeros(len(left), np.int32), np.zeros(len(left), np.int32)
    last[met] = columns  # the last of those that are written to a place stays
    first[met[::-1]] = columns[::-1]
    from_rule, to_rule = first <= left + NEAR, last >= left + wide - NEAR
    from_edge, to_edge = left <= NEAR, left + wide >= width - NEAR
    crossed = last - first > wide // 2
    found: NDArray[np.bool_] = crossed & (from_rule | from_edge) & (to_rule | to_edge)
    there = np.zeros(len(left), np.bool_)
    there[met] = True
    return found & there


def _median(strength: Gray, mask: Gray) -> float:
    """Return the median of the pixels that are not 0 in a mask."""
    cumulated = np.bincount(strength[mask > 0], minlength=256).cumsum()
    count = int(cumulated[-1])
    low, high = (int(cumulated.searchsorted(place, "right")) for place in ((count - 1) // 2, count // 2))
    return (low + high) / 2


def _strokes(mask: Gray, lines: Gray, strength: Gray) -> Gray:
    """The pixels of level lines that are a stroke's."""
    # A line's thickness: the mean height of the runs across it.
    starts = int(np.count_nonzero((lines[1:] > 0) & (lines[:-1] == 0))) + int(np.count_nonzero(lines[0]))
    thick = max(1, round(int(np.count_nonzero(lines)) / max(1, starts)))
    high = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2 * thick + 1, 1), np.uint8))
    darker = BOLDER * _median(strength, lines) + BOLD
    return np.asarray(lines & (np.asarray(high, np.uint8) | np.where(strength > darker, np.uint8(255), np.uint8(0))))
