"""What of a trained network is exported: raw pixels in, logits out, and not one operation more.

Three things are taken out of the graph, because the runtime does them for nothing or only once: the scaling of
the pixels goes into the first kernel, the leading reshape is a view of the caller's array, and the last activation
is left to the classifier, which needs logits for a confidence finer than int8.
"""

import math
from itertools import takewhile
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from export.errors import RunError

TOLERANCE = 1e-4  # of a probability: what float32 arithmetic in another order may change
ACTIVATIONS = ("softmax", "sigmoid")


class Logits(NamedTuple):
    """The network to export, and the activation that turns its logits into probabilities."""

    model: keras.Model  # float32 (N, *shape), pixels 0..255, to logits (N, 10); 28x28 is a free reshape of `shape`
    activation: str  # softmax or sigmoid


def logits_model(trained: keras.Sequential, digits: NDArray[np.uint8]) -> Logits:
    """Rebuild a trained network without scaling, leading reshape and last activation.

    trained: (N, 28, 28) pixels 0..255 to (N, 10) probabilities; its first layer with weights is Dense or Conv2D.
    digits: uint8 (N, 28, 28), on which both networks must give the same probabilities.
    Raises RunError where the network is of another kind.
    """
    if not isinstance(trained, keras.Sequential) or trained.input_shape[1:] != (28, 28):
        raise RunError("only a Sequential network on (28, 28) pixels can be exported")
    head = list(takewhile(_is_head, trained.layers))
    body = trained.layers[len(head) :]
    activation = _activation(body[-1]) if body else None
    if activation not in ACTIVATIONS or trained.output_shape != (None, 10):
        raise RunError(f"the network must end in a layer of ten outputs with {' or '.join(ACTIVATIONS)}")

    # Fixed names: they end up in the files, whose bytes must not depend on what else this process has built.
    pixels = keras.Input(head[-1].output.shape[1:] if head else (28, 28), name="pixels")
    copies = [_copy(layer, f"layer_{number}", layer is body[-1]) for number, layer in enumerate(body)]
    outputs = pixels
    for copy, layer in zip(copies, body, strict=True):
        outputs = copy(outputs)
        copy.set_weights(layer.get_weights())
    _scale_first_kernel(copies, math.prod(_factor(layer) for layer in head))
    logits = Logits(keras.Model(pixels, outputs, name="digits"), activation)
    _check_same(trained, logits, digits)
    return logits


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


def _copy(layer: keras.Layer, name: str, is_last: bool) -> keras.Layer:
    if isinstance(layer, keras.layers.Flatten):
        return _Flatten(name=name)
    config = {**layer.get_config(), "name": name}
    return type(layer).from_config({**config, "activation": "linear"} if is_last else config)


class _Flatten(keras.layers.Layer):
    """One operation in the files; Keras' own asks for the batch size at run time, with three more."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.reshape(inputs, (-1, math.prod(inputs.shape[1:])))


def _scale_first_kernel(layers: list[keras.Layer], factor: float) -> None:
    first = next(layer for layer in layers if layer.weights)
    if not isinstance(first, keras.layers.Dense | keras.layers.Conv2D):
        raise RunError(f"the first layer with weights must be Dense or Conv2D, not {type(first).__name__}")
    kernel, *others = first.get_weights()
    first.set_weights([(kernel.astype(np.float64) * factor).astype(np.float32), *others])


def _check_same(trained: keras.Sequential, logits: Logits, digits: NDArray[np.uint8]) -> None:
    pixels = digits.astype(np.float32)
    wanted = trained.predict(pixels, batch_size=1000, verbose=0)
    raw = logits.model.predict(pixels.reshape(len(digits), *logits.model.input_shape[1:]), batch_size=1000, verbose=0)
    given = keras.ops.convert_to_numpy(keras.activations.get(logits.activation)(raw))
    difference = float(np.abs(wanted - given).max())
    if not difference <= TOLERANCE:  # a NaN is none either
        raise RunError(f"the network without its scaling layer gives other probabilities, by up to {difference:.2g}")
