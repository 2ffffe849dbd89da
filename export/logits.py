"""What of a trained network is exported: raw pixels in, logits out, and not one operation more.

Four things are taken out of the graph, because the runtime does them for nothing or only once: the scaling of
the pixels goes into the first kernel, batch normalisation into the kernel and bias before it, the leading reshape is a
view of the caller's array, and the last activation is left to the classifier, which needs logits for a confidence
finer than int8.
"""

import math
from itertools import takewhile
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.errors import RunError
from train.network import WindowedDense

TOLERANCE = 1e-4  # of a probability: what float32 arithmetic in another order may change
LINE_TOLERANCE = 1e-2  # of a logit of a line: the same, of values up to thirty
ACTIVATIONS = ("softmax", "sigmoid")
BATCH = 200  # images


class Logits(NamedTuple):
    """The network to export, and the activation that turns its logits into probabilities."""

    model: keras.Model  # float32 (N, *shape), 0..255, to logits (N, 10 or 11); 28x28 is a free reshape of `shape`
    activation: str  # softmax or sigmoid


def logits_model(trained: keras.Sequential, digits: NDArray[np.uint8]) -> Logits:
    """Rebuild a trained network without scaling, leading reshape and last activation.

    trained: (N, 28, 28) pixels 0..255 to (N, 10 or 11) probabilities; its first layer with weights is Dense, Conv2D or
    WindowedDense.
    digits: uint8 (N, 28, 28), on which both networks must give the same probabilities.
    Raises RunError where the network is of another kind.
    """
    if not isinstance(trained, keras.Sequential) or trained.input_shape[1:] != (28, 28):
        raise RunError("only a Sequential network on (28, 28) pixels can be exported")
    head = list(takewhile(_is_head, trained.layers))
    body = trained.layers[len(head) :]
    activation = _activation(body[-1]) if body else None
    if activation not in ACTIVATIONS or trained.output_shape not in ((None, 10), (None, 11)):
        raise RunError(f"the network must end in a layer of ten or eleven outputs with {' or '.join(ACTIVATIONS)}")

    logits = Logits(_bare(head, body), activation)
    _check_same(trained, logits, digits)
    return logits


def lines_model(trained: keras.Sequential, lines: NDArray[np.uint8]) -> keras.Model:
    """Rebuild a trained network that reads lines of one width without scaling, normalisation and leading reshape.

    trained: (N, 32, width) pixels 0..255 to logits (N, columns, 11). lines: uint8 (N, 32, width), on which both
    networks must give the same logits. Raises RunError where they do not.
    """
    head = list(takewhile(_is_head, trained.layers))
    model = _bare(head, trained.layers[len(head) :])
    pixels = lines.astype(np.float32)
    wanted, given = outputs(trained, pixels), outputs(model, pixels[..., np.newaxis])
    difference = float(np.abs(wanted - given).max())
    if not difference <= LINE_TOLERANCE:  # a NaN is none either
        raise RunError(f"the network without its scaling layer gives other logits, by up to {difference:.2g}")
    return model


def outputs(model: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return what a network makes of (N, ...) images. For few: it is not compiled first, as `predict` would."""
    parts = [images[start : start + BATCH].astype(np.float32) for start in range(0, len(images), BATCH)]
    return np.concatenate([keras.ops.convert_to_numpy(model(part, training=False)) for part in parts])


def _bare(head: list[keras.Layer], body: list[keras.Layer]) -> keras.Model:
    """The body with the head's scaling in its first kernel, from what the head makes of the pixels to its outputs."""
    # Fixed names: they end up in the files, whose bytes must not depend on what else this process has built.
    pixels = keras.Input(head[-1].output.shape[1:] if head else (28, 28), name="pixels")
    copies = []
    outputs = pixels
    for number, (layer, after) in enumerate(zip(body, [*body[1:], None], strict=True)):
        if _folds(layer):
            continue
        norm = after if after is not None and _folds(after) else None
        copy = _copy(layer, f"layer_{number}", layer is body[-1], with_bias=norm is not None)
        outputs = copy(outputs)
        copy.set_weights(layer.get_weights() if norm is None else _folded(layer, norm))
        copies.append(copy)
    _scale_first_kernel(copies, math.prod(_factor(layer) for layer in head))
    return keras.Model(pixels, outputs, name="digits")


def _is_head(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.Rescaling | keras.layers.Flatten | keras.layers.Reshape)


def _factor(layer: keras.Layer) -> float:
    if not isinstance(layer, keras.layers.Rescaling):
        return 1.0
    if layer.offset != 0:
        raise RunError(f"the scaling of pixels must have no offset, {layer.name} has {layer.offset}")
    return float(layer.scale)


def _activation(layer: keras.Layer) -> str | None:
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None)


def _copy(layer: keras.Layer, name: str, is_last: bool, with_bias: bool) -> keras.Layer:
    if isinstance(layer, keras.layers.Flatten):
        return _Reshape((math.prod(layer.input.shape[1:]),), name)
    if isinstance(layer, keras.layers.Reshape):
        return _Reshape(tuple(layer.output.shape[1:]), name)
    if isinstance(layer, keras.layers.Dense) and len(layer.input.shape) == 3 and with_bias:
        return _RowsDense(layer.units, name)
    config = {**layer.get_config(), "name": name}
    if with_bias:
        config["use_bias"] = True
    return type(layer).from_config({**config, "activation": "linear"} if is_last else config)


def _folds(layer: keras.Layer) -> bool:
    """Tell whether a layer is batch normalisation right behind a layer that it can be multiplied into."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    before = layer.input._keras_history.operation
    kinds = keras.layers.Dense | keras.layers.Conv2D | keras.layers.DepthwiseConv2D
    return isinstance(before, kinds) and not before.use_bias and _activation(before) == "linear"


def _folded(layer: keras.Layer, norm: keras.layers.BatchNormalization) -> list[NDArray[np.float32]]:
    """Kernel and bias that do what a layer without bias and the normalisation after it do."""
    (kernel,) = layer.get_weights()
    mean, variance = (keras.ops.convert_to_numpy(part) for part in (norm.moving_mean, norm.moving_variance))
    gamma = keras.ops.convert_to_numpy(norm.gamma) if norm.scale else np.ones_like(mean)
    beta = keras.ops.convert_to_numpy(norm.beta) if norm.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    # A depthwise kernel is (height, width, channels, 1), the others end in their outputs.
    each = factor[:, np.newaxis] if isinstance(layer, keras.layers.DepthwiseConv2D) else factor
    return [kernel * each, beta - mean * factor]


class _RowsDense(keras.layers.Layer):
    """A dense layer along the last axis of (N, height, width), as one operation: Keras' own becomes a dozen."""

    def __init__(self, units: int, name: str) -> None:
        super().__init__(name=name)
        self.units = units

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return tf.raw_ops.BatchMatMulV2(x=inputs, y=self.kernel) + self.bias

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:-1], self.units)


class _Reshape(keras.layers.Layer):
    """Another view of the same numbers; Keras' own asks for the batch size at run time, with three more operations."""

    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        super().__init__(name=name)
        self.shape = shape

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.reshape(inputs, (-1, *self.shape))


def _scale_first_kernel(layers: list[keras.Layer], factor: float) -> None:
    first = next(layer for layer in layers if layer.weights)
    if not isinstance(first, keras.layers.Dense | keras.layers.Conv2D | WindowedDense | _RowsDense):
        raise RunError(f"the first layer with weights must be Dense or Conv2D or windows, not {type(first).__name__}")
    kernel, *others = first.get_weights()
    first.set_weights([(kernel.astype(np.float64) * factor).astype(np.float32), *others])


def _check_same(trained: keras.Sequential, logits: Logits, digits: NDArray[np.uint8]) -> None:
    pixels = digits.astype(np.float32)
    wanted = outputs(trained, pixels)
    raw = outputs(logits.model, pixels.reshape(len(digits), *logits.model.input_shape[1:]))
    given = keras.ops.convert_to_numpy(keras.activations.get(logits.activation)(raw))
    difference = float(np.abs(wanted - given).max())
    if not difference <= TOLERANCE:  # a NaN is none either
        raise RunError(f"the network without its scaling layer gives other probabilities, by up to {difference:.2g}")
