"""Cut a blob that may be several digits into pieces, at more places than necessary: reading selects the right ones.

A cut is the cheapest path from the top of the blob to its bottom, where ink is expensive and a step to the side costs
a little. It goes between neighbours that overlap, and through the thinnest stroke where they touch.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

ASIDE = 0.12  # pixels of full ink: the cost of a step of one pixel to the side
NEAR = 0.14  # share of the digits' height: the least distance between cuts
DEAR = 4.5  # stroke widths of ink: the most that a cut crosses
SLIVER = 0.02  # share of the squared height: a piece with less ink is merged with a neighbour
SHARED = 0.6  # stroke widths of ink beyond a cut that both of its sides share
MOST = 16  # cuts in one blob: only the cheapest
BARRED = 1e6  # cost of a pixel between two blobs, which no path crosses


class Part(NamedTuple):
    """A piece of a blob."""

    ink: Gray  # (height, width), 0 outside of it
    x: int  # top left corner in the blob
    y: int
    crossed: float  # stroke widths of ink crossed by the cut on its left; 0 for the first part


class _Cuts(NamedTuple):
    """The cuts of one blob, from left to right."""

    paths: NDArray[np.int64]  # (cuts, rows): in each row, the first column to the right of the cut
    crossed: NDArray[np.float64]  # (cuts,), stroke widths of ink crossed by each cut


class _Paths(NamedTuple):
    """The cheapest paths from the first row of a blob to each of its pixels."""

    cost: NDArray[np.float32]  # (rows, columns)
    came: NDArray[np.int8]  # (rows, columns), the step from the row above: -1, 0 or 1 columns


def cut_blobs(patches: Sequence[Gray], heights: Sequence[float]) -> list[list[Part]]:
    """Cut blobs into pieces, ordered from left to right.

    patches: the ink of each blob, uint8 (rows, columns). heights: pixels, of the digits in the row of each blob.
    """
    if not patches:
        return []
    costs = [patch.astype(np.float32) / np.float32(255) for patch in patches]
    down = _sweep(costs)
    up = _sweep([cost[::-1] for cost in costs])
    found = []
    for patch, cost, height, above, below in zip(patches, costs, heights, down, up, strict=True):
        stroke = stroke_width(patch, height)
        found.append(_parts(patch, _drop_slivers(patch, _cuts(cost, above, below, height, stroke), height), stroke))
    return found


def _parts(patch: Gray, cuts: _Cuts, stroke: float) -> list[Part]:
    rows, columns = patch.shape
    edges = np.concatenate([np.zeros((1, rows), np.int64), cuts.paths, np.full((1, rows), columns)])
    # Ink crossed by a cut may belong to both neighbours, as when two zeros share a side.
    shared = np.zeros_like(edges)
    for index, path in enumerate(cuts.paths, 1):
        shared[index] = np.where(_crosses_ink(patch, path), round(SHARED * stroke), 0)
    parts = []
    crossed = [0.0, *cuts.crossed.tolist()]
    for start, end, ink in zip((edges - shared)[:-1], (edges + shared)[1:], crossed, strict=True):
        left, right = max(0, int(start.min())), min(columns, int(end.max()))
        across = np.arange(left, right)
        part = patch[:, left:right] * ((across >= start[:, None]) & (across < end[:, None]))
        if right <= left:
            continue
        ys, xs = np.flatnonzero(part.max(1) >= 64), np.flatnonzero(part.max(0) >= 64)
        if len(ys):
            window = part[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
            parts.append(Part(np.ascontiguousarray(window), left + int(xs[0]), int(ys[0]), ink))
    return parts


def _drop_slivers(patch: Gray, cuts: _Cuts, height: float) -> _Cuts:
    """Return the cuts without those that produce slivers."""
    rows, columns = patch.shape
    before = np.zeros((rows, columns + 1), np.int64)
    np.cumsum(patch >= 128, 1, out=before[:, 1:])
    # In each row, the ink to the left of each cut and of the two ends of the blob.
    edges = list(
        np.concatenate([before[np.newaxis, :, 0], before[np.arange(rows), cuts.paths], before[np.newaxis, :, -1]])
    )
    masses = [_mass(*pair) for pair in pairwise(edges)]
    kept = list(range(len(cuts.paths)))
    while kept:
        least = masses.index(min(masses))
        if masses[least] >= SLIVER * height * height:
            break
        # Remove the more expensive of the cuts on its two sides.
        sides = [index for index in (least - 1, least) if 0 <= index < len(kept)]
        out = max(sides, key=lambda index: cuts.crossed[kept[index]])
        del kept[out], edges[out + 1]
        masses[out : out + 2] = [_mass(edges[out], edges[out + 1])]
    return _Cuts(cuts.paths[kept], cuts.crossed[kept])


def _mass(left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    return int(np.maximum(right - left, 0).sum())


def _crosses_ink(patch: Gray, path: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each row whether a cut crosses ink there: bool (rows,)."""
    rows = np.arange(len(path))
    beside = np.maximum(path - 1, 0)
    return np.asarray(
        np.maximum(patch[rows, np.minimum(path, patch.shape[1] - 1)], patch[rows, beside]) >= 128, np.bool_
    )


def _cuts(cost: NDArray[np.float32], down: _Paths, up: _Paths, height: float, stroke: float) -> _Cuts:
    """Return the cheapest cuts. down, up: paths from the first row, and from the last one (blob upside down)."""
    rows, columns = cost.shape
    middle = rows // 2
    # The cheapest path through each pixel of the middle row.
    through = down.cost[middle] + up.cost[rows - 1 - middle] - cost[middle]
    least = max(2, round(NEAR * height))
    chosen: list[int] = []
    free = [least <= column < columns - least + 1 for column in range(columns)]
    order = np.argsort(through, kind="stable")
    for column in order[through[order] <= DEAR * stroke].tolist():
        if free[column]:
            chosen.append(column)
            near = range(max(0, column - least + 1), min(columns, column + least))
            free[near.start : near.stop] = [False] * len(near)
            if len(chosen) == MOST:
                break
    paths = np.empty((len(chosen), rows), np.int64)
    paths[:, middle] = sorted(chosen)
    for row in range(middle, 0, -1):
        paths[:, row - 1] = paths[:, row] + down.came[row, paths[:, row]]
    for row in range(middle, rows - 1):
        paths[:, row + 1] = paths[:, row] + up.came[rows - 1 - row, paths[:, row]]
    crossed = [float(cost[np.arange(rows), path].sum()) / max(stroke, 1.0) for path in paths]
    return _Cuts(paths, np.array(crossed, np.float64))


def _sweep(costs: Sequence[NDArray[np.float32]]) -> list[_Paths]:
    """Return the cheapest paths through each blob from its first row; all blobs side by side, for speed."""
    widths = [cost.shape[1] for cost in costs]
    starts = np.cumsum([1, *(width + 1 for width in widths)])
    total = np.zeros((max(cost.shape[0] for cost in costs), starts[-1]), np.float32)
    total[:, starts - 1] = BARRED
    for cost, start in zip(costs, starts, strict=False):
        total[: cost.shape[0], start : start + cost.shape[1]] = cost
    came = np.zeros(total.shape, np.int8)
    three = np.full((3, total.shape[1]), BARRED, np.float32)
    across, aside = np.arange(total.shape[1]), np.float32(ASIDE)
    for row in range(1, len(total)):
        above = total[row - 1]
        three[1] = above
        three[0, 1:] = above[:-1] + aside
        three[2, :-1] = above[1:] + aside
        best = three.argmin(0)
        # Straight down if the cost is equal.
        best[three[1] <= three.min(0)] = 1
        came[row] = best - 1
        total[row] += three[best, across]
    return [
        _Paths(total[: cost.shape[0], start : start + width], came[: cost.shape[0], start : start + width])
        for cost, start, width in zip(costs, starts, widths, strict=False)
    ]


def stroke_width(patch: Gray, height: float) -> float:
    """Return an estimate of the stroke width in pixels: the area divided by half the outline."""
    mask = (patch >= 128).astype(np.uint8)
    area = int(mask.sum())
    outline = area - int(cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0).sum())
    return max(1.5, min(2 * area / max(1, outline), 0.3 * height))
