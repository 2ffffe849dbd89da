"""Parse a .tflite file of dense int8 layers; other files are refused.

Field numbers, operators and types are those of TensorFlow's `schema.fbs`, version 3.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.backends.flatbuffer import Table
from edge_runtime.bundles.bundle import Shape
from edge_runtime.errors import ModelError, UnsupportedModelError

FULLY_CONNECTED, RESHAPE, TRANSPOSE = 9, 22, 39
DENSE_OPTIONS = 8  # type of the options of a dense operator
INT8, INT32 = 9, 2
NO_ACTIVATION, RELU = 0, 1

Item = TypeVar("Item")
Number = TypeVar("Number", np.int8, np.int32)


class Quantisation(NamedTuple):
    """Real value = scale * (stored value - zero_point)."""

    scale: np.float32
    zero_point: int  # -128..127


class Dense(NamedTuple):
    """Multiply along the last axis by the weights, add the bias, and clip at 0 if `relu`."""

    weights: NDArray[np.int8]  # (units, inputs)
    scales: NDArray[np.float32]  # (units,), scales of the weights; their zero point is 0
    bias: NDArray[np.int32]  # (units,), in units of input scale times weight scale
    before: Quantisation
    after: Quantisation
    relu: bool


class Reshape(NamedTuple):
    """Change the shape."""

    shape: Shape  # of one image


class Transpose(NamedTuple):
    """Change the order of axes."""

    axes: tuple[int, ...]  # with the batch, which stays first, such as (0, 2, 1)


Layer = Dense | Reshape | Transpose


class Network(NamedTuple):
    """A chain of layers."""

    image: Shape  # shape of one input, without the batch
    before: Quantisation  # of the input
    layers: list[Layer]
    outputs: Shape  # of one image
    after: Quantisation  # of the output
    widest: int  # the largest number of values of one image between two layers


def read_tflite(model: bytes) -> Network:
    """Read the bytes of a .tflite file.

    Raises UnsupportedModelError for a valid file with other operations than dense layers, reshape and transpose, and
    ModelError for a broken file.
    """
    root = Table.root(model, b"TFL3")
    graphs = root.tables(2, 1)
    if root.number(0, "I") != 3 or len(graphs) != 1:
        raise ModelError("it has another schema version or several graphs")
    return _Graph(root, graphs[0], len(model)).network()


class _Graph:
    """The graph, parsed from input to output, with the shape of one image at each step."""

    def __init__(self, root: Table, graph: Table, size: int) -> None:
        self._codes = [_code(each) for each in root.tables(1, limits.MODEL_TABLES)]
        self._buffers = root.tables(4, limits.MODEL_TABLES)
        self._tensors = graph.tables(0, limits.MODEL_TABLES)
        self._operators = graph.tables(3, limits.MODEL_TABLES)
        self._input, self._output = (_single(graph.array(field, "i4")) for field in (1, 2))
        self._left = size  # bytes of weights still allowed, because layers may share weights without limit

    def network(self) -> Network:
        at, image = self._input, tuple(int(side) for side in self._tensor(self._input).array(0, "i4")[1:])
        shape = _check_shape(image)
        widest = math.prod(shape)
        layers: list[Layer] = []
        for operator in self._operators:
            code = _item(self._codes, operator.number(0, "I"))
            inputs = operator.array(1, "i4").tolist()
            if inputs[:1] != [at]:
                raise ModelError("its operations are not a chain")
            after = _single(operator.array(2, "i4"))
            if code == FULLY_CONNECTED and len(inputs) == 3:
                layer, shape = self._dense(operator, inputs, after, shape)
                layers.append(layer)
            elif code == RESHAPE:
                shape = self._reshape(after, shape)
                layers.append(Reshape(shape))
            elif code == TRANSPOSE and len(inputs) == 2:
                axes = tuple(self._data(inputs[1], INT32, np.int32).tolist())
                if axes[:1] != (0,) or sorted(axes) != list(range(len(shape) + 1)):
                    raise ModelError("it transposes axes that do not exist")
                shape = tuple(shape[axis - 1] for axis in axes[1:])
                layers.append(Transpose(axes))
            else:
                raise UnsupportedModelError(f"it has operator {code}")
            if code != FULLY_CONNECTED and self._quantisation(at) != self._quantisation(after):
                raise ModelError("it changes the scale in a reshape or transpose")
            at, widest = after, max(widest, math.prod(shape))
        if at != self._output:
            raise ModelError("its operations do not lead to its output")
        return Network(image, self._quantisation(self._input), layers, shape, self._quantisation(at), widest)

    def _dense(self, operator: Table, inputs: list[int], after: int, shape: Shape) -> tuple[Dense, Shape]:
        options = operator.table(4) if operator.number(3, "B") == DENSE_OPTIONS else None
        relu = options.number(0, "b") if options else NO_ACTIVATION
        keeps = bool(options and options.number(2, "b"))
        if relu not in (NO_ACTIVATION, RELU) or (options and options.number(1, "b")) or not (keeps or len(shape) == 1):
            raise UnsupportedModelError("it has dense layers with unsupported options")
        sides = tuple(self._tensor(inputs[1]).array(0, "i4").tolist())
        weights, bias = self._data(inputs[1], INT8, np.int8), self._data(inputs[2], INT32, np.int32)
        if len(sides) != 2 or sides[1] != shape[-1] or sides[0] < 1 or math.prod(sides) != weights.size:
            raise ModelError(f"it has weights of shape {sides} for {shape[-1]} inputs")
        units = sides[0]
        scales, zero_points = self._scales(inputs[1])
        if bias.shape != (units,) or len(scales) not in (1, units) or zero_points.any():
            raise ModelError("it has a bias or scales that do not match its weights")
        before, behind = self._quantisation(inputs[0]), self._quantisation(after)
        layer = Dense(weights.reshape(sides), np.broadcast_to(scales, units), bias, before, behind, relu == RELU)
        return layer, _check_shape((*shape[:-1], units))

    def _reshape(self, after: int, shape: Shape) -> Shape:
        new = _check_shape(tuple(int(side) for side in self._tensor(after).array(0, "i4")[1:]))
        if math.prod(new) != math.prod(shape):
            raise ModelError(f"it reshapes {shape} to {new}")
        return new

    def _tensor(self, number: int) -> Table:
        return _item(self._tensors, number)

    def _data(self, number: int, kind: int, dtype: type[Number]) -> NDArray[Number]:
        tensor = self._tensor(number)
        if tensor.number(1, "b") != kind:
            raise UnsupportedModelError("its weights are not 8-bit integers")
        data = _item(self._buffers, tensor.number(2, "I")).array(0, "u1")
        self._left -= len(data)
        if self._left < 0 or len(data) % np.dtype(dtype).itemsize:
            raise ModelError("its layers hold more data than the file, or incomplete numbers")
        return data.view(np.dtype(dtype).newbyteorder("<"))

    def _scales(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        quantisation = self._tensor(number).table(4)
        if quantisation is None:
            raise UnsupportedModelError("it is not quantised")
        scales, zero_points = quantisation.array(2, "f4"), quantisation.array(3, "i8")
        if not len(scales) or not (np.isfinite(scales) & (scales > 0)).all() or quantisation.number(6, "i"):
            raise ModelError("it has invalid scales")
        return scales, zero_points

    def _quantisation(self, number: int) -> Quantisation:
        """Return the quantisation of a tensor between layers."""
        if self._tensor(number).number(1, "b") != INT8:
            raise UnsupportedModelError("it computes in other types than int8")
        scales, zero_points = self._scales(number)
        if len(scales) != 1 or len(zero_points) != 1 or not -128 <= zero_points[0] <= 127:
            raise ModelError("it has an invalid zero point")
        return Quantisation(np.float32(scales[0]), int(zero_points[0]))


def _code(entry: Table) -> int:
    """Return the number of an operator; small numbers are only in the older field."""
    return max(entry.number(0, "b"), entry.number(3, "i"))


def _single(numbers: NDArray[np.int32]) -> int:
    if len(numbers) != 1:
        raise ModelError("it has several inputs or outputs, or none")
    return int(numbers[0])


def _item(items: list[Item], number: int) -> Item:
    if not 0 <= number < len(items):
        raise ModelError("it refers to an item that does not exist")
    return items[number]


def _check_shape(shape: Shape) -> Shape:
    if not shape or min(shape) < 1 or math.prod(shape) > limits.LAYER_VALUES:
        raise ModelError(f"it has a layer of shape {shape}")
    return shape
