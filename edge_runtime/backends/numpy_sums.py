"""Products of int8 matrices, exact, and their conversion to int8 as in XNNPACK, which LiteRT uses.

NumPy multiplies float matrices fast and integer matrices slowly, so all values are integers in float32, which has 24
bits. A product is computed in tiles: the sums of each are below 2**24, and exact in any order. The sums of tiles are
added in float32 if a bound of the layer shows that they are exact, too, else in float64.

XNNPACK multiplies a sum by one float32 scale and rounds half to even ("fp32 requantization" in its sources), and so the
outputs equal those of LiteRT bit for bit.

Tiles are also too small for a BLAS library to start threads: on a busy device these threads wait for each other, and a
digit takes many times as long.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends.layers import HIGHEST, LOWEST, Range, Sums
from edge_runtime.errors import ModelError

EXACT = 1 << 24  # integers up to this are exact in float32, and so are sums in any order
INT32 = (1 << 31) - 1  # interpreters sum in 32 bits
SINGLE_THREAD = 262_144  # multiplications: OpenBLAS starts no threads up to these
ROWS, INPUTS, UNITS = 48, 128, 64  # maximum sides of a tile; sums of 128 products are below EXACT
BLOCK = 1 << 18  # values of a temporary array, 1 MiB
MOST_SCALE = 256  # of a sum in steps of the output: the limit of XNNPACK

Values = NDArray[np.float32]  # (N, ...), integers: stored values minus their zero point


class Rounding(NamedTuple):
    """Converts sums to outputs: adds the bias, multiplies, rounds half to even and clips."""

    bias: NDArray[np.floating]  # (units,), of the type in which sums are exact
    scale: NDArray[np.float32]  # (units,), steps of the output for 1
    range: Range

    def __call__(self, sums: NDArray[np.floating]) -> Values:
        """Return outputs minus their zero point. sums: (..., units), of the type of the bias; overwritten."""
        sums += self.bias
        steps = sums.astype(np.float32, copy=False)
        steps *= self.scale
        np.rint(steps, steps)
        np.clip(steps, self.range.lowest, self.range.highest, steps)
        return steps


def rounding(weights: NDArray[np.int8], sums: Sums) -> Rounding:
    """Prepare the conversion of a layer's sums. weights: (inputs, units).

    Raises ModelError if sums exceed 32 bits, or if their scale is beyond what XNNPACK accepts.
    """
    before, after = sums.before, sums.after
    high, low = HIGHEST - before.zero_point, before.zero_point - LOWEST
    total, size = weights.sum(0, dtype=np.int64), np.abs(weights).view(np.uint8).sum(0, dtype=np.int64)
    positive, negative = (size + total) // 2, (size - total) // 2
    most = np.maximum(positive * high + negative * low, positive * low + negative * high)
    bound = int((most + np.abs(sums.bias.astype(np.int64))).max())
    if bound > INT32:
        raise ModelError("it has sums of more than 32 bits")
    with np.errstate(all="ignore"):
        scale = before.scale * sums.scales / after.scale
    if not (scale < MOST_SCALE).all():  # also fails for NaN
        raise ModelError("it has scales between layers that are too large")
    exact = np.float32 if bound <= EXACT else np.float64
    return Rounding(sums.bias.astype(exact), scale, sums.range)


def tile(weights: NDArray[np.int8]) -> NDArray[np.float32]:
    """Split a matrix (inputs, units) into tiles of equal size, padded with 0: (down, across, high, wide)."""
    inputs, units = weights.shape
    fewest, across = math.ceil(inputs / INPUTS), math.ceil(units / UNITS)
    # Rather a few tiles more than padding.
    down = next((count for count in range(fewest, 2 * fewest) if inputs % count == 0), fewest)
    high, wide = math.ceil(inputs / down), math.ceil(units / across)
    whole = np.zeros((down * high, across * wide), np.float32)
    whole[:inputs, :units] = weights
    return np.ascontiguousarray(whole.reshape(down, high, across, wide).transpose(0, 2, 1, 3))


def product(values: Values, tiles: NDArray[np.float32], sums: NDArray[Any]) -> None:
    """Multiply values (N, inputs) by the tiles of a matrix (inputs, units).

    inputs and units are those of the tiles, with padding. sums: (N, units), contiguous, float32 or float64; it is
    overwritten.
    """
    down, across, high, wide = tiles.shape
    each = down * across * wide  # sums of all tiles for one row
    most = max(1, min(ROWS, SINGLE_THREAD // (high * wide), BLOCK // each))
    whole = len(values) - len(values) % most
    step = max(1, BLOCK // (most * each)) * most
    parts = [(first, min(first + step, whole), most) for first in range(0, whole, step)]
    if whole < len(values):
        parts.append((whole, len(values), len(values) - whole))
    for first, last, rows in parts:
        left = values[first:last].reshape(-1, rows, down, high).transpose(0, 2, 1, 3)[:, :, np.newaxis]
        out = sums[first:last].reshape(-1, rows, across, wide).transpose(0, 2, 1, 3)
        if down == 1 and sums.dtype == np.float32:
            np.matmul(left[:, 0], tiles[0], out=out)
        else:
            np.matmul(left, tiles).sum(1, out=out)
