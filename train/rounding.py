"""Weights rounded as int8 and int4 files store them: symmetric, with a scale for each output.

Batch normalisation, folded into a kernel at export, multiplies each output's weights by one number, so the grid
before folding is the grid after it.
"""

import keras
import tensorflow as tf


def kernels(network: keras.Model) -> list[tuple[keras.Variable, tuple[int, ...]]]:
    """Return the variables that a file stores as small integers, and for each the axes that share a scale."""
    found = []
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        # (..., inputs, outputs), but for depthwise kernels (height, width, channels, 1): a scale for each channel.
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        found.append((kernel, (0, 1) if depthwise else tuple(range(len(kernel.shape) - 1))))
    return found


def rounded(kernel: tf.Tensor, bits: int, axes: tuple[int, ...]) -> tf.Tensor:
    """Return float32 weights on the grid of `bits` bits: whole multiples of the largest weight / (2**(bits-1) - 1)."""
    steps = 2 ** (bits - 1) - 1
    largest = tf.reduce_max(tf.abs(kernel), axes, keepdims=True)
    scale = tf.maximum(largest, 1e-12) / steps
    return tf.round(kernel / scale) * scale
