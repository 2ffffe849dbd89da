"""The recipes: each describes one network and its training as data. `network` builds it and `fit` trains it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from train.augmentation.settings import MILD, STRONG, Augmentation


@dataclass(frozen=True)
class Dense:
    """One fully connected layer. Activations have Keras' names."""

    units: int
    activation: str
    norm: bool = False  # batch normalisation before the activation; the export folds it away
    dropout: float = 0.0  # share of the outputs that are left out in training


@dataclass(frozen=True)
class Conv:
    """One convolution, batch normalisation after it, then the activation."""

    filters: int
    size: int | tuple[int, int] = 3  # pixels, high and wide
    stride: int = 1  # pixels
    padding: str = "same"  # or "valid"
    activation: str = "relu"


@dataclass(frozen=True)
class Pool:
    """Reduces squares of the image to one pixel each: their largest value or their mean."""

    size: int | tuple[int, int] = 2  # pixels, high and wide
    kind: str = "max"  # or "mean"


@dataclass(frozen=True)
class Rows:
    """One fully connected layer along the rows of the image, then batch normalisation; the next one takes the columns.

    After I. Tolstikhin and others: "MLP-Mixer: an all-MLP architecture for vision", 2021. Two of them cover the whole
    image with few weights. They come before all other layers.
    """

    units: int  # outputs of each row
    activation: str = "relu"


@dataclass(frozen=True)
class Columns:
    """The last layer of a network that reads rows: a convolution in float32 that gives logits for each column."""

    units: int  # outputs of each column
    size: int | tuple[int, int]  # pixels, high and wide


@dataclass(frozen=True)
class Hourglass:
    """A whole network that gives logits for each place of an image, from blocks of pixels to coarse levels and back.

    Each tuple has an entry for each level; a level has half of the height and width of the one before.
    """

    widths: tuple[int, ...]  # channels
    repeats: tuple[int, ...]  # convolutions on the way down that are added to their input
    dilations: tuple[int, ...]  # of these


Layer = Dense | Conv | Pool | Rows
Output = Dense | Columns | Hourglass


@dataclass(frozen=True)
class Lesson:
    """The images of one kind of epoch, and the teachers that label them."""

    augmentation: Augmentation | None  # None: the images as they are
    teachers: tuple[str, ...] = ()  # recipes whose runs teach, where the recipe has `distil`


@dataclass(frozen=True)
class Distil:
    """How much a network learns from the outputs of larger networks for the same augmented digits.

    After G. Hinton, O. Vinyals, J. Dean: "Distilling the knowledge in a neural network", 2015.
    """

    temperature: float = 2.0  # divides both logits: higher shows more of what is nearly right
    share: float = 0.9  # of the loss; the labels have the rest


@dataclass(frozen=True)
class Recipe:
    """One network and its training. The input is pixels 0..255, scaled inside the network."""

    name: str
    summary: str  # one line
    layers: tuple[Layer | Output, ...]  # the last one is an `Output`: ten units, or eleven with one for non-digits
    optimizer: str  # Keras' name
    loss: str  # Keras' name, or ctc; a last layer with softmax is trained on its logits, which is the same
    batch: int  # images
    epochs: int
    task: str = "digits"  # module of `train.tasks`: the images that the network reads, and how it is scored
    learning_rate: float | None = None  # None: the optimizer's own; else the top of a cosine decay to 0
    warmup: int = 0  # epochs of rising learning rate before the decay
    weight_decay: float | None = None  # adamw only; of kernels alone
    beta_2: float | None = None  # adam's and adamw's memory of squared gradients; None: Keras' own
    clip_norm: float | None = None  # of each variable's gradient
    average: float = 0.0  # decay per step, 0 to 1, of the running average that the weights are; 0: the last weights
    label_smoothing: float = 0.0  # in training; the loss of a score never has it
    lessons: tuple[Lesson, ...] = (Lesson(None),)  # epochs take them in turn
    distil: Distil | None = None
    augmented_epochs: int = 40  # epochs of each lesson that are augmented afresh; later ones show these again in turn
    nondigits: float = 0.0  # share of the images of an epoch that are non-digits; the last output is for these
    nondigit_epochs: int = 16  # epochs of non-digits that are drawn; later ones show these again in turn
    validate: bool = False  # keep the last 10,000 training digits for validation, except in the final training
    precision: str = "float32"  # "auto": bfloat16 products where the processor is fast at them
    per_channel: bool = True  # int8 dense layers have a scale for each output, not one for all: 24 bytes each
    max_bytes: int | None = None  # largest int8 .tflite file that the export accepts
    published: Mapping[str, float] | None = None  # test_accuracy, test_loss: fractions, of the original

    @property
    def output(self) -> Output:
        """The last layer."""
        last = self.layers[-1]
        if not isinstance(last, Output):
            raise TypeError(f"{self.name}: the last layer is Dense, Columns or Hourglass, not {type(last).__name__}")
        return last

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers except the last one."""
        return tuple(layer for layer in self.layers[:-1] if not isinstance(layer, Columns | Hourglass))

    @property
    def softmax(self) -> bool:
        """Whether the network ends in a softmax, which training leaves to the loss."""
        return isinstance(self.output, Dense) and self.output.activation == "softmax"

    @property
    def augments(self) -> bool:
        """Whether it trains on augmented digits; then the network sees only the output of `normalise`."""
        return any(lesson.augmentation for lesson in self.lessons)

    @property
    def classes(self) -> int:
        """How many classes the network tells apart: ten, or eleven with non-digits."""
        if isinstance(self.output, Hourglass):
            raise TypeError(f"{self.name} gives logits of places, not of one set of classes")
        return self.output.units

    @property
    def teachers(self) -> tuple[str, ...]:
        """The recipes that it can learn from."""
        names = (name for lesson in self.lessons for name in lesson.teachers) if self.distil else ()
        return tuple(dict.fromkeys(names))

    @property
    def reproduction(self) -> bool:
        """Whether the network was published by others."""
        return self.published is not None


_REPRODUCTIONS = (
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
)


def _own(name: str, summary: str, *layers: Layer, **how: Any) -> Recipe:
    """Return one of our own networks, with the settings that they share."""
    shared: dict[str, Any] = {
        "optimizer": "adamw",
        "loss": "categorical_crossentropy",
        "batch": 1000,
        "learning_rate": 4e-3,
        "warmup": 2,
        "weight_decay": 0.05,
        "beta_2": 0.99,
        "clip_norm": 1.0,
        "average": 0.999,
        "validate": True,
        "precision": "auto",
    }
    settings = shared | how
    outputs = Dense(11 if settings.get("nondigits") else 10, "softmax")
    return Recipe(name=name, summary=summary, layers=(*layers, outputs), **settings)


_TEACHER = _own(
    "teacher",
    "convolutions, larger than any that ships: the others learn from it",
    Conv(32, 5, 2),
    Conv(64),
    Pool(),
    Conv(96, padding="valid"),
    Dense(128, "relu", norm=True, dropout=0.2),
    batch=250,
    epochs=40,
    learning_rate=2e-3,
    warmup=1,
    weight_decay=0.02,
    lessons=(Lesson(STRONG),),
)
_GENTLE = Lesson(MILD, ("teacher", "teacher-mild"))

_OURS = (
    _TEACHER,
    replace(
        _TEACHER,
        name="teacher-mild",
        summary="the same on milder augmentation, for networks that learn from such digits",
        lessons=(Lesson(MILD),),
    ),
    _own(
        "ann",
        "the default: 1024 and 512 ReLU neurons, taught by `teacher` and `teacher-mild`",
        Dense(1024, "relu", norm=True),
        Dense(512, "relu", norm=True),
        epochs=160,
        learning_rate=3e-3,
        average=0.9995,
        lessons=(Lesson(STRONG, ("teacher",)), _GENTLE),
        distil=Distil(),
        nondigits=0.2,
        max_bytes=1_500_000,
    ),
    _own(
        "ann-small",
        "dense layers along rows and columns, then 128 and 64 neurons",
        Rows(28),
        Rows(28),
        Rows(24),
        Rows(24),
        Dense(128, "relu", norm=True),
        Dense(64, "relu", norm=True),
        batch=500,
        epochs=120,
        learning_rate=5e-3,
        weight_decay=0.005,
        lessons=(_GENTLE,),
        distil=Distil(),
        nondigits=0.15,
        max_bytes=100_000,
    ),
    _own(
        "ann-nano",
        "dense layers along rows and columns, then 30 neurons",
        Rows(28),
        Rows(24),
        Rows(20),
        Rows(16),
        Dense(30, "relu", norm=True),
        batch=500,
        epochs=200,
        learning_rate=5e-3,
        weight_decay=0.002,
        lessons=(_GENTLE,),
        distil=Distil(),
        nondigits=0.1,
        per_channel=False,
        max_bytes=16_000,
    ),
    _own(
        "cnn",
        "five convolutions and nothing else",
        Conv(16, 5, 2),
        Conv(24),
        Conv(32),
        Pool(),
        Conv(48, padding="valid"),
        Conv(58, padding="valid"),
        batch=250,
        epochs=40,
        learning_rate=3e-3,
        weight_decay=0.01,
        lessons=(_GENTLE,),
        distil=Distil(),
        nondigits=0.2,
        max_bytes=64_000,
    ),
)

_LINES = Recipe(
    name="lines",
    summary="convolutions that read a line of digits without cutting it apart",
    layers=(
        Conv(32, 5, 2),
        Conv(32),
        Conv(32),
        Pool(),
        Conv(64),
        Conv(64),
        Conv(64),
        Pool((2, 1)),
        Conv(96),
        Conv(96),
        Pool((2, 1)),
        Conv(96),
        Pool((2, 1)),
        Conv(96, (1, 3)),
        Columns(11, (1, 3)),
    ),
    task="lines",
    optimizer="adamw",
    loss="ctc",
    batch=64,
    epochs=24,
    learning_rate=2e-3,
    warmup=1,
    weight_decay=0.01,
    beta_2=0.99,
    clip_norm=1.0,
    average=0.9995,
    validate=True,
    precision="auto",
    augmented_epochs=12,
    max_bytes=400_000,
)

_PAGES = Recipe(
    name="pages",
    summary="an hourglass that separates the strokes of digits from everything else on a page",
    layers=(Hourglass(widths=(48, 64, 72), repeats=(2, 1, 1), dilations=(1, 1, 2)),),
    task="pages",
    optimizer="adamw",
    loss="pages",
    batch=16,
    epochs=75,
    learning_rate=2e-3,
    warmup=2,
    weight_decay=0.01,
    beta_2=0.99,
    clip_norm=1.0,
    average=0.999,
    validate=True,
    precision="auto",
    augmented_epochs=48,
    max_bytes=300_000,
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*_REPRODUCTIONS, *_OURS, _LINES, _PAGES)}
