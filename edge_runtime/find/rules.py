"""Remove printed rules, boxes and squares from the ink of a page, and keep the strokes that cross them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

RUN = 24  # pixels: rules consist of straight runs of at least this length
LONG = 0.5  # share of the page's mean side: a horizontal line of this length is a rule, not a stroke
TALL = 0.7  # share of the page's mean side: the same for vertical lines, longer because of the digits 1 and 7
THIN = 12.0  # the least ratio of a rule's length to its thickness
NEAR = 4  # pixels: a line that ends this close to a rule ends at the rule
OFF = 1.5  # pixels: the largest deviation of the middle of a straight line
STRAIGHT = 0.85  # the least share of a rule's columns that are straight
WIDER, BARE = 1.5, 0.6  # times the usual thickness: thicker columns hold digits; the least share of columns without
MOST = 1000  # lines that are examined: only the longest; more are a texture
BOLDER, BOLD = 1.4, 16.0  # factor and offset to the strength of a rule: darker ink is a stroke


def remove_rules(mask: Gray, strength: Gray) -> tuple[Gray, Gray]:
    """Return a mask without rules, and the mask of the rules: uint8 (height, width), 255 ink on 0.

    strength: of the ink, in the same shape. A rule may be slightly slanted and uneven. Where a stroke crosses or
    follows it, ink that is thicker than the rule or much darker belongs to the stroke and is kept.
    """
    side = float(np.sqrt(mask.size))
    level = _find_lines(mask, LONG * side)
    turned = np.ascontiguousarray(mask.T)
    ends = np.ascontiguousarray(level.T) if level.any() else None
    upright = np.ascontiguousarray(_find_lines(turned, TALL * side, ends, strength.T).T)
    strokes = np.zeros_like(mask)
    if level.any():
        strokes |= _find_strokes(mask & ~upright, level, strength)
    if upright.any():
        across = (np.ascontiguousarray(each.T) for each in (mask & ~level, upright, strength))
        strokes |= _find_strokes(*across).T
    rules = (level | upright) & ~strokes
    return mask & ~rules, rules


def may_hold_rules(width: int, height: int, page: int) -> bool:
    """Return whether a page can have rules. width, height: pixels, of its widest and highest blob. page: its pixels."""
    side = float(np.sqrt(page))
    return width >= LONG * side or height >= TALL * side


def _find_lines(mask: Gray, least: float, ends: Gray | None = None, strength: Gray | None = None) -> Gray:
    """Return the mask of horizontal lines: runs that touch and are long together.

    least: pixels, the least length. ends: vertical rules; a line between two of them, or between one and the edge of
    the page, may be shorter if it is not much darker. strength: of the ink, required with `ends`.
    """
    if mask.shape[1] <= RUN:
        return np.zeros_like(mask)
    # A slanted line of one pixel is a stair of short runs: dilated by a pixel, the runs overlap.
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
        rule |= _spans_rules(labels, left, wide, ends)
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
    """Return whether a line is straight, or slightly bent by a lens, unlike the bottoms of joined digits."""
    rows = line.shape[0]
    marks = line.view(np.uint8)
    counts = cv2.reduce(marks, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    slim = (counts > 0) & (counts <= WIDER * np.median(counts[counts > 0]) + 1)  # without a digit on it
    if slim.sum() < BARE * np.count_nonzero(counts):
        return False
    weights = marks * np.arange(rows, dtype=np.float32)[:, np.newaxis]
    middle = cv2.reduce(weights, 0, cv2.REDUCE_SUM)[0] / np.maximum(counts, 1)
    there = slim
    for _ in range(2):  # the second time without outliers
        near = np.abs(middle - _parabola(middle, there)) <= OFF
        if near[slim].mean() < STRAIGHT / 2:
            return False
        there = near & slim
    return float(near[slim].mean()) >= STRAIGHT


def _parabola(values: NDArray[np.floating[Any]], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fit a parabola by least squares to the values where `there` is True; returns it at every place: (n,)."""
    places = np.linspace(-1, 1, len(values))
    powers = np.stack([np.ones(len(values)), places, places * places])
    known = powers[:, there]
    # Sums instead of a matrix product: on a busy machine BLAS threads wait for each other.
    products = np.einsum("in,jn->ij", known, known)
    factors = np.linalg.solve(products + 1e-9 * np.eye(3), np.einsum("in,n->i", known, values[there]))
    return np.asarray(np.einsum("i,in->n", factors, powers), np.float64)


def _spans_rules(
    labels: NDArray[np.int32], left: NDArray[np.int32], wide: NDArray[np.int32], ends: Gray
) -> NDArray[np.bool_]:
    """Return for each line whether it goes from one rule, or the edge of the page, to another: bool (n,)."""
    width = labels.shape[1]
    near = (np.asarray(cv2.dilate(ends, np.ones((1, 2 * NEAR + 1), np.uint8))) > 0).T
    met = labels.T[near]  # in the order of columns
    columns = np.repeat(np.arange(width, dtype=np.int32), np.count_nonzero(near, 1))
    first, last = np.zeros(len(left), np.int32), np.zeros(len(left), np.int32)
    last[met] = columns  # the last value written to an index stays
    first[met[::-1]] = columns[::-1]
    from_rule, to_rule = first <= left + NEAR, last >= left + wide - NEAR
    from_edge, to_edge = left <= NEAR, left + wide >= width - NEAR
    crossed = last - first > wide // 2
    found: NDArray[np.bool_] = crossed & (from_rule | from_edge) & (to_rule | to_edge)
    there = np.zeros(len(left), np.bool_)
    there[met] = True
    return found & there


def _median(strength: Gray, mask: Gray) -> float:
    """Return the median strength of the pixels in a mask."""
    cumulated = np.bincount(strength[mask > 0], minlength=256).cumsum()
    count = int(cumulated[-1])
    low, high = (int(cumulated.searchsorted(place, "right")) for place in ((count - 1) // 2, count // 2))
    return (low + high) / 2


def _find_strokes(mask: Gray, lines: Gray, strength: Gray) -> Gray:
    """Return the pixels of horizontal lines that belong to strokes."""
    # Thickness of the lines: the mean height of vertical runs.
    starts = int(np.count_nonzero((lines[1:] > 0) & (lines[:-1] == 0))) + int(np.count_nonzero(lines[0]))
    thick = max(1, round(int(np.count_nonzero(lines)) / max(1, starts)))
    high = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2 * thick + 1, 1), np.uint8))
    darker = BOLDER * _median(strength, lines) + BOLD
    return np.asarray(lines & (np.asarray(high, np.uint8) | np.where(strength > darker, np.uint8(255), np.uint8(0))))
