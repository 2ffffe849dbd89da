"""The layers of an int8 network, computed with NumPy. `prepare` turns each into a function of its inputs.

All values are integers in float32: stored values minus their zero point. An image is (N, height, width, channels).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends.layers import (
    Add,
    Concatenate,
    Convolution,
    Dense,
    Depthwise,
    Layer,
    MaxPool,
    Pad,
    Range,
    Reshape,
    Resize,
    SpaceToDepth,
    Transpose,
    Window,
)
from edge_runtime.backends.numpy_sums import BLOCK, Rounding, Values, product, rounding, tile
from edge_runtime.errors import UnsupportedModelError

Operation = Callable[..., Values]  # of one or more Values
MULTIPLIER_BITS = 20  # of the larger factor of an addition, in XNNPACK
LEAST_RATIO, MOST_RATIO = 2.0**-10, 2.0**8  # of scales that are added: the limits of XNNPACK


def prepare(layer: Layer) -> Operation:
    """Return the function that computes a layer. Raises ModelError for numbers that interpreters do not accept."""
    match layer:
        case Dense():
            return partial(_dense, _matrix(layer))
        case Convolution():
            return partial(_convolve, _matrix(layer), layer.window)
        case Depthwise():
            weights = layer.weights.astype(np.float32)
            return partial(_convolve_channels, weights, rounding(layer.weights, layer.sums), layer.window)
        case MaxPool():
            return partial(_max_pool, layer)
        case Add():
            return partial(_add, _addition(layer))
        case Concatenate():
            return lambda *values: np.concatenate(values, layer.axis)
        case Pad():
            return partial(_pad, layer.shape, layer.begin, 0)
        case Resize():
            return lambda values: values.take(layer.rows, 1).take(layer.columns, 2)
        case SpaceToDepth():
            return partial(_space_to_depth, layer.block)
        case Reshape():
            return lambda values: values.reshape(len(values), *layer.shape)
        case Transpose():
            return lambda values: values.transpose(layer.axes)


class _Matrix(NamedTuple):
    """Weights, prepared for multiplication."""

    inputs: int  # of the layer; the tiles have more if these do not fit
    tiles: NDArray[np.float32]  # see `tile`
    rounding: Rounding

    @property
    def width(self) -> int:
        """Inputs of the tiles."""
        return int(self.tiles.shape[0] * self.tiles.shape[2])

    def outputs(self, values: Values) -> Values:
        """Return (N, units) for (N, width)."""
        _, across, _, wide = self.tiles.shape
        sums = np.empty((len(values), across * wide), self.rounding.bias.dtype)
        product(values, self.tiles, sums)
        return self.rounding(sums[:, : len(self.rounding.bias)])


def _matrix(layer: Dense | Convolution) -> _Matrix:
    weights = layer.weights.T
    return _Matrix(len(weights), tile(weights), rounding(weights, layer.sums))


def _dense(matrix: _Matrix, values: Values) -> Values:
    flat = values.reshape(-1, matrix.inputs)
    outputs = np.empty((len(flat), len(matrix.rounding.bias)), np.float32)
    step = max(1, BLOCK // max(matrix.width, outputs.shape[1]))
    for first in range(0, len(flat), step):
        part = flat[first : first + step]
        if matrix.inputs < matrix.width:
            part = np.pad(part, ((0, 0), (0, matrix.width - matrix.inputs)))
        outputs[first : first + step] = matrix.outputs(part)
    return outputs.reshape(*values.shape[:-1], -1)


def _convolve(matrix: _Matrix, window: Window, values: Values) -> Values:
    """Copy the windows of a few images, or of a few rows of one, into a matrix, and multiply that."""
    windows = _windows(_pad_window(window, 0, values), window)
    count, (rows, columns) = len(values), window.outputs
    outputs = np.empty((count, rows, columns, len(matrix.rounding.bias)), np.float32)
    many = max(1, BLOCK // (rows * columns * matrix.width))
    high = min(rows, max(1, BLOCK // (columns * matrix.width)))
    for first in range(0, count, many):
        for top in range(0, rows, high):
            part = windows[first : first + many, top : top + high]
            copied = np.zeros((math.prod(part.shape[:3]), matrix.width), np.float32)
            copied.reshape(*part.shape[:3], -1)[..., : matrix.inputs].reshape(part.shape)[:] = part
            place = outputs[first : first + many, top : top + high]
            place[:] = matrix.outputs(copied).reshape(place.shape)
    return outputs


def _convolve_channels(weights: NDArray[np.float32], round_sums: Rounding, window: Window, values: Values) -> Values:
    """Add up each of the window's values times its weights."""
    each = weights.shape[1] // values.shape[3]
    if each > 1:
        values = values.repeat(each, 3)
    windows = _windows(_pad_window(window, 0, values), window)
    sums = np.zeros((len(values), *window.outputs, weights.shape[1]), round_sums.bias.dtype)
    for number, factors in enumerate(weights):
        sums += windows[:, :, :, number // window.size[1], number % window.size[1]] * factors
    return round_sums(sums)


def _max_pool(layer: MaxPool, values: Values) -> Values:
    window = layer.window
    padded = _pad_window(window, layer.lowest, values)
    (high, wide), (down, right), (rows, columns) = window.size, window.stride, window.outputs
    tallest = padded[:, : (rows - 1) * down + 1 : down].copy()
    for top in range(1, high):
        np.maximum(tallest, padded[:, top : top + (rows - 1) * down + 1 : down], out=tallest)
    outputs = tallest[:, :, : (columns - 1) * right + 1 : right].copy()
    for left in range(1, wide):
        np.maximum(outputs, tallest[:, :, left : left + (columns - 1) * right + 1 : right], out=outputs)
    return outputs


class _Addition(NamedTuple):
    """Two factors, as integers times 2**-shift, and the range of the outputs."""

    first: int
    second: int
    shift: int
    range: Range


def _addition(layer: Add) -> _Addition:
    """Compute the factors of XNNPACK for an addition of int8: the larger one has 21 bits."""
    with np.errstate(over="ignore"):
        ratios = [float(each.scale / layer.after.scale) for each in (layer.first, layer.second)]
    if not all(LEAST_RATIO <= ratio < MOST_RATIO for ratio in ratios):
        raise UnsupportedModelError("it adds tensors of too different scales")
    shift = MULTIPLIER_BITS - (math.frexp(max(ratios))[1] - 1)
    first, second = (round(math.ldexp(ratio, shift)) for ratio in ratios)
    return _Addition(first, second, shift, layer.range)


def _add(addition: _Addition, first: Values, second: Values) -> Values:
    """Add in 32 bits and round half up, as in XNNPACK."""
    sums, others = first.astype(np.int32), second.astype(np.int32)
    sums *= np.int32(addition.first)
    others *= np.int32(addition.second)
    sums += others
    sums += np.int32(1 << (addition.shift - 1))
    sums >>= np.int32(addition.shift)
    np.clip(sums, addition.range.lowest, addition.range.highest, sums)
    return sums.astype(np.float32)


def _pad(shape: tuple[int, ...], begin: tuple[int, ...], fill: int, values: Values) -> Values:
    """Surround values with `fill`. shape: of one image after it. begin: places before the values along each axis."""
    padded = np.full((len(values), *shape), fill, np.float32)
    inner = (slice(at, at + side) for at, side in zip(begin, values.shape[1:], strict=True))
    padded[(slice(None), *inner)] = values
    return padded


def _pad_window(window: Window, fill: int, values: Values) -> Values:
    """Surround an image with the padding of a window; the result is contiguous."""
    if window.padded == values.shape[1:3]:
        return np.ascontiguousarray(values)
    return _pad((*window.padded, values.shape[3]), (*window.top_left, 0), fill, values)


def _windows(padded: Values, window: Window) -> Values:
    """Return all windows of padded images as a view: (N, rows, columns, height, width, channels)."""
    image, row, column, channel = padded.strides
    down, right = window.stride
    return np.ndarray(
        (len(padded), *window.outputs, *window.size, padded.shape[3]),
        np.float32,
        padded,  # NumPy checks that the view is inside
        strides=(image, row * down, column * right, row, column, channel),
    )


def _space_to_depth(block: int, values: Values) -> Values:
    count, high, wide, channels = values.shape
    blocks = values.reshape(count, high // block, block, wide // block, block, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(count, high // block, wide // block, -1)
