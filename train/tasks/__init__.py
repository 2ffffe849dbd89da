"""What networks are trained to read: one module for each task, behind one interface for training and export.

    recipe.task ──> task_of ──> Task ──> start ──> Session: draw, learn, validate, score ──> train
                                  └──> calibration, validation, test, decode, card ──────> export

A new task is one module here with a `TASK`, and a recipe that names the module. Task modules import Keras inside their
functions, so that the command line can ask about a task without the seconds that TensorFlow takes.
"""

import pkgutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Bundle
from edge_runtime.types import Images
from train.data.mnist import Mnist
from train.plan import Plan
from train.recipes import Recipe
from train.results import Result

if TYPE_CHECKING:
    import keras

    from train.learner import Learner
    from train.losses import Loss

Logits = NDArray[np.float64]
Drawn = TypeVar("Drawn")
AnyResult = TypeVar("AnyResult", bound=Result)
ResultOut = TypeVar("ResultOut", bound=Result, covariant=True)
DrawnOut = TypeVar("DrawnOut", covariant=True)


class Epochs(Protocol[DrawnOut]):
    """The drawn epochs of one training."""

    @property
    def waited(self) -> float:
        """Seconds spent waiting for images."""
        ...

    def epoch(self, number: int) -> DrawnOut:
        """Return the images of an epoch, which depend on its number alone; waits until they are drawn."""
        ...


@dataclass(frozen=True)
class Job:
    """One training: the recipe, the data and the decisions of the command line."""

    recipe: Recipe
    mnist: Mnist
    plan: Plan
    final: bool  # train on all 60,000 digits
    epochs: int
    precision: str  # of the products: float32 or bfloat16


class Trained(NamedTuple):
    """How a training went."""

    seconds: float
    waited: float  # seconds of these spent waiting for images
    history: dict[str, list[float]]  # a value for each epoch


class Session(Protocol[Drawn, ResultOut]):
    """One training of a task."""

    @property
    def facts(self) -> dict[str, Any]:
        """The training data and teachers: a checkpoint of other ones is refused."""
        ...

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        ...

    def draw(self, first: int) -> AbstractContextManager[Epochs[Drawn]]:
        """Draw and augment the images of the epochs, ahead of the training; first: the epoch it begins with."""
        ...

    def learn(self, learner: "Learner", drawn: Drawn, rng: np.random.Generator) -> dict[str, float]:
        """Train on the images of one epoch; returns its metrics, the loss among them."""
        ...

    def validate(self, network: "keras.Model") -> dict[str, float]:
        """Return the metrics on the validation images; empty in a final training, which has none."""
        ...

    def score(self, network: "keras.Model", trained: Trained) -> ResultOut:
        """Score the finished network; the only use of the test images."""
        ...


class Sample(NamedTuple):
    """Images to measure on, and their true answers."""

    images: Images  # (N, height, width)
    truth: NDArray[Any]  # (N,): labels of digits, or texts of lines


class Limits(NamedTuple):
    """What a conversion may cost, as fractions of the images."""

    loss: float  # of accuracy
    agreement: float  # lowest share of images with the trained network's answer


class Evidence(NamedTuple):
    """Logits of images that a network was not trained on, for temperature and thresholds."""

    logits: Logits  # (N, 10 or 11), of digits
    labels: NDArray[np.integer]  # (N,), their true labels
    kept: float  # 0..1: the share of the digits that is accepted by default


class Exported(NamedTuple):
    """What a model card is made from."""

    folder: Path  # of the run
    recipe: Recipe
    training: dict[str, Any]  # from the run's metrics.json
    manifest: dict[str, Any]
    mnist: Mnist
    answers: NDArray[Any]  # of the int8 .tflite file, on the test images


class Task(Protocol[AnyResult]):
    """A kind of image that networks read: how they are trained, scored and exported."""

    # Plain attributes, since a task is a set of facts.
    image: tuple[int | None, ...]  # height and width of the network's input; None: free
    exported_image: tuple[int, int]  # the same in a bundle
    content: str  # of an image, for manifests: a digit, a line, a tile
    generated: bool  # whether the images are drawn from single digits, so that a final run has validation images too
    takes_extra: bool  # whether it trains on a user's own digits
    shares: bool  # whether several processes can train one network
    metric: str  # name of the accuracy on test images in manifests
    validation_name: str  # the validation images, for messages
    recorded: tuple[str, ...]  # keys of metrics.json that a manifest repeats, beside those of all tasks

    def loss(self, recipe: Recipe) -> "Loss":
        """Return the loss that the network is trained on."""
        ...

    def start(self, job: Job) -> Session[Any, AnyResult]:
        """Prepare a training."""
        ...

    def write(self, result: AnyResult, mnist: Mnist, folder: Path) -> None:
        """Write metrics and figures into an existing run folder; `metrics.json` comes last."""
        ...

    def describe(self, metrics: dict[str, Any]) -> str:
        """Return the metrics of a run in one line."""
        ...

    def calibration(self, recipe: Recipe, mnist: Mnist) -> Images:
        """Return the images on which the ranges of int8 are measured."""
        ...

    def validation(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return the images on which exported files are compared with the trained network."""
        ...

    def test(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return the images on which the accuracy in the manifest is measured."""
        ...

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the answers (N,) in a network's outputs (N, ...), logits or probabilities."""
        ...

    def limits(self, recipe: Recipe) -> Limits:
        """Return what a conversion may cost."""
        ...

    def evidence(self, logits_of: Callable[[Images], Logits], sample: Sample) -> Evidence | None:
        """Return what the confidence of digits is calibrated on, or None. logits_of: the int8 network."""
        ...

    def golden_images(self) -> tuple[Images, int]:
        """Return images for the self-test, and how many variants of each there are to choose from, side by side."""
        ...

    def card(self, exported: Exported) -> dict[str, bytes]:
        """Return the model card and its images, by file name."""
        ...

    def load(self, folder: Path) -> Bundle:
        """Open a bundle of the task; raises ModelError for another one."""
        ...


def task_of(recipe: Recipe) -> Task[Any]:
    """Return the task of a recipe; raises ModuleNotFoundError for an unknown one."""
    return _task(recipe.task)


def task_for_image(image: tuple[int, ...]) -> Task[Any]:
    """Return the task whose bundles take images of this height and width; raises LookupError where there is none."""
    for module in pkgutil.iter_modules(__path__):
        task = _task(module.name)
        if task.exported_image == image:
            return task
    raise LookupError(f"no task reads images of {'x'.join(map(str, image))} pixels")


def _task(name: str) -> Task[Any]:
    task: Task[Any] = import_module(f"{__name__}.{name}").TASK
    return task
