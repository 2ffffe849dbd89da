"""Blobs to rows of writing, in reading order."""

from typing import NamedTuple

import numpy as np

from edge_runtime.find.blobs import LEAST, Blob, Drop
from edge_runtime.types import Box

LEAST_SHARE, MOST_SHARE = 0.3, 3.5  # of the height that is typical of the page's ink: digits are within these
GAP = 6.0  # heights: neighbours in a row are no further apart
SLANT = 0.2  # rows rise or fall by no more than this over the gap between neighbours
ALIKE = 0.4  # the lower of two digits in a row has at least this of the other's height
AT_EDGE = 0.75  # of the typical height: a row with less that lies all along the page's edge is the table behind it
LOWER = 0.6  # of a taller row's height: a row with less that lies in it is made of separators and specks


class BlobRow(NamedTuple):
    """One row of writing."""

    blobs: list[Blob]  # from left to right
    height: float  # pixels: a digit's, the median's


def find_rows(blobs: list[Blob], width: int, height: int) -> tuple[list[BlobRow], list[tuple[Box, str]]]:
    """Return rows from top to bottom, and what belongs to none. width, height: the page's, pixels."""
    tall = [blob for blob in blobs if blob.box.height >= LEAST]
    if not tall:
        return [], [(blob.box, Drop.SMALL) for blob in blobs]
    typical = typical_height(tall)
    main = [blob for blob in tall if LEAST_SHARE * typical <= blob.box.height <= MOST_SHARE * typical]
    groups = _chains(sorted(main, key=lambda blob: blob.box.x + blob.box.width / 2))
    rows = [BlobRow(group, float(np.median([blob.box.height for blob in group]))) for group in groups]
    rows = _absorbed(rows)
    dropped: list[tuple[Box, str]] = []
    taken = {blob.label for row in rows for blob in row.blobs}
    for row in list(rows):
        if row.height < AT_EDGE * typical and all(_touches_edge(blob.box, width, height) for blob in row.blobs):
            rows.remove(row)
            dropped += [(blob.box, Drop.BORDER) for blob in row.blobs]
    for blob in blobs:
        if blob.label in taken:
            continue
        home = _row_of(blob, rows)
        if home is None:
            dropped.append((blob.box, Drop.LARGE if blob.box.height > MOST_SHARE * typical else Drop.SMALL))
        else:
            home.blobs.append(blob)
    for row in rows:
        row.blobs.sort(key=lambda blob: blob.box.x + blob.box.width / 2)
    return _in_order(rows), dropped


def _touches_edge(box: Box, width: int, height: int) -> bool:
    return box.x <= 1 or box.y <= 1 or box.x + box.width >= width - 1 or box.y + box.height >= height - 1


def _absorbed(rows: list[BlobRow]) -> list[BlobRow]:
    """Rows without those that are commas, dashes and parts of strokes of a taller row."""
    kept: list[BlobRow] = []
    for row in sorted(rows, key=lambda row: -row.height):
        taller = [other for other in kept if row.height < LOWER * other.height]
        homes = [_row_of(blob, taller) for blob in row.blobs]
        if not all(homes):
            kept.append(row)
            continue
        for blob, home in zip(row.blobs, homes, strict=True):
            if home is not None:
                home.blobs.append(blob)
                home.blobs.sort(key=lambda each: each.box.x + each.box.width / 2)
    return kept


def typical_height(blobs: list[Blob]) -> float:
    """The height that half of the ink is in blobs of, or lower ones; 0 without blobs."""
    if not blobs:
        return 0.0
    heights = np.array([blob.box.height for blob in blobs])
    order = np.argsort(heights)
    ink = np.cumsum(np.array([blob.area for blob in blobs])[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])


def _chains(blobs: list[Blob]) -> list[list[Blob]]:
    """Link each blob to the nearest on either side that could be its neighbour; each chain is a row."""
    parent = list(range(len(blobs)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    widest = max((blob.box.width for blob in blobs), default=0)
    for index in range(len(blobs)):
        for step in (1, -1):
            other = _neighbour(blobs, index, step, widest)
            if other is not None:
                parent[root(other)] = root(index)
    groups: dict[int, list[Blob]] = {}
    for index, blob in enumerate(blobs):
        groups.setdefault(root(index), []).append(blob)
    return list(groups.values())


def _neighbour(blobs: list[Blob], index: int, step: int, widest: int) -> int | None:
    """The nearest that could be a blob's neighbour: on its right, or on its left where the step is -1."""
    blob, best, nearest = blobs[index], None, np.inf
    other = index + step
    while 0 <= other < len(blobs):
        left, right = (blob, blobs[other]) if step > 0 else (blobs[other], blob)
        gap = right.box.x - left.right
        if gap > min(GAP / ALIKE * blob.box.height, nearest) + widest:  # they lie in the order of their middles
            break
        if gap < nearest and _are_neighbours(blob, blobs[other], gap):
            best, nearest = other, gap
        other += step
    return best


def _are_neighbours(one: Blob, other: Blob, gap: float) -> bool:
    low, high = sorted((one.box.height, other.box.height))
    if low < ALIKE * high or gap > GAP * high:
        return False
    overlap = min(one.bottom, other.bottom) - max(one.box.y, other.box.y)
    return overlap + min(SLANT * max(0.0, gap), 0.4 * low) > 0.4 * low


def _row_of(blob: Blob, rows: list[BlobRow]) -> BlobRow | None:
    """The row that a small blob lies in, between the heights of the digits nearest to it."""
    for row in rows:
        if blob.right < row.blobs[0].box.x - row.height or blob.box.x > row.blobs[-1].right + row.height:
            continue
        near = min(row.blobs, key=lambda each: max(each.box.x - blob.right, blob.box.x - each.right))
        reach = 0.3 * row.height
        if max(near.box.x - blob.right, blob.box.x - near.right) < row.height and (
            near.box.y - reach < blob.box.y and blob.bottom < near.bottom + reach
        ):
            return row
    return None


def _in_order(rows: list[BlobRow]) -> list[BlobRow]:
    return sorted(rows, key=lambda row: float(np.mean([blob.box.y + blob.box.height / 2 for blob in row.blobs])))
