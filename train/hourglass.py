"""Builds the hourglass that a recipe describes: a network that gives outputs for every place of an image.

After O. Ronneberger and others: "U-Net: convolutional networks for biomedical image segmentation", 2015, with sums in
place of joined channels. The layers here wrap one operation each, so that converters need no shapes of a batch.
"""

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from edge_runtime.segmentation.outputs import BLOCK, BLOCKS, CELLS, ROW

if TYPE_CHECKING:
    from train.recipes import Hourglass

NORM_MEMORY = 0.98  # of the running mean and variance of batch normalisation, a step


@keras.saving.register_keras_serializable("edge_digits")
class Blocks(keras.layers.Layer):  # type: ignore[misc]
    """Makes one pixel with many channels of each block: (N, height, width, 1) to (N, height / 4, width / 4, 16)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.space_to_depth(inputs, BLOCK)


@keras.saving.register_keras_serializable("edge_digits")
class Double(keras.layers.Layer):  # type: ignore[misc]
    """Repeats each pixel: (N, height, width, channels) to (N, 2 height, 2 width, channels)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        _, height, width, _ = inputs.shape
        return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=(2 * height, 2 * width))


class Dilated(keras.layers.Conv2D):  # type: ignore[misc]
    """A convolution with dilation as one operation, which TensorFlow cannot train on a processor."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.nn.conv2d(inputs, self.kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


@keras.saving.register_keras_serializable("edge_digits")
class Shaped(keras.layers.Layer):  # type: ignore[misc]
    """Gives each image another shape; Keras' own layer adds operations that find the size of the batch."""

    def __init__(self, shape: tuple[int, ...], **settings: Any) -> None:
        """shape: of one image."""
        super().__init__(**settings)
        self.shape = tuple(shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(inputs, (-1, *self.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shape": self.shape}


def build(shape: "Hourglass", name: str, policy: str, image: tuple[int | None, ...]) -> keras.Model:
    """Return the untrained network: pixels 0..255 (N, height, width) to logits (N, 5120, 16), in float32.

    policy: Keras' name of the precision of the convolutions. image: height and width, multiples of 16.
    """
    given = keras.Input(image, name="image")
    x = keras.layers.Rescaling(1 / 255, name="scale")(given)
    x = Shaped((*given.shape[1:], 1), name="image_channel")(x)
    x = _convolve(Blocks(name="blocks", dtype=policy)(x), shape.widths[0], policy)
    skipped = []
    for level, (width, repeats, dilation) in enumerate(zip(shape.widths, shape.repeats, shape.dilations, strict=True)):
        if level:
            skipped.append(x)
            x = _convolve(x, width, policy, stride=2)
        for _ in range(repeats):
            x = keras.layers.Add(dtype=policy)([x, _convolve(x, width, policy, dilation=dilation)])
    rows = []
    for level in reversed(range(len(skipped))):
        width = shape.widths[level]
        x = Double(dtype=policy)(_convolve(x, width, policy, size=1, activation="linear"))
        x = _convolve(keras.layers.Add(dtype=policy)([x, skipped[level]]), width, policy)
        if level < 2:  # blocks and cells
            logits = keras.layers.Conv2D(ROW, 1, dtype="float32", name=("blocks_out", "cells_out")[level])(x)
            rows.append(Shaped(((BLOCKS, CELLS)[level], ROW), dtype="float32")(logits))
    outputs = keras.layers.Concatenate(1, dtype="float32", name="logits")(rows[::-1])
    return keras.Model(given, outputs, name=name)


def without_scaling(trained: keras.Model) -> keras.Model:
    """Return a copy of a network as converters need it: the first kernel contains the scaling of the pixels."""
    copy = keras.models.clone_model(trained, clone_function=_plain)
    copy.set_weights(trained.get_weights())
    (scale,) = (layer.scale for layer in trained.layers if isinstance(layer, keras.layers.Rescaling))
    first = next(layer for layer in copy.layers if isinstance(layer, keras.layers.Conv2D))
    first.set_weights([kernel * scale for kernel in first.get_weights()])
    return copy


def is_hourglass(network: keras.Model) -> bool:
    """Return whether `build` has built a network."""
    return any(isinstance(layer, Blocks) for layer in network.layers)


def _plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.Rescaling):
        return keras.layers.Identity(name=layer.name)
    kind = Dilated if isinstance(layer, keras.layers.Conv2D) and layer.dilation_rate != (1, 1) else type(layer)
    return kind.from_config(layer.get_config())


def _convolve(
    x: Any, filters: int, policy: str, size: int = 3, stride: int = 1, dilation: int = 1, activation: str = "relu"
) -> Any:
    """Return a convolution of x with batch normalisation and an activation."""
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        "same",
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="he_normal",
        dtype=policy,
    )(x)
    x = keras.layers.BatchNormalization(momentum=NORM_MEMORY, dtype=policy)(x)
    return x if activation == "linear" else keras.layers.Activation(activation, dtype=policy)(x)
