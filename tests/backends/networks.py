"""Networks of random weights as int8 .tflite files, made as the export makes them."""

from functools import cache

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from export.tflite import convert_int8
from train.hourglass import Dilated

PAGE = (256, 256)
MIXED = (40, 36)
PAIRS = (256, 512)  # all pairs of two pixels side by side


class Operation(keras.layers.Layer):
    """One TensorFlow operation as a layer: Keras' own layers find shapes at run time, in a dozen operations."""

    def __init__(self, call, shape):
        """shape: of one image of the output."""
        super().__init__()
        self.operation, self.shape = call, shape

    def call(self, inputs):
        return self.operation(inputs)

    def compute_output_shape(self, shape):
        return (shape[0], *self.shape)


def reshape(*shape):
    return Operation(lambda values: tf.reshape(values, (-1, *shape)), shape)


def resize(values, high, wide, legacy=False):
    size, shape = (high, wide), (high, wide, values.shape[-1])
    if legacy:
        return Operation(lambda image: tf.compat.v1.image.resize_nearest_neighbor(image, size), shape)(values)
    return Operation(lambda image: tf.image.resize(image, size, method="nearest"), shape)(values)


def space_to_depth(values, block):
    high, wide, channels = values.shape[1:]
    shape = (high // block, wide // block, channels * block * block)
    return Operation(lambda image: tf.nn.space_to_depth(image, block), shape)(values)


def convolution(values, filters, size=3, strides=1, padding="same", activation="relu"):
    return keras.layers.Conv2D(filters, size, strides=strides, padding=padding, activation=activation)(values)


def depthwise(values, size=3, **options):
    return keras.layers.DepthwiseConv2D(size, **options)(values)


def join(values, more):
    """Add what has half the size."""
    return keras.layers.Add()([values, resize(more, *values.shape[1:3])])


def page_network(channels):
    """Fully convolutional: down to 1/16 of the page, and up again to one output for each 4x4 pixels."""
    first, second, third = channels
    pixels = keras.Input(PAGE)
    quarter = convolution(space_to_depth(reshape(*PAGE, 1)(pixels), 4), first)
    eighth = convolution(convolution(quarter, second, strides=2), second)
    sixteenth = convolution(convolution(eighth, third, strides=2), third)
    sixteenth = Dilated(third, 3, padding="same", dilation_rate=(2, 3))(sixteenth)
    eighth = convolution(join(eighth, convolution(sixteenth, second, size=1)), second)
    quarter = convolution(join(quarter, convolution(eighth, first, size=1)), first)
    return keras.Model(pixels, convolution(quarter, 45, size=1, activation=None))


def mixed_network():
    """Every supported operator, odd sizes, every activation and padding."""
    layers = keras.layers
    pixels = keras.Input(MIXED)
    values = reshape(*MIXED, 1)(pixels)
    relu6 = layers.ReLU(6.0)(convolution(values, 8, strides=(2, 1), activation=None))
    same = depthwise(relu6, padding="same", activation="relu")
    twice = depthwise(relu6, (2, 5), padding="same", depth_multiplier=2)
    values = layers.Concatenate()([relu6, same, twice])
    values = layers.ZeroPadding2D(((1, 2), (0, 3)))(values)
    values = convolution(values, 12, size=(3, 2), padding="valid", activation=None)
    values = layers.MaxPooling2D(3, 2, padding="same")(values)
    values = layers.Add()([values, convolution(values, 12, size=1)])
    values = layers.ReLU()(layers.Add()([values, depthwise(values, 5, padding="same")]))
    values = layers.MaxPooling2D((2, 3))(depthwise(values, strides=2))
    values = resize(resize(values, 7, 11), 5, 4, legacy=True)
    values = convolution(values, 10, size=1, strides=2, padding="valid")
    values = Operation(lambda image: tf.transpose(image, (0, 3, 1, 2)), (10, 3, 2))(values)
    values = layers.Dense(20, activation="relu")(reshape(60)(values))
    return keras.Model(pixels, layers.Dense(10)(values))


def pairs_network():
    """Adds two images that are convolutions of one pixel: the sum of every pair of numbers."""
    pixels = keras.Input(PAIRS)
    values = reshape(256, 256, 2)(pixels)
    one, other = (convolution(values, 1, size=1, activation=None) for _ in range(2))
    return keras.Model(pixels, keras.layers.Add()([one, other]))


@cache
def network(name):
    """The bytes of a network and the shape of its image. name: page, mixed or pairs."""
    keras.utils.set_random_seed(7)
    model = {"page": lambda: page_network((16, 24, 32)), "mixed": mixed_network, "pairs": pairs_network}[name]()
    random = np.random.default_rng(8)
    weighted = [layer for layer in model.layers if layer.weights]
    for number, layer in enumerate(weighted):
        kernel, bias = layer.get_weights()
        factor = 1.0 if number else 0.02  # for pixels of 0..255
        layer.set_weights([kernel * factor, random.normal(0, 0.1, bias.shape)])
    if name == "pairs":
        for layer, kernel, bias in zip(weighted, ([1.0, 0.0], [0.0, -0.7]), (0.0, 50.0), strict=True):
            layer.set_weights([np.reshape(kernel, (1, 1, 2, 1)), np.array([bias])])
    return convert_int8(model, random.integers(0, 256, (8, *model.input_shape[1:]), np.uint8)), model.input_shape[1:]


def edited(model, edit):
    """A .tflite file after `edit(graph, tensors)` changed its content; `tensors` is by number."""
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    (graph,) = content.subgraphs
    edit(content, graph)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))
