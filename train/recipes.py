"""What can be trained: recipes are data, not scripts. `fit` alone knows how to read one."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Dense:
    """One fully connected layer. Activations have Keras' names."""

    units: int
    activation: str


@dataclass(frozen=True)
class Recipe:
    """One network and how it is trained. The input is always (28, 28) pixels 0..255, scaled inside the network."""

    name: str
    summary: str  # one line
    layers: tuple[Dense, ...]  # the last one has ten units
    optimizer: str  # Keras' name
    loss: str  # Keras' name; `sparse_...` takes labels, the others one-hot rows
    batch: int  # digits
    epochs: int
    learning_rate: float | None = None  # None: the optimizer's own; else the start of a cosine decay to 0
    weight_decay: float | None = None  # adamw only
    label_smoothing: float = 0.0  # in training; a score's loss never has it
    deform: bool = False  # train on deformed digits, and show the network only what `normalise` gives
    validate: bool = False  # keep the last 10,000 training digits for validation
    precision: str = "float32"  # "auto": bfloat16 products where the processor is fast at them
    published: Mapping[str, float] | None = None  # test_accuracy, test_loss: fractions, of the original

    @property
    def reproduction(self) -> bool:
        """Tell whether somebody else published this network."""
        return self.published is not None


_ALL = (
    Recipe(
        name="rmsprop-ann",
        summary="three layers of 32 sigmoid neurons, RMSprop",
        layers=(Dense(32, "sigmoid"), Dense(32, "sigmoid"), Dense(32, "sigmoid"), Dense(10, "softmax")),
        optimizer="rmsprop",
        loss="categorical_crossentropy",
        batch=128,
        epochs=25,
        published=MappingProxyType({"test_accuracy": 0.9645, "test_loss": 0.1343}),
    ),
    Recipe(
        name="single-layer",
        summary="ten sigmoid neurons and nothing else",
        layers=(Dense(10, "sigmoid"),),
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        batch=32,
        epochs=5,
        published=MappingProxyType({"test_accuracy": 0.9251}),
    ),
    Recipe(
        name="hidden-100",
        summary="single-layer with 100 ReLU neurons before it",
        layers=(Dense(100, "relu"), Dense(10, "sigmoid")),
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        batch=32,
        epochs=5,
        published=MappingProxyType({"test_accuracy": 0.9769}),
    ),
    Recipe(
        name="ann",
        summary="the default: 1024 and 512 ReLU neurons, digits deformed afresh in every epoch",
        layers=(Dense(1024, "relu"), Dense(512, "relu"), Dense(10, "softmax")),
        optimizer="adamw",
        loss="categorical_crossentropy",
        batch=1000,
        epochs=60,
        learning_rate=2e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        deform=True,
        validate=True,
        precision="auto",
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}
