"""Parse a .tflite file: its operators, tensors, quantisation and weights, each checked when it is read.

Field numbers, operators and types are those of TensorFlow's `schema.fbs`, version 3.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.backends.flatbuffer import Table
from edge_runtime.backends.layers import HIGHEST, LOWEST, Quantisation
from edge_runtime.bundles.bundle import Shape
from edge_runtime.errors import ModelError, UnsupportedModelError

INT8, INT32 = 9, 2
AXES = 6  # of one image: no supported operator has more

Item = TypeVar("Item")
Number = TypeVar("Number", np.int8, np.int32)


class Operator(NamedTuple):
    """One operator of the graph. Tensors are identified by their number."""

    code: int
    inputs: list[int]  # -1: not given
    output: int
    table: Table

    def options(self, kind: int) -> Table | None:
        """Return the options of the operator, or None if they are not of this kind, a number of the schema."""
        return self.table.table(4) if self.table.number(3, "B") == kind else None


class TfliteFile:
    """A .tflite file with one graph of one input and one output. All methods raise ModelError for a broken file."""

    def __init__(self, model: bytes) -> None:
        root = Table.root(model, b"TFL3")
        graphs = root.tables(2, 1)
        if root.number(0, "I") != 3 or len(graphs) != 1:
            raise ModelError("it has another schema version or several graphs")
        self._codes = [_code(each) for each in root.tables(1, limits.MODEL_TABLES)]
        self._buffers = root.tables(4, limits.MODEL_TABLES)
        self._tensors = graphs[0].tables(0, limits.MODEL_TABLES)
        self._operators = graphs[0].tables(3, limits.MODEL_TABLES)
        self.input, self.output = (_single(graphs[0].array(field, "i4")) for field in (1, 2))
        # Layers may share weights without limit, so the size of the file is no bound for what is read from it.
        self._left = min(len(model), limits.WEIGHT_BYTES)

    def operators(self) -> list[Operator]:
        """Return the operators in the order of computation."""
        return [
            Operator(
                item(self._codes, each.number(0, "I")),
                each.array(1, "i4").tolist(),
                _single(each.array(2, "i4")),
                each,
            )
            for each in self._operators
        ]

    def sides(self, number: int) -> Shape:
        """Return the shape of a tensor as it is in the file, with the batch if it has one."""
        sides = item(self._tensors, number).array(0, "i4")
        if len(sides) > AXES + 1:
            raise ModelError(f"it has a tensor of {len(sides):,} axes")
        return tuple(int(side) for side in sides)

    def data(self, number: int, kind: int, dtype: type[Number]) -> NDArray[Number]:
        """Return the numbers of a constant tensor, (count,), read-only. kind: their type in the schema."""
        tensor = item(self._tensors, number)
        if tensor.number(1, "b") != kind:
            raise UnsupportedModelError("its weights are not 8-bit integers")
        data = item(self._buffers, tensor.number(2, "I")).array(0, "u1")
        self._left -= len(data)
        if self._left < 0 or len(data) % np.dtype(dtype).itemsize:
            raise ModelError("its layers hold more data than the file or the limit, or incomplete numbers")
        return data.view(np.dtype(dtype).newbyteorder("<"))

    def weight_scales(self, number: int, units: int, axis: int) -> NDArray[np.float32]:
        """Return the scales of weights, (units,). axis: that of the units."""
        scales, zero_points, place = self._quantisation(number)
        if len(scales) not in (1, units) or (len(scales) > 1 and place != axis) or zero_points.any():
            raise ModelError("it has scales that do not match its weights")
        return np.broadcast_to(scales, units)

    def quantisation(self, number: int) -> Quantisation:
        """Return the quantisation of a tensor between layers."""
        if item(self._tensors, number).number(1, "b") != INT8:
            raise UnsupportedModelError("it computes in other types than int8")
        scales, zero_points, _ = self._quantisation(number)
        if len(scales) != 1 or len(zero_points) != 1 or not LOWEST <= zero_points[0] <= HIGHEST:
            raise ModelError("it has an invalid zero point")
        return Quantisation(np.float32(scales[0]), int(zero_points[0]))

    def _quantisation(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
        """Return the scales, the zero points and the axis that they belong to."""
        quantisation = item(self._tensors, number).table(4)
        if quantisation is None:
            raise UnsupportedModelError("it is not quantised")
        scales, zero_points = quantisation.array(2, "f4"), quantisation.array(3, "i8")
        if not len(scales) or not (np.isfinite(scales) & (scales > 0)).all():
            raise ModelError("it has invalid scales")
        return scales, zero_points, quantisation.number(6, "i")


def check_shape(shape: Shape) -> Shape:
    """Return the shape of one image; raises ModelError if a layer cannot have it."""
    if not 1 <= len(shape) <= AXES or min(shape) < 1 or math.prod(shape) > limits.LAYER_VALUES:
        raise ModelError(f"it has a layer of shape {shape}")
    return shape


def item(items: list[Item], number: int) -> Item:
    """Return an item of a list by its number; raises ModelError if the list is too short."""
    if not 0 <= number < len(items):
        raise ModelError("it refers to an item that does not exist")
    return items[number]


def _code(entry: Table) -> int:
    """Return the number of an operator; small numbers are only in the older field."""
    return max(entry.number(0, "b"), entry.number(3, "i"))


def _single(numbers: NDArray[np.int32]) -> int:
    if len(numbers) != 1:
        raise ModelError("it has several inputs or outputs, or none")
    return int(numbers[0])
