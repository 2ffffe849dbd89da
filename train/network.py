"""Builds the network that a recipe describes, layer by layer."""

import math

import keras

from edge_runtime.find.line import HEIGHT as LINE_HEIGHT
from train.recipes import Conv, Crop, Dense, Depthwise, Layer, Pool, Recipe, Rows, Windows

NORM_MEMORY = 0.98  # of the running mean and variance of batch normalisation, a step
INITIALIZER = "he_normal"  # of layers that are normalised or convolve; Keras' own for the plain dense ones


def build(recipe: Recipe, precision: str = "float32", logits: bool = False) -> keras.Sequential:
    """Return the untrained network: pixels (N, 28, 28) of 0..255 to ten numbers, the last layer in float32.

    One that reads lines takes (N, 32, width) and gives (N, width / 4, 11) logits, the last of them for no digit.
    precision: float32, or bfloat16 for products in bfloat16 with float32 weights.
    logits: leave the last activation out.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    if recipe.reads_lines:
        return _lines(recipe, policy)
    *hidden, last = recipe.layers
    layers: list[keras.Layer] = [keras.layers.Rescaling(1 / 255, name="scale")]
    flat = False  # whether the numbers still form a picture
    if not isinstance(recipe.layers[0], Dense | Rows):
        layers.append(keras.layers.Reshape((28, 28, 1), name="picture"))
    for number, layer in enumerate(hidden, 1):
        if isinstance(layer, Dense) and not flat:
            layers.append(keras.layers.Flatten(name="flatten"))
            flat = True
        layers += _layers(layer, number, policy)
        if isinstance(layer, Rows) and isinstance(recipe.layers[number], Rows):  # what a flat layer sees has no order
            layers.append(keras.layers.Permute((2, 1), name=f"turned_{number}", dtype=policy))
        flat = flat or isinstance(layer, Windows)
    if not flat:
        layers.append(keras.layers.Flatten(name="flatten"))
    layers.append(
        keras.layers.Dense(last.units, "linear" if logits else last.activation, name="digit", dtype="float32")
    )
    return keras.Sequential([keras.Input((28, 28), name="image"), *layers], name=recipe.name.replace("-", "_"))


def _lines(recipe: Recipe, policy: str, width: int | None = None) -> keras.Sequential:
    *hidden, last = recipe.layers
    layers: list[keras.Layer] = [
        keras.layers.Rescaling(1 / 255, name="scale"),
        keras.layers.Reshape((LINE_HEIGHT, width or -1, 1), name="picture"),
    ]
    for number, layer in enumerate(hidden, 1):
        layers += _layers(layer, number, policy)
    layers += [
        keras.layers.Conv2D(last.filters, last.size, padding="same", name="columns", dtype="float32"),
        keras.layers.Reshape((-1, last.filters), name="logits"),
    ]
    return keras.Sequential([keras.Input((LINE_HEIGHT, width), name="image"), *layers], name=recipe.name)


def fixed(lines: keras.Sequential, recipe: Recipe, width: int) -> keras.Sequential:
    """Return a network that reads lines, with its weights, for one width: what a converter asks for."""
    copy = _lines(recipe, "float32", width)
    copy.set_weights(lines.get_weights())
    return copy


def _layers(layer: Layer, number: int, policy: str) -> list[keras.Layer]:
    match layer:
        case Dense(units, activation, norm, dropout):
            if norm:
                made = _normed(
                    keras.layers.Dense(
                        units, use_bias=False, kernel_initializer=INITIALIZER, name=f"dense_{number}", dtype=policy
                    ),
                    activation,
                    number,
                    policy,
                )
            else:
                made = [keras.layers.Dense(units, activation, name=f"dense_{number}", dtype=policy)]
            return made + ([keras.layers.Dropout(dropout, name=f"dropout_{number}", dtype=policy)] if dropout else [])
        case Conv(filters, size, stride, padding, activation):
            convolution = keras.layers.Conv2D(
                filters,
                size,
                stride,
                padding,
                use_bias=False,
                kernel_initializer=INITIALIZER,
                name=f"conv_{number}",
                dtype=policy,
            )
            return _normed(convolution, activation, number, policy)
        case Depthwise(size, stride, padding, activation):
            convolution = keras.layers.DepthwiseConv2D(
                size, stride, padding, use_bias=False, name=f"depthwise_{number}", dtype=policy
            )
            return _normed(convolution, activation, number, policy)
        case Pool(size, kind):
            pooling = keras.layers.AveragePooling2D if kind == "mean" else keras.layers.MaxPooling2D
            return [pooling(size, name=f"pool_{number}", dtype=policy)]
        case Rows(units, activation):
            dense = keras.layers.Dense(
                units, use_bias=False, kernel_initializer=INITIALIZER, name=f"rows_{number}", dtype=policy
            )
            return _normed(dense, activation, number, policy)
        case Crop(border):
            return [keras.layers.Cropping2D(border, name=f"crop_{number}", dtype=policy)]
        case Windows(size, stride, units, activation):
            return [WindowedDense(size, stride, units, activation, name=f"windows_{number}", dtype=policy)]


def _normed(layer: keras.Layer, activation: str, number: int, policy: str) -> list[keras.Layer]:
    return [
        layer,
        keras.layers.BatchNormalization(momentum=NORM_MEMORY, name=f"norm_{number}", dtype=policy),
        keras.layers.Activation(activation, name=f"{activation}_{number}", dtype=policy),
    ]


@keras.saving.register_keras_serializable("edge_digits")
class WindowedDense(keras.layers.Layer):
    """A dense layer for each window of a picture, the outputs one after the other.

    In: (N, height, width, channels). Out: (N, windows * units), windows row by row.
    """

    def __init__(self, size: int, stride: int, units: int, activation: str, **settings: object) -> None:
        super().__init__(**settings)
        self.size, self.stride, self.units = size, stride, units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        _, height, width, channels = input_shape
        self._corners = [
            (row, column)
            for row in range(0, height - self.size + 1, self.stride)
            for column in range(0, width - self.size + 1, self.stride)
        ]
        inputs = self.size * self.size * channels
        # The windows side by side: each output has `inputs` weights, as in a dense layer.
        limit = math.sqrt(6 / inputs)
        self.kernel = self.add_weight(
            shape=(inputs, len(self._corners) * self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(len(self._corners) * self.units,), initializer="zeros", name="bias")

    def call(self, pictures: keras.KerasTensor) -> keras.KerasTensor:
        outputs = []
        for place, (row, column) in enumerate(self._corners):
            own = slice(place * self.units, (place + 1) * self.units)
            window = pictures[:, row : row + self.size, column : column + self.size, :]
            flat = keras.ops.reshape(window, (-1, self.kernel.shape[0]))
            outputs.append(keras.ops.matmul(flat, self.kernel[:, own]) + self.bias[own])
        return self.activation(keras.ops.concatenate(outputs, axis=1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        _, height, width, _ = input_shape
        rows, columns = ((side - self.size) // self.stride + 1 for side in (height, width))
        return input_shape[0], rows * columns * self.units

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "size": self.size,
            "stride": self.stride,
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }
