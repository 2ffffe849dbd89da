"""Group blobs into rows of writing, in reading order."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.blobs import LEAST, LEAST_SHARE, MOST_SHARE, Blob, Dropped, DropReason, typical_height

GAP = 6.0  # heights: the largest gap between neighbours in a row
SLANT = 0.2  # height over length: the largest slope of a row between neighbours
ALIKE = 0.4  # the least ratio of the heights of two neighbours in a row
AT_EDGE = 0.75  # share of the typical height: a lower row along the edge of the page is the table behind it
LOWER = 0.6  # share of the height of a taller row: a lower row inside it consists of separators and specks
REACH = 0.3  # share of a row's height: how far a small blob may extend above or below the digit beside it
PAIRS = 1 << 17  # pairs of blobs that are compared at once, which bounds the memory


class BlobRow(NamedTuple):
    """One row of writing."""

    blobs: list[Blob]  # from left to right
    height: float  # pixels: the median height of its digits


class _Boxes(NamedTuple):
    """The boxes of N blobs as columns, each (N,)."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]


def find_rows(blobs: list[Blob], width: int, height: int) -> tuple[list[BlobRow], list[Dropped]]:
    """Return the rows from top to bottom, and the blobs in no row. width, height: pixels of the page."""
    tall = [blob for blob in blobs if blob.box.height >= LEAST]
    if not tall:
        return [], [(blob.box, DropReason.SMALL) for blob in blobs]
    typical = typical_height(tall)
    main = [blob for blob in tall if LEAST_SHARE * typical <= blob.box.height <= MOST_SHARE * typical]
    rows = [BlobRow(chain, float(np.median([blob.box.height for blob in chain]))) for chain in _chains(main)]
    dropped: list[Dropped] = []
    kept = []
    for row in _merge_small_rows(rows):
        if row.height < AT_EDGE * typical and all(_touches_edge(blob, width, height) for blob in row.blobs):
            dropped += [(blob.box, DropReason.BORDER) for blob in row.blobs]
        else:
            kept.append(row)
    taken = {blob.label for blob in main}
    others = [blob for blob in blobs if blob.label not in taken]
    for blob, home in zip(others, _find_rows_of(others, kept), strict=True):
        if home is None:
            reason = DropReason.LARGE if blob.box.height > MOST_SHARE * typical else DropReason.SMALL
            dropped.append((blob.box, reason))
        else:
            kept[home].blobs.append(blob)
    for row in kept:
        row.blobs.sort(key=_middle)
    return sorted(
        kept, key=lambda row: float(np.mean([blob.box.y + blob.box.height / 2 for blob in row.blobs]))
    ), dropped


def _middle(blob: Blob) -> float:
    return blob.box.x + blob.box.width / 2


def _touches_edge(blob: Blob, width: int, height: int) -> bool:
    return blob.box.x <= 1 or blob.box.y <= 1 or blob.right >= width - 1 or blob.bottom >= height - 1


def _merge_small_rows(rows: list[BlobRow]) -> list[BlobRow]:
    """Merge rows of commas, dashes and parts of strokes into the taller rows that they lie in.

    Returns the remaining rows by height, the tallest first.
    """
    rows = sorted(rows, key=lambda row: -row.height)
    blobs = [blob for row in rows for blob in row.blobs]
    limits = [row.height / LOWER for row in rows for _ in row.blobs]
    homes = iter(_find_rows_of(blobs, rows, limits))
    kept: dict[int, BlobRow] = {}
    into: dict[int, int] = {}  # the row that each row was merged into: that of its first blob
    for number, row in enumerate(rows):
        found = [home for _ in row.blobs if (home := next(homes)) is not None]
        if len(found) < len(row.blobs):
            kept[number] = row
            into[number] = number
            continue
        for blob, home in zip(row.blobs, found, strict=True):
            kept[into[home]].blobs.append(blob)
        into[number] = into[found[0]]
    for row in kept.values():
        row.blobs.sort(key=_middle)
    return list(kept.values())


def _chains(blobs: list[Blob]) -> list[list[Blob]]:
    """Link each blob to its nearest possible neighbour on either side; each chain of blobs is a row."""
    blobs = sorted(blobs, key=_middle)
    parent = list(range(len(blobs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for side in _neighbours(_boxes(blobs)):
        for index, other in enumerate(side.tolist()):
            if other >= 0:
                parent[root(other)] = root(index)
    groups: dict[int, list[Blob]] = {}
    for index, blob in enumerate(blobs):
        groups.setdefault(root(index), []).append(blob)
    return list(groups.values())


def _neighbours(boxes: _Boxes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the index of the nearest neighbour of N blobs on the right and on the left: both (N,), -1 for none.

    boxes: sorted by their middles; among equally near blobs the first one counts.
    """
    count = len(boxes.left)
    on_right, on_left = np.full(count, -1, np.intp), np.full(count, -1, np.intp)
    nearest = np.full(count, np.inf)  # the gap to the left of each blob
    step = max(1, PAIRS // max(1, count))
    for first in range(0, count, step):
        ones, others = _Boxes(*(side[first : first + step, np.newaxis] for side in boxes)), slice(first + 1, count)
        gap = _gaps(ones, _Boxes(*(side[others] for side in boxes)))
        gap[np.tri(gap.shape[0], gap.shape[1], -1, np.bool_)] = np.inf  # the blob itself and those before it
        if not gap.size:
            break
        best = gap.argmin(1)
        rows = np.arange(len(gap))
        found = np.isfinite(gap[rows, best])
        on_right[first : first + step][found] = best[found] + first + 1
        last = len(gap) - 1 - gap[::-1].argmin(0)
        gaps = gap[last, np.arange(gap.shape[1])]
        nearer = np.isfinite(gaps) & (gaps <= nearest[others])
        nearest[others][nearer] = gaps[nearer]
        on_left[others][nearer] = last[nearer] + first
    return on_right, on_left


def _gaps(left: _Boxes, right: _Boxes) -> NDArray[np.float64]:
    """Return the gap of each pair of blobs in pixels: negative if they overlap, infinite if not neighbours."""
    gap = right.left - left.right
    one, other = left.bottom - left.top, right.bottom - right.top
    low, high = np.minimum(one, other), np.maximum(one, other)
    overlap = np.minimum(left.bottom, right.bottom) - np.maximum(left.top, right.top)
    near = (low >= ALIKE * high) & (gap <= GAP * high)
    near &= overlap + np.minimum(SLANT * np.maximum(0.0, gap), 0.4 * low) > 0.4 * low
    return np.where(near, gap, np.inf)


def _find_rows_of(blobs: list[Blob], rows: list[BlobRow], limits: list[float] | None = None) -> list[int | None]:
    """Return for each blob the number of the first row that it lies in, or None.

    A blob lies in a row if it is about between the top and bottom of the row's nearest digit. limits: rows must be
    higher than this, one value for each blob.
    """
    if not blobs or not rows:
        return [None] * len(blobs)
    given, held = _boxes(blobs), _boxes([blob for row in rows for blob in row.blobs])
    sizes = [len(row.blobs) for row in rows]
    starts = np.cumsum([0, *sizes[:-1]])
    numbers = np.repeat(np.arange(len(rows)), sizes)
    heights = np.repeat([row.height for row in rows], sizes)
    homes: list[int | None] = []
    step = max(1, PAIRS // len(numbers))
    for first in range(0, len(blobs), step):
        each = _Boxes(*(side[first : first + step, np.newaxis] for side in given))
        apart = np.maximum(held.left - each.right, each.left - held.right)
        nearest = np.minimum.reduceat(apart, starts, 1)[:, numbers]
        lies = (apart == nearest) & (apart < heights)
        lies &= (held.top - REACH * heights < each.top) & (each.bottom < held.bottom + REACH * heights)
        if limits is not None:
            lies &= heights > np.array(limits[first : first + step])[:, np.newaxis]
        found = numbers[lies.argmax(1)]
        homes += [home if there else None for home, there in zip(found.tolist(), lies.any(1).tolist(), strict=True)]
    return homes


def _boxes(blobs: list[Blob]) -> _Boxes:
    sides = [(blob.box.x, blob.right, blob.box.y, blob.bottom) for blob in blobs]
    return _Boxes(*np.array(sides, np.float64).reshape(-1, 4).T)
