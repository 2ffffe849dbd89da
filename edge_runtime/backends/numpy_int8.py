"""Dense int8 networks with NumPy alone: for devices and Pythons that no interpreter has a wheel for.

Whole numbers all the way: sums are carried in float32 where a bound shows that each is exact in its 24 bits, in
float64 elsewhere, because NumPy multiplies matrices of floats quickly and of integers slowly. Between layers they are
scaled and rounded as XNNPACK does it, on which LiteRT runs: product of the sum and one float32 scale, rounded half to
even ("fp32 requantization" in its sources). So outputs are LiteRT's own, bit for bit.

A product is made of tiles that are too small for a BLAS library to start its threads for: on a busy device they wait
for each other, and a digit takes many times as long.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import KINDS
from edge_runtime.backends.tflite_file import Dense, Layer, Quantisation, Reshape, Transpose, read_tflite
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.errors import BackendError, ModelError, UnsupportedModelError
from edge_runtime.limits import LAYER_VALUES
from edge_runtime.types import Images

BATCH = 256  # images: larger batches are no faster
PIXELS = Quantisation(np.float32(1.0), -128)  # of the input: pixels 0 to 255
LOWEST, HIGHEST = -128, 127  # of int8
EXACT = 1 << 24  # whole numbers up to here are exact in float32, sums of them in any order, too
INT32 = (1 << 31) - 1  # interpreters sum in 32 bits
ROWS, INPUTS, UNITS = 32, 128, 32  # of a tile at most: OpenBLAS uses one thread up to 262,144 multiplications
MOST_SCALE = 256  # between layers: XNNPACK takes no larger one

Values = NDArray[np.float32]  # (N, ...), whole numbers: the stored ones minus their zero point


class _Prepared(NamedTuple):
    """A dense layer, ready to be multiplied."""

    weights: NDArray[np.floating]  # (tiles down, tiles across, inputs, units), float32 or float64: its sums are exact
    bias: NDArray[np.floating]  # (units,) of the layer
    scale: NDArray[np.float32]  # (units,), from sums to steps of the output
    lowest: int  # of the output, above its zero point
    highest: int


class NumpyBackend:
    """A .tflite model of dense layers."""

    def __init__(self, model: bytes, shapes: Shapes) -> None:
        network = read_tflite(model)
        if np.prod(network.image) != np.prod(shapes.image) or network.before != PIXELS:
            raise ModelError(f"it does not take {shapes.image[0]}x{shapes.image[1]} pixels")
        self._image = network.image
        self._batch = max(1, min(BATCH, LAYER_VALUES // network.widest))
        self._layers: list[_Prepared | Layer] = [
            _prepare(layer) if isinstance(layer, Dense) else layer for layer in network.layers
        ]
        self.outputs = network.outputs
        self.scale, self.zero_point = float(network.after.scale), network.after.zero_point

    def run(self, images: Images) -> NDArray[np.int8]:
        """See Backend.run."""
        outputs = np.empty((len(images), *self.outputs), np.int8)
        for at in range(0, len(images), self._batch):
            part = images[at : at + self._batch]
            values = part.reshape(len(part), *self._image).astype(np.float32)
            for layer in self._layers:
                values = _apply(layer, values)
            outputs[at : at + self._batch] = values + self.zero_point
        return outputs


def _prepare(layer: Dense) -> _Prepared:
    before, after = layer.before, layer.after
    span = max(HIGHEST - before.zero_point, before.zero_point - LOWEST)
    bound = int((np.abs(layer.weights, dtype=np.int64).sum(1) * span + np.abs(layer.bias, dtype=np.int64)).max())
    if bound > INT32:
        raise ModelError("it has sums of more than 32 bits")
    exact = np.float32 if bound <= EXACT else np.float64
    with np.errstate(all="ignore"):
        scale = before.scale * layer.scales / after.scale
    if not (scale < MOST_SCALE).all():  # a NaN is not, either
        raise ModelError("it has scales between layers that are too large")
    return _Prepared(
        _tiled(layer.weights.T.astype(exact)),
        layer.bias.astype(exact),
        scale,
        0 if layer.relu else LOWEST - after.zero_point,
        HIGHEST - after.zero_point,
    )


def _apply(layer: _Prepared | Layer, values: Values) -> Values:
    if isinstance(layer, Transpose):
        return values.transpose(layer.axes)
    if isinstance(layer, Reshape):
        return values.reshape(len(values), *layer.shape)
    assert isinstance(layer, _Prepared)
    flat = values.reshape(-1, values.shape[-1]).astype(layer.weights.dtype, copy=False)
    sums = _product(flat, layer.weights, len(layer.bias))
    sums += layer.bias
    steps = sums.astype(np.float32, copy=False)
    steps *= layer.scale
    np.rint(steps, steps)
    np.clip(steps, layer.lowest, layer.highest, steps)
    outputs: Values = steps.reshape(*values.shape[:-1], -1)
    return outputs


def _tiled(weights: NDArray[Any]) -> NDArray[Any]:
    """Cut a matrix into tiles of one size, 0 where they reach beyond it: (inputs, units) to four dimensions."""
    inputs, units = weights.shape
    down, across = math.ceil(inputs / INPUTS), math.ceil(units / UNITS)
    high, wide = math.ceil(inputs / down), math.ceil(units / across)
    whole = np.zeros((down * high, across * wide), weights.dtype)
    whole[:inputs, :units] = weights
    return np.ascontiguousarray(whole.reshape(down, high, across, wide).transpose(0, 2, 1, 3))


def _product(values: NDArray[Any], tiles: NDArray[Any], units: int) -> NDArray[Any]:
    """Multiply (N, inputs) by the tiles of a matrix (inputs, units): all sums are exact, whatever their order."""
    count, inputs = values.shape
    down, across, high, wide = tiles.shape
    if inputs < down * high:
        values = np.pad(values, ((0, 0), (0, down * high - inputs)))
    sums = np.empty((count, across, wide), values.dtype)
    for first in range(0, count, ROWS):
        rows = values[first : first + ROWS].reshape(-1, down, high).transpose(1, 0, 2)
        np.matmul(rows[:, np.newaxis], tiles).sum(0, out=sums[first : first + ROWS].transpose(1, 0, 2))
    return sums.reshape(count, across * wide)[:, :units]


def load(model: bytes, threads: int, shapes: Shapes) -> NumpyBackend:
    """Load a .tflite model; raises UnsupportedModelError for other than dense layers, BackendError for a broken one.

    threads: one is used, whatever is asked for.
    """
    try:
        return NumpyBackend(model, shapes)
    except UnsupportedModelError as error:
        advice = f"--model ann-small, or {KINDS['litert'].install}"
        raise UnsupportedModelError(f"NumPy runs dense models only ({error}): {advice}") from error
    except ModelError as error:
        raise BackendError(f"NumPy refuses the model: {error}") from error
