"""Run dense int8 networks with NumPy only, on devices and Python versions for which no interpreter has a wheel.

All values are integers. Sums are kept in float32 if a bound shows that they are exact in its 24 bits, else in float64,
because NumPy multiplies float matrices fast and integer matrices slowly. Between layers the sums are scaled and rounded
like in XNNPACK, which LiteRT uses: multiplied by one float32 scale and rounded half to even ("fp32 requantization" in
its sources). So the outputs equal those of LiteRT bit for bit.

Products are split into tiles that are too small for a BLAS library to start threads: on a busy device these threads
wait for each other, and a digit takes many times as long.
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
PIXELS = Quantisation(np.float32(1.0), -128)  # of the input: pixels 0..255
LOWEST, HIGHEST = -128, 127  # of int8
EXACT = 1 << 24  # integers up to this are exact in float32, and so are sums in any order
INT32 = (1 << 31) - 1  # interpreters sum in 32 bits
ROWS, INPUTS, UNITS = 32, 128, 32  # maximum size of a tile: OpenBLAS uses one thread up to 262,144 multiplications
MOST_SCALE = 256  # between layers: the limit of XNNPACK

Values = NDArray[np.float32]  # (N, ...), integers: stored values minus their zero point


class _Prepared(NamedTuple):
    """A dense layer, prepared for multiplication."""

    weights: NDArray[np.floating]  # (tiles down, tiles across, inputs, units), float32 or float64: sums are exact
    bias: NDArray[np.floating]  # (units,) of the layer
    scale: NDArray[np.float32]  # (units,), converts sums to steps of the output
    lowest: int  # of the output minus its zero point
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
    if not (scale < MOST_SCALE).all():  # also fails for NaN
        raise ModelError("it has scales between layers that are too large")
    return _Prepared(
        _tile(layer.weights.T.astype(exact)),
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


def _tile(weights: NDArray[Any]) -> NDArray[Any]:
    """Split a matrix (inputs, units) into tiles of equal size, padded with 0: (down, across, high, wide)."""
    inputs, units = weights.shape
    down, across = math.ceil(inputs / INPUTS), math.ceil(units / UNITS)
    high, wide = math.ceil(inputs / down), math.ceil(units / across)
    whole = np.zeros((down * high, across * wide), weights.dtype)
    whole[:inputs, :units] = weights
    return np.ascontiguousarray(whole.reshape(down, high, across, wide).transpose(0, 2, 1, 3))


def _product(values: NDArray[Any], tiles: NDArray[Any], units: int) -> NDArray[Any]:
    """Multiply values (N, inputs) by the tiles of a matrix (inputs, units); all sums are exact in any order."""
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
    """Load a .tflite model; raises UnsupportedModelError for other than dense layers, BackendError if it is broken.

    threads: ignored; one thread is used.
    """
    try:
        return NumpyBackend(model, shapes)
    except UnsupportedModelError as error:
        advice = f"--model ann-small, or {KINDS['litert'].install}"
        raise UnsupportedModelError(f"NumPy runs dense models only ({error}): {advice}") from error
    except ModelError as error:
        raise BackendError(f"NumPy refuses the model: {error}") from error
