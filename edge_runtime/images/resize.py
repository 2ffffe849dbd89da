"""Resize with the same bytes on every processor, unlike OpenCV's own area and linear modes.

Measured with OpenCV 5.0.0: on arm64 `INTER_LINEAR` differs from x86-64 by up to 3 levels in half of the pixels, and
`INTER_AREA` by 1 where a mean lies halfway between two levels, unless each pixel covers whole source pixels.

Nothing here multiplies matrices: NumPy passes products to a BLAS library whose threads wait for each other, which takes
many times as long as the product itself while other programs use the cores. `np.einsum` does not use BLAS here.
"""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

SMALL = 65_000  # pixels: sums of this many stay below 2**24, up to which float32 is exact
KEPT = 2_000  # pixels of a side: for longer sides the shares are not cached, to save memory
BAND = 1_000_000  # pixels of a larger image that are summed at a time
SUMS = 2**31 // (2 * 255)  # pixels: twice their sum fits in int32


def resize_area(gray: Gray, width: int, height: int) -> Gray:
    """Reduce an image by area: each pixel is the mean of the pixels that it covers, halves rounded up.

    gray: uint8, of any size; neither side may grow. Returns uint8 (height, width). Images of over 65,000 pixels that
    are reduced by integer factors use OpenCV's `INTER_AREA`, which is faster but rounds some halves down.
    """
    # All weights are integers, so all sums are exact in any order.
    area = gray.size
    if area <= SMALL:
        sums = _sum_rows(_sum_rows(gray, height).T, width).T.astype(np.int32, order="C")
        sums += area // 2
        sums //= area
        return sums.astype(np.uint8)
    if gray.shape[0] % height == 0 and gray.shape[1] % width == 0:
        return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if gray.shape[1] > BAND // 4:  # bands run along the other side; otherwise one would be too large
        return np.ascontiguousarray(resize_area(gray.T, height, width).T)
    step = max(1, BAND * height // area)
    return np.concatenate(
        [_band(gray, width, height, first, min(height, first + step)) for first in range(0, height, step)]
    )


def resize_linear(gray: Gray, width: int, height: int) -> Gray:
    """Resize by linear interpolation in OpenCV's fixed-point arithmetic: uint8 (height, width)."""
    return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)


def _sum_rows(rows: NDArray[Any], after: int) -> NDArray[np.float32]:
    """Sum the rows covered by each of `after` rows, in units of 1/after: (before, width) to (after, width)."""
    before = rows.shape[0]
    places, shares = _cached_shares(before, after) if before <= KEPT else _shares(before, after)
    covered = rows.take(places, 0).astype(np.float32, copy=False)
    return np.asarray(np.einsum("it,itw->iw", shares, covered), np.float32)


def _shares(before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return which of `before` rows each of `after` rows covers, and their shares in 1/after: both (after, most)."""
    ends = np.arange(after + 1) * before
    first, last = ends[:-1] // after, -(-ends[1:] // after)
    places = first[:, None] + np.arange(int((last - first).max()))
    shared = np.minimum(ends[1:, None], (places + 1) * after) - np.maximum(ends[:-1, None], places * after)
    return np.minimum(places, before - 1), np.maximum(shared, 0).astype(np.float32)


_cached_shares = lru_cache(256)(_shares)


def _band(gray: Gray, width: int, height: int, first: int, last: int) -> Gray:
    """Return rows `first` to `last` of the reduced image, computed from an integral image."""
    before, across = gray.shape
    rows, columns = np.arange(first, last + 1) * before, np.arange(width + 1) * across
    top, bottom = first * before // height, -(-last * before // height)
    sums = cv2.integral(gray[top:bottom]).astype(np.int32 if gray.size <= SUMS else np.int64, copy=False)
    tall = _sums_between(sums, rows - top * height, height, 0)
    means = _sums_between(tall, columns, width, 1)
    means += before * across // 2
    means //= before * across
    return np.asarray(means, np.uint8)


def _sums_between(sums: NDArray[Any], ends: NDArray[np.int64], units: int, axis: int) -> NDArray[Any]:
    """Return `units` times the differences of running sums, int32 or int64, between points in shares of 1/units."""
    whole, rest = np.divmod(ends, units)
    begun = sums.take(whole, axis)
    within = sums.take(whole + 1, axis, mode="clip")
    within -= begun
    within *= rest.astype(sums.dtype).reshape((-1, 1) if axis == 0 else (1, -1))
    found = np.diff(begun, axis=axis)
    found *= units
    found += np.diff(within, axis=axis)
    return found
