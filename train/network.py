"""Builds the Keras network that a recipe describes, layer by layer."""

from typing import Any

import keras

from train import hourglass
from train.hourglass import NORM_MEMORY
from train.recipes import Columns, Conv, Dense, Hourglass, Layer, Pool, Recipe, Rows
from train.tasks import task_of

INITIALIZER = "he_normal"  # of layers that are normalised or convolve; Keras' own for the plain dense ones


def build(recipe: Recipe, precision: str = "float32", logits: bool = False) -> keras.Model:
    """Return the untrained network: pixels 0..255 (N, height, width) to the outputs of its last layer, in float32.

    A network that ends in `Columns` gives logits (N, columns, units); its width is free.
    precision: float32, or bfloat16 for products in bfloat16 with float32 weights.
    logits: leave the last activation out.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    return _build(recipe, policy, logits, task_of(recipe).image)


def fix_shape(network: keras.Model, recipe: Recipe, image: tuple[int, ...]) -> keras.Model:
    """Return the network, with its weights, for images of one shape, as converters need it."""
    if network.input_shape[1:] == image:
        return network
    copy = _build(recipe, "float32", False, image)
    copy.set_weights(network.get_weights())
    return copy


def _build(recipe: Recipe, policy: str, logits: bool, image: tuple[int | None, ...]) -> keras.Model:
    if isinstance(recipe.output, Hourglass):
        return hourglass.build(recipe.output, recipe.name, policy, image)
    first = recipe.layers[0]
    layers: list[keras.Layer] = [keras.layers.Rescaling(1 / 255, name="scale")]
    flat = False  # whether the numbers have lost the shape of an image
    if not isinstance(first, Dense | Rows):
        layers.append(keras.layers.Reshape((*(side or -1 for side in image), 1), name="picture"))
    for number, layer in enumerate(recipe.hidden, 1):
        if isinstance(layer, Dense) and not flat:
            layers.append(keras.layers.Flatten(name="flatten"))
            flat = True
        layers += _layers(layer, number, policy)
        if isinstance(layer, Rows) and isinstance(recipe.layers[number], Rows):  # order means nothing to a flat layer
            layers.append(keras.layers.Permute((2, 1), name=f"turned_{number}", dtype=policy))
    layers += _outputs(recipe.output, flat, logits)
    return keras.Sequential([keras.Input(image, name="image"), *layers], name=recipe.name.replace("-", "_"))


def _outputs(last: Dense | Columns, flat: bool, logits: bool) -> list[keras.Layer]:
    if isinstance(last, Columns):
        return [
            keras.layers.Conv2D(last.units, last.size, padding="same", name="columns", dtype="float32"),
            keras.layers.Reshape((-1, last.units), name="logits"),
        ]
    activation = "linear" if logits else last.activation
    dense = keras.layers.Dense(last.units, activation, name="digit", dtype="float32")
    return [dense] if flat else [keras.layers.Flatten(name="flatten"), dense]


def _layers(layer: Layer, number: int, policy: str) -> list[keras.Layer]:
    match layer:
        case Dense():
            return _dense(layer, number, policy)
        case Conv(filters, size, stride, padding, activation):
            settings = _settings("conv", number, policy)
            return _normalised(
                keras.layers.Conv2D(filters, size, stride, padding, **settings), activation, number, policy
            )
        case Pool(size, kind):
            pooling = keras.layers.AveragePooling2D if kind == "mean" else keras.layers.MaxPooling2D
            return [pooling(size, name=f"pool_{number}", dtype=policy)]
        case Rows(units, activation):
            return _normalised(
                keras.layers.Dense(units, **_settings("rows", number, policy)), activation, number, policy
            )


def _dense(layer: Dense, number: int, policy: str) -> list[keras.Layer]:
    if layer.norm:
        dense = keras.layers.Dense(layer.units, **_settings("dense", number, policy))
        made = _normalised(dense, layer.activation, number, policy)
    else:
        made = [keras.layers.Dense(layer.units, layer.activation, name=f"dense_{number}", dtype=policy)]
    if layer.dropout:
        made.append(keras.layers.Dropout(layer.dropout, name=f"dropout_{number}", dtype=policy))
    return made


def _settings(kind: str, number: int, policy: str) -> dict[str, Any]:
    """Return the settings of a layer that batch normalisation follows."""
    return {"use_bias": False, "kernel_initializer": INITIALIZER, "name": f"{kind}_{number}", "dtype": policy}


def _normalised(layer: keras.Layer, activation: str, number: int, policy: str) -> list[keras.Layer]:
    return [
        layer,
        keras.layers.BatchNormalization(momentum=NORM_MEMORY, name=f"norm_{number}", dtype=policy),
        keras.layers.Activation(activation, name=f"{activation}_{number}", dtype=policy),
    ]


def summarise(network: keras.Model) -> str:
    """Return the network's layers as a table."""
    lines: list[str] = []
    network.summary(print_fn=lines.append, line_length=80)
    return "\n".join(lines) + "\n"
