"""Read the layers of a .tflite file of int8 operators; a file with other operators is refused.

The shape of each layer is computed from its input and checked before anything of that size exists.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.backends.flatbuffer import Table
from edge_runtime.backends.layers import (
    HIGHEST,
    LOWEST,
    Add,
    Concatenate,
    Convolution,
    Dense,
    Depthwise,
    Layer,
    MaxPool,
    Network,
    Pad,
    Quantisation,
    Range,
    Reshape,
    Resize,
    SpaceToDepth,
    Step,
    Sums,
    Transpose,
    Window,
)
from edge_runtime.backends.tflite_file import INT8, INT32, Operator, TfliteFile, check_shape
from edge_runtime.bundles.bundle import Shape
from edge_runtime.errors import ModelError, UnsupportedModelError

ADD, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, MAX_POOL_2D = 0, 2, 3, 4, 9, 17
RESHAPE, SPACE_TO_DEPTH, PAD, TRANSPOSE, RESIZE_NEAREST_NEIGHBOR = 22, 26, 34, 39, 97
# Types of their options.
CONV_OPTIONS, DEPTHWISE_OPTIONS, POOL_OPTIONS, DENSE_OPTIONS, CONCATENATION_OPTIONS = 1, 2, 5, 8, 10
ADD_OPTIONS, SPACE_TO_DEPTH_OPTIONS, RESIZE_OPTIONS = 11, 19, 74
SAME, VALID = 0, 1  # padding
NONE = 0  # activation: no function
ACTIVATIONS: dict[int, tuple[float, float]] = {NONE: (-np.inf, np.inf), 1: (0.0, np.inf), 3: (0.0, 6.0)}  # ReLU, ReLU6
NOT_GIVEN = -1  # number of an optional tensor that an operator does not have
PASS = 16  # a pass over values, one by one, takes as long as so many multiplications of matrices for each
PASS_VALUES = 1024  # values: a shorter pass takes no less time

Shapes = list[Shape]  # of the inputs of an operator that are not constant


class Found(NamedTuple):
    """A layer and what it needs for one image."""

    layer: Layer
    shape: Shape  # of its output
    cost: int  # multiplications, or as many as take the same time
    scratch: int = 0  # values that it keeps while it is computed, besides inputs and output


def read_tflite(model: bytes) -> Network:
    """Read the bytes of a .tflite file.

    Raises UnsupportedModelError for a valid file with operators or options that are not supported, and ModelError for a
    broken file and for one that exceeds a limit.
    """
    file = TfliteFile(model)
    image = check_shape(file.sides(file.input)[1:])
    shapes: dict[int, Shape] = {file.input: image}
    steps: list[Step] = []
    scratch: list[int] = []
    cost = 0
    for operator in file.operators():
        inputs = tuple(number for number in operator.inputs if number in shapes)
        if not inputs or operator.inputs[0] != inputs[0] or operator.output in shapes:
            raise ModelError("its operations are not in the order of computation")
        found = _read(file, operator, [shapes[number] for number in inputs])
        cost += found.cost
        if cost > limits.MODEL_COST:
            raise ModelError(f"it needs more than {limits.MODEL_COST:,} multiplications for one image")
        shapes[operator.output] = found.shape
        steps.append(Step(found.layer, inputs, operator.output, ()))
        scratch.append(found.scratch)
    if not steps or file.output not in shapes:
        raise ModelError("its operations do not lead to its output")
    steps = _with_unused(steps, file.output)
    peak = _peak(file.input, steps, shapes, scratch)
    if peak > limits.MODEL_VALUES:
        raise ModelError(f"it keeps {peak:,} values at the same time; at most {limits.MODEL_VALUES:,} are allowed")
    before, after = file.quantisation(file.input), file.quantisation(file.output)
    return Network(image, before, file.input, steps, file.output, shapes[file.output], after, peak)


def _with_unused(steps: list[Step], output: int) -> list[Step]:
    """Note with each step which tensors no later one needs."""
    needed = {output}
    noted = []
    for step in reversed(steps):
        unused = {*step.inputs, step.output} - needed
        needed |= unused
        noted.append(step._replace(unused=tuple(unused)))
    return noted[::-1]


def _peak(first: int, steps: list[Step], shapes: dict[int, Shape], scratch: list[int]) -> int:
    """Return the largest number of values that are kept at the same time."""
    kept = peak = math.prod(shapes[first])
    for step, more in zip(steps, scratch, strict=True):
        kept += math.prod(shapes[step.output])
        peak = max(peak, kept + more)
        kept -= sum(math.prod(shapes[number]) for number in step.unused)
    return peak


def _read(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    read = READERS.get(operator.code)
    if read is None:
        raise UnsupportedModelError(f"it has operator {operator.code}")
    if len(shapes) != 1 and operator.code not in (ADD, CONCATENATION):
        raise UnsupportedModelError("it computes with weights that are not constant")
    found = read(file, operator, shapes)
    check_shape(found.shape)
    computes = isinstance(found.layer, Dense | Convolution | Depthwise | Add)
    if not computes and any(
        file.quantisation(number) != file.quantisation(operator.output) for number in operator.inputs[: len(shapes)]
    ):
        raise ModelError("it changes the scale in a layer that only moves values")
    return found


def _dense(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    (shape, *_) = shapes
    options = operator.options(DENSE_OPTIONS)
    keeps_axes = bool(options and options.number(2, "b"))
    if (options and options.number(1, "b")) or not (keeps_axes or len(shape) == 1):
        raise UnsupportedModelError("it has dense layers with unsupported options")
    weights = _weights(file, operator, 2)
    units, inputs = weights.shape
    if inputs != shape[-1]:
        raise ModelError(f"it has weights of shape {weights.shape} for {shape[-1]} inputs")
    sums = _sums(file, operator, units, 0, options.number(0, "b") if options else NONE)
    after = (*shape[:-1], units)
    return Found(Dense(weights, sums), after, math.prod(after) * inputs + _passes(1, after))


def _convolution(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = _options(operator, CONV_OPTIONS)
    weights, image = _weights(file, operator, 4), _image(shapes)
    if weights.shape[3] != image[2]:
        raise UnsupportedModelError(f"it has a convolution of {weights.shape[3]} of {image[2]} channels")
    weights = _dilate(weights, options.number(5, "i", 1), options.number(4, "i", 1))
    units, high, wide, channels = weights.shape
    window = _window(options, (high, wide), image)
    inputs = high * wide * channels
    if window.outputs[1] * inputs > limits.LAYER_VALUES:
        raise ModelError(f"it has a convolution of {inputs:,} inputs for each of {window.outputs[1]:,} columns")
    sums = _sums(file, operator, units, 0, options.number(3, "b"))
    weights, after = weights.reshape(units, inputs), (*window.outputs, units)
    cost = math.prod(after) * inputs + _passes(1, after) + _passes(1, (*window.outputs, inputs))
    if window.size == window.stride == (1, 1):
        return Found(Dense(weights, sums), after, cost)
    return Found(Convolution(weights, window, sums), after, cost, math.prod(window.padded) * channels)


def _depthwise(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = _options(operator, DEPTHWISE_OPTIONS)
    weights, image = _weights(file, operator, 4), _image(shapes)
    weights = _dilate(weights, options.number(6, "i", 1), options.number(5, "i", 1))
    one, high, wide, units = weights.shape
    if one != 1 or units % image[2]:
        raise ModelError(f"it has a convolution of {units} units for {image[2]} channels")
    window = _window(options, (high, wide), image)
    sums = _sums(file, operator, units, 3, options.number(4, "b"))
    after = check_shape((*window.outputs, units))
    scratch = math.prod(window.padded) * units + 4 * math.prod(after)  # float64 has two values' memory
    return Found(Depthwise(weights.reshape(-1, units), window, sums), after, _passes(2 * high * wide, after), scratch)


def _max_pool(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = _options(operator, POOL_OPTIONS)
    image = _image(shapes)
    window = _window(options, (options.number(4, "i"), options.number(3, "i")), image)
    if options.number(5, "b") != NONE:
        raise UnsupportedModelError("it has a pooling layer with an activation")
    after = (*window.outputs, image[2])
    size = math.prod(window.padded) * image[2]
    lowest = LOWEST - file.quantisation(operator.output).zero_point
    # Rows first, then columns.
    return Found(MaxPool(window, lowest), after, _passes(sum(window.size), (size,)), 2 * size)


def _add(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = _options(operator, ADD_OPTIONS)
    if len(operator.inputs) != 2 or len(shapes) != 2 or shapes[0] != shapes[1]:
        raise UnsupportedModelError("it adds other than two tensors of one shape")
    first, second = (file.quantisation(number) for number in operator.inputs)
    after = file.quantisation(operator.output)
    layer = Add(first, second, after, _range(options.number(0, "b"), after))
    return Found(layer, shapes[0], _passes(8, shapes[0]), 2 * math.prod(shapes[0]))


def _concatenate(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = _options(operator, CONCATENATION_OPTIONS)
    axes = len(shapes[0]) + 1
    axis = options.number(0, "i")
    axis += axes if axis < 0 else 0
    if len(shapes) != len(operator.inputs) or options.number(1, "b") != NONE:
        raise UnsupportedModelError("it joins tensors with constants or an activation")
    others = [(*shape[: axis - 1], *shape[axis:]) for shape in shapes]
    if not 1 <= axis < axes or len({*others}) != 1 or {len(shape) for shape in shapes} != {axes - 1}:
        raise ModelError("it joins tensors whose shapes do not match")
    shape = list(shapes[0])
    shape[axis - 1] = sum(each[axis - 1] for each in shapes)
    return Found(Concatenate(axis), tuple(shape), _passes(1, shape))


def _pad(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    shape = shapes[0]
    widths = _constant(file, operator, 2 * (len(shape) + 1))
    if min(widths) < 0 or any(widths[:2]):
        raise ModelError("it pads the batch or by negative sizes")
    begin, end = tuple(widths[2::2]), widths[3::2]
    after = check_shape(tuple(sum(sides) for sides in zip(shape, begin, end, strict=True)))
    return Found(Pad(after, begin), after, _passes(1, after))


def _resize(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    options = operator.options(RESIZE_OPTIONS)
    high, wide, channels = _image(shapes)
    rows, columns = _constant(file, operator, 2)
    after = check_shape((rows, columns, channels))
    corners, centres = (bool(options and options.number(field, "b")) for field in (0, 1))
    if corners:
        raise UnsupportedModelError("it resizes an image with aligned corners")
    layer = Resize(_nearest(high, rows, centres), _nearest(wide, columns, centres))
    return Found(layer, after, _passes(2, after), math.prod(after))


def _nearest(size: int, new: int, centres: bool) -> NDArray[np.intp]:
    """Return for each of `new` places the nearest of `size`, computed in float32 as in TFLite."""
    places = (np.arange(new, dtype=np.float32) + np.float32(0.5 if centres else 0.0)) * (
        np.float32(size) / np.float32(new)
    )
    return np.minimum(places.astype(np.intp), size - 1)


def _space_to_depth(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    high, wide, channels = _image(shapes)
    block = _options(operator, SPACE_TO_DEPTH_OPTIONS).number(0, "i")
    if block < 1 or high % block or wide % block:
        raise ModelError(f"it makes blocks of {block} of an image of {high}x{wide}")
    after = (high // block, wide // block, channels * block * block)
    return Found(SpaceToDepth(block), after, _passes(1, after))


def _reshape(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    after = check_shape(file.sides(operator.output)[1:])
    if math.prod(after) != math.prod(shapes[0]):
        raise ModelError(f"it reshapes {shapes[0]} to {after}")
    return Found(Reshape(after), after, _passes(1, after))


def _transpose(file: TfliteFile, operator: Operator, shapes: Shapes) -> Found:
    shape = shapes[0]
    axes = tuple(_constant(file, operator, len(shape) + 1))
    if axes[:1] != (0,) or sorted(axes) != list(range(len(shape) + 1)):
        raise ModelError("it transposes axes that do not exist")
    after = tuple(shape[axis - 1] for axis in axes[1:])
    return Found(Transpose(axes), after, _passes(1, after))


READERS: dict[int, Callable[[TfliteFile, Operator, Shapes], Found]] = {
    ADD: _add,
    CONCATENATION: _concatenate,
    CONV_2D: _convolution,
    DEPTHWISE_CONV_2D: _depthwise,
    FULLY_CONNECTED: _dense,
    MAX_POOL_2D: _max_pool,
    RESHAPE: _reshape,
    SPACE_TO_DEPTH: _space_to_depth,
    PAD: _pad,
    TRANSPOSE: _transpose,
    RESIZE_NEAREST_NEIGHBOR: _resize,
}


def _passes(count: int, shape: Shape | list[int]) -> int:
    """Return the cost of passes over all values of a shape."""
    return count * PASS * max(PASS_VALUES, math.prod(shape))


def _options(operator: Operator, kind: int) -> Table:
    options = operator.options(kind)
    if options is None:
        raise ModelError(f"it has operator {operator.code} without options")
    return options


def _image(shapes: Shapes) -> tuple[int, int, int]:
    if len(shapes[0]) != 3:
        raise ModelError(f"it has a layer for images with an input of shape {shapes[0]}")
    high, wide, channels = shapes[0]
    return high, wide, channels


def _constant(file: TfliteFile, operator: Operator, count: int) -> list[int]:
    """Return the numbers of the second input of an operator."""
    if len(operator.inputs) != 2:
        raise ModelError(f"it has operator {operator.code} with {len(operator.inputs)} inputs")
    numbers = file.data(operator.inputs[1], INT32, np.int32)
    if len(numbers) != count:
        raise ModelError(f"it has operator {operator.code} with {len(numbers):,} numbers, not {count}")
    return [int(number) for number in numbers]


def _weights(file: TfliteFile, operator: Operator, axes: int) -> NDArray[np.int8]:
    """Return the weights, which are the second input of an operator."""
    if len(operator.inputs) not in (2, 3):
        raise ModelError(f"it has operator {operator.code} with {len(operator.inputs)} inputs")
    weights, sides = file.data(operator.inputs[1], INT8, np.int8), file.sides(operator.inputs[1])
    if len(sides) != axes or min(sides) < 1 or math.prod(sides) != weights.size:
        raise ModelError(f"it has {weights.size:,} weights of shape {sides}")
    return weights.reshape(sides)


def _sums(file: TfliteFile, operator: Operator, units: int, axis: int, activation: int) -> Sums:
    before, after = file.quantisation(operator.inputs[0]), file.quantisation(operator.output)
    scales = file.weight_scales(operator.inputs[1], units, axis)
    bias = np.zeros(units, np.int32)
    if operator.inputs[2:] not in ([], [NOT_GIVEN]):
        bias = file.data(operator.inputs[2], INT32, np.int32)
    if bias.shape != (units,):
        raise ModelError("it has a bias that does not match its weights")
    return Sums(bias, scales, before, after, _range(activation, after))


def _range(activation: int, after: Quantisation) -> Range:
    """Return the range of a layer's outputs with the activation that it ends with."""
    if activation not in ACTIVATIONS:
        raise UnsupportedModelError(f"it has activation {activation}")
    lowest, highest = LOWEST - after.zero_point, HIGHEST - after.zero_point
    with np.errstate(over="ignore"):
        low, high = (np.rint(np.float32(value) / after.scale) for value in ACTIVATIONS[activation])
    return Range(int(max(lowest, low)), int(min(highest, high)))


def _dilate(weights: NDArray[np.int8], down: int, right: int) -> NDArray[np.int8]:
    """Return kernels (n, height, width, channels) with zeros between their rows and columns. down, right: dilations."""
    if down == right == 1:
        return weights
    if down < 1 or right < 1:
        raise ModelError(f"it has a convolution with dilations {down} and {right}")
    count, high, wide, channels = weights.shape
    dilated = np.zeros(check_shape((count, (high - 1) * down + 1, (wide - 1) * right + 1, channels)), np.int8)
    dilated[:, ::down, ::right] = weights
    return dilated


def _window(options: Table, size: tuple[int, int], image: tuple[int, int, int]) -> Window:
    """Return the windows of a layer whose options begin with padding, horizontal and vertical stride."""
    padding, stride = options.number(0, "b"), (options.number(2, "i"), options.number(1, "i"))
    if padding not in (SAME, VALID) or min(*stride, *size) < 1:
        raise ModelError(f"it has windows of size {size}, stride {stride} and padding {padding}")
    if padding == VALID:
        outputs = tuple((side - part) // step + 1 for side, part, step in zip(image, size, stride, strict=False))
        padded, top_left = image[:2], (0, 0)
    else:
        outputs = tuple(-(-side // step) for side, step in zip(image, stride, strict=False))
        spans = [(count - 1) * step + part for count, step, part in zip(outputs, stride, size, strict=True)]
        more = [max(0, span - side) for span, side in zip(spans, image, strict=False)]
        padded = (image[0] + more[0], image[1] + more[1])
        top_left = (more[0] // 2, more[1] // 2)
    if min(outputs) < 1:
        raise ModelError(f"it has windows of size {size} in an image of {image[0]}x{image[1]}")
    check_shape((*padded, image[2]))
    return Window(size, stride, top_left, padded, (outputs[0], outputs[1]))
