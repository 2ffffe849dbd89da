"""Reduces a trained network to what is exported: raw pixels in, logits out, and no other operation.

Four things are taken out of the graph: the scaling of the pixels goes into the first kernel, batch normalisation into
the kernel and bias before it, the leading reshape is a view of the caller's array, and the last activation is left to
the classifier, which needs logits for a confidence finer than int8.
"""

import math
from itertools import takewhile
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.errors import RunError
from train import hourglass

TOLERANCE = 1e-4  # of a probability: from float32 arithmetic in another order
LINE_TOLERANCE = 1e-2  # of a logit of a line: the same, with values up to thirty
ACTIVATIONS = ("softmax", "sigmoid")
BATCH = 200  # images


class Logits(NamedTuple):
    """The network to export, and the activation that turns its logits into probabilities."""

    model: keras.Model  # float32 (N, *shape), 0..255, to logits; `shape` is a free reshape of height and width
    activation: str  # softmax or sigmoid


def logits_model(trained: keras.Sequential, images: NDArray[np.uint8]) -> Logits:
    """Rebuild a trained network without scaling, batch normalisation, leading reshape and last activation.

    trained: (N, height, width) pixels 0..255 to (N, 10 or 11) probabilities of a digit, or to logits (N, columns, 11)
    of a line; its first layer with weights is Dense or Conv2D.
    images: uint8 (N, height, width), on which both networks must give the same outputs.
    Raises RunError for a network of another kind.
    """
    if hourglass.is_hourglass(trained):
        logits = Logits(hourglass.without_scaling(trained), "softmax")
        _check_same(outputs(trained, images), _logits(logits.model, images), LINE_TOLERANCE, "logits")
        return logits
    if not isinstance(trained, keras.Sequential) or trained.input_shape[1:] != images.shape[1:]:
        raise RunError(f"only a Sequential network on {images.shape[1:]} pixels can be exported")
    head = list(takewhile(_is_head, trained.layers))
    body = trained.layers[len(head) :]
    if len(trained.output_shape) > 2:
        logits = Logits(_bare(head, body), "softmax")
        _check_same(outputs(trained, images), _logits(logits.model, images), LINE_TOLERANCE, "logits")
        return logits
    activation = _activation(body[-1]) if body else None
    if activation not in ACTIVATIONS or trained.output_shape not in ((None, 10), (None, 11)):
        raise RunError(f"the network must end in a layer of ten or eleven outputs with {' or '.join(ACTIVATIONS)}")
    logits = Logits(_bare(head, body), activation)
    given = keras.ops.convert_to_numpy(keras.activations.get(activation)(_logits(logits.model, images)))
    _check_same(outputs(trained, images), given, TOLERANCE, "probabilities")
    return logits


def outputs(model: keras.Model, images: NDArray[Any]) -> NDArray[np.float32]:
    """Return the outputs of a network for a few (N, ...) images: unlike `predict`, it does not compile the network."""
    parts = [images[start : start + BATCH].astype(np.float32) for start in range(0, len(images), BATCH)]
    return np.concatenate([keras.ops.convert_to_numpy(model(part, training=False)) for part in parts])


def _bare(head: list[keras.Layer], body: list[keras.Layer]) -> keras.Model:
    """The body with the head's scaling in its first kernel, from the output of the head to its own."""
    # Fixed names: they are in the files, whose bytes must not depend on other networks of this process.
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
    """Return whether a layer is batch normalisation directly after a layer that it can be multiplied into."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    before = layer.input._keras_history.operation
    return (
        isinstance(before, keras.layers.Dense | keras.layers.Conv2D)
        and not before.use_bias
        and _activation(before) == "linear"
    )


def _folded(layer: keras.Layer, norm: keras.layers.BatchNormalization) -> list[NDArray[np.float32]]:
    """Return kernel and bias equivalent to a layer without bias and the normalisation after it."""
    (kernel,) = layer.get_weights()
    mean, variance = (keras.ops.convert_to_numpy(part) for part in (norm.moving_mean, norm.moving_variance))
    gamma = keras.ops.convert_to_numpy(norm.gamma) if norm.scale else np.ones_like(mean)
    beta = keras.ops.convert_to_numpy(norm.beta) if norm.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return [kernel * factor, beta - mean * factor]


class _RowsDense(keras.layers.Layer):
    """A dense layer along the last axis of (N, height, width), as one operation; Keras' own becomes a dozen."""

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
    """A reshape as one operation; Keras' own adds three to find the batch size at run time."""

    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        super().__init__(name=name)
        self.shape = shape

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.reshape(inputs, (-1, *self.shape))


def _scale_first_kernel(layers: list[keras.Layer], factor: float) -> None:
    first = next(layer for layer in layers if layer.weights)
    if not isinstance(first, keras.layers.Dense | keras.layers.Conv2D | _RowsDense):
        raise RunError(f"the first layer with weights must be Dense or Conv2D, not {type(first).__name__}")
    kernel, *others = first.get_weights()
    first.set_weights([(kernel.astype(np.float64) * factor).astype(np.float32), *others])


def _logits(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return outputs(model, images.reshape(len(images), *model.input_shape[1:]))


def _check_same(trained: NDArray[np.float32], given: NDArray[np.float32], tolerance: float, what: str) -> None:
    difference = float(np.abs(trained - given).max())
    if not difference <= tolerance:  # a NaN is no match either
        raise RunError(f"the network without its scaling layer gives other {what}, by up to {difference:.2g}")
