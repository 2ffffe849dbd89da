"""The layers of an int8 network as data, read from a file by `tflite_graph` and computed by `numpy_ops`.

A shape is that of one image, without the batch: (height, width, channels) for layers with a window.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Shape

LOWEST, HIGHEST = -128, 127  # of int8


class Quantisation(NamedTuple):
    """Real value = scale * (stored value - zero_point)."""

    scale: np.float32
    zero_point: int  # -128..127


class Range(NamedTuple):
    """What the outputs of a layer are clipped to, in steps from the zero point."""

    lowest: int  # -255..0
    highest: int  # 0..255


class Sums(NamedTuple):
    """How the sums of a layer become int8 outputs. A sum is that of values times weights, each minus its zero point."""

    bias: NDArray[np.int32]  # (units,), in units of input scale times weight scale
    scales: NDArray[np.float32]  # (units,), scales of the weights; their zero point is 0
    before: Quantisation
    after: Quantisation
    range: Range


class Window(NamedTuple):
    """What part of the image each output is computed from. All pairs are height and width."""

    size: tuple[int, int]
    stride: tuple[int, int]
    top_left: tuple[int, int]  # rows above the image and columns left of it, which hold zeros
    padded: tuple[int, int]  # size of the image with all such rows and columns
    outputs: tuple[int, int]


class Dense(NamedTuple):
    """Multiply along the last axis by the weights."""

    weights: NDArray[np.int8]  # (units, inputs)
    sums: Sums


class Convolution(NamedTuple):
    """Multiply each window, all of its channels, by the weights."""

    weights: NDArray[np.int8]  # (units, inputs); the inputs are a window of (height, width, channels)
    window: Window
    sums: Sums


class Depthwise(NamedTuple):
    """Multiply each window by the weights, each channel on its own."""

    weights: NDArray[np.int8]  # (height * width, units); the units are (channels, units of each channel)
    window: Window
    sums: Sums


class MaxPool(NamedTuple):
    """Take the largest value of each window."""

    window: Window
    lowest: int  # what an output may be at least, in steps from the zero point: the value of the padding


class Add(NamedTuple):
    """Add two tensors of the same shape and of any quantisation."""

    first: Quantisation
    second: Quantisation
    after: Quantisation
    range: Range


class Concatenate(NamedTuple):
    """Join tensors along an axis, which counts the batch as 0."""

    axis: int


class Pad(NamedTuple):
    """Add zeros around the values."""

    shape: Shape  # after it
    begin: Shape  # zeros before the values along each axis


class Resize(NamedTuple):
    """Take each output from the nearest value of the image."""

    rows: NDArray[np.intp]  # for each row of the output, that of the input
    columns: NDArray[np.intp]


class SpaceToDepth(NamedTuple):
    """Make each square of `block` x `block` values one value with more channels."""

    block: int


class Reshape(NamedTuple):
    """Change the shape."""

    shape: Shape


class Transpose(NamedTuple):
    """Change the order of axes."""

    axes: tuple[int, ...]  # with the batch, which stays first, such as (0, 2, 1)


Weighted = Dense | Convolution | Depthwise
Layer = Weighted | MaxPool | Add | Concatenate | Pad | Resize | SpaceToDepth | Reshape | Transpose


class Step(NamedTuple):
    """One layer in the graph. Tensors are identified by their number in the file."""

    layer: Layer
    inputs: tuple[int, ...]
    output: int
    unused: tuple[int, ...]  # tensors that no later step needs


class Network(NamedTuple):
    """A graph of layers with one input and one output, in the order of computation."""

    image: Shape  # of the input
    before: Quantisation  # of the input
    input: int  # its tensor
    steps: list[Step]
    output: int  # its tensor
    outputs: Shape
    after: Quantisation  # of the output
    peak: int  # the largest number of values of one image that are kept at the same time
