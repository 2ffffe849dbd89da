"""Cuts a blob that may be several digits into pieces, at more places than digits meet: reading decides which are right.

A cut is the cheapest way from the top of the blob to its bottom, where ink is dear and a step aside costs a little: it
goes between neighbours that overlap, and through the thinnest stroke where they touch.
"""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

ASIDE = 0.12  # strokes' worth of ink: a step of one pixel aside
NEAR = 0.14  # of the digits' height: cuts are at least so far apart
DEAR = 4.5  # stroke widths: a cut through more ink is none
SLIVER = 0.02  # of the squared height: a piece with less ink is put back to a neighbour
SHARED = 0.6  # stroke widths of ink on the other side of a cut that are on this one, too
MOST = 16  # cuts in one blob, the cheapest


class Part(NamedTuple):
    """A piece of a blob."""

    ink: Gray  # (height, width), 0 outside of it
    x: int  # its corner in the blob
    y: int
    crossed: float  # stroke widths of ink that the cut on its left crosses; 0 for the first


def apart(patch: Gray, height: float, stroke: float) -> list[Part]:
    """Cut a blob into pieces, from left to right; the arguments are those of `cut`."""
    rows, columns = patch.shape
    cuts = cut(patch, height, stroke)
    across = np.arange(columns)
    while True:
        edges = [(np.zeros(rows, np.int64), 0.0), *cuts, (np.full(rows, columns), 0.0)]
        parts = []
        for start, end in pairwise(edges):
            part = patch * ((across >= start[0][:, None]) & (across < end[0][:, None]))
            parts.append(part)
        if not cuts:
            break
        masses = [int(np.count_nonzero(part >= 128)) for part in parts]
        least = int(np.argmin(masses))
        if masses[least] >= SLIVER * height * height:
            break
        # Between its two cuts the dearer one goes.
        sides = [index for index in (least - 1, least) if 0 <= index < len(cuts)]
        del cuts[max(sides, key=lambda index: cuts[index][1])]
    # Where a cut goes through ink, that ink may be a stroke of both its neighbours, as two zeros share a side.
    shared = [np.where(_inked(patch, path), round(SHARED * stroke), 0) if crossed else 0 for path, crossed in edges]
    parts = [
        patch * ((across >= (start - left)[:, None]) & (across < (end + right)[:, None]))
        for ((start, _), left), ((end, _), right) in pairwise(zip(edges, shared, strict=True))
    ]
    found = []
    for part, (_, crossed) in zip(parts, edges, strict=False):
        ys, xs = np.flatnonzero(part.max(1) >= 64), np.flatnonzero(part.max(0) >= 64)
        if len(ys):
            window = part[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
            found.append(Part(window, int(xs[0]), int(ys[0]), crossed))
    return found


def _inked(patch: Gray, path: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each row whether a cut goes through ink there: bool (rows,)."""
    rows = np.arange(len(path))
    beside = np.maximum(path - 1, 0)
    return np.asarray(
        np.maximum(patch[rows, np.minimum(path, patch.shape[1] - 1)], patch[rows, beside]) >= 128, np.bool_
    )


def cut(patch: Gray, height: float, stroke: float) -> list[tuple[NDArray[np.int64], float]]:
    """Return cuts from left to right: each row's first column to the right of it, (rows,), and the ink it crosses.

    patch: ink, uint8 (rows, columns). height: of the row's digits; stroke: width of a stroke, pixels. The ink crossed
    is in stroke widths.
    """
    rows, columns = patch.shape
    if columns < 3:
        return []
    cost = patch.astype(np.float32) / np.float32(255)
    down, came = _sweep(cost)
    middle = rows // 2
    up, went = _sweep(cost[::-1])
    # The cheapest way through each pixel of the middle row.
    through = down[middle] + up[rows - 1 - middle] - cost[middle]
    least = max(2, round(NEAR * height))
    chosen: list[int] = []
    for column in np.argsort(through, kind="stable").tolist():
        if through[column] > DEAR * stroke or len(chosen) == MOST:
            break
        if least <= column < columns - least + 1 and all(abs(column - other) >= least for other in chosen):
            chosen.append(column)
    found = []
    for column in sorted(chosen):
        path = np.empty(rows, np.int64)
        path[middle] = column
        for row in range(middle, 0, -1):
            path[row - 1] = path[row] + came[row, path[row]]
        for row in range(middle, rows - 1):
            path[row + 1] = path[row] + went[rows - 1 - row, path[row]]
        ink = float(cost[np.arange(rows), path].sum())
        found.append((path, ink / max(stroke, 1.0)))
    return found


def _sweep(cost: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Cheapest ways from the first row to each pixel, and where each came from: -1, 0 or 1 columns aside."""
    rows, columns = cost.shape
    total = cost.copy()
    came = np.zeros((rows, columns), np.int8)
    three = np.empty((3, columns), np.float32)
    aside = np.float32(ASIDE)
    for row in range(1, rows):
        above = total[row - 1]
        three[1] = above
        three[0, 1:], three[0, 0] = above[:-1] + aside, np.inf
        three[2, :-1], three[2, -1] = above[1:] + aside, np.inf
        best = three.argmin(0)
        # Straight on where it costs the same.
        best[three[1] <= three.min(0)] = 1
        came[row] = best - 1
        total[row] += three[best, np.arange(columns)]
    return total, came


def stroke_width(patch: Gray, height: float) -> float:
    """An estimate in pixels: a stroke's area over half its outline."""
    mask = (patch >= 128).astype(np.uint8)
    area = int(mask.sum())
    outline = area - int(cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0).sum())
    return max(1.5, min(2 * area / max(1, outline), 0.3 * height))
