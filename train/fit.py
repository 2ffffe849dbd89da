"""Trains a recipe from beginning to end, with checkpoints on the way.

`train` returns a plain float32 network whatever it was trained in, and what it scored. The test digits are looked
at once, when the training is over; what is still being chosen is chosen on validation digits.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors; read when TensorFlow is imported

import keras

from edge_runtime.common import cpu
from edge_runtime.common.versions import versions
from train import checkpoint, teacher
from train.checkpoint import Checkpoint
from train.data.extra import Extra
from train.data.mnist import Bytes, Mnist, normalised
from train.data.shown import Digits, others_beside, shown
from train.errors import TrainError
from train.learner import Learner
from train.network import build
from train.progress import doing
from train.recipes import Recipe
from train.score import CLASSES, Result, Score
from train.teacher import Teacher

log = logging.getLogger(__name__)

SCORE_BATCH = 1000  # digits
CHECKPOINT_SECONDS = 60.0  # between two checkpoints, at the least


@dataclass(frozen=True)
class Plan:
    """How one training is run, as the command line says it."""

    seed: int = 0  # at least 0; the same seed on the same machine gives the same network
    epochs: int | None = None  # instead of the recipe's own number
    final: bool = False  # train on all 60,000 digits, where the recipe validates
    teachers: Sequence[Path] = ()  # run folders, where the recipe learns from others; none: it has the labels alone
    final_teachers: bool = False  # let teachers that know the validation digits teach one who is validated on them
    checkpoints: Path | None = None  # the run folder, where the training is to survive its end
    resume: bool = False  # go on from the checkpoint that is there
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    pool: Path | None = None  # where deformed digits are kept; None: nowhere, they go with the training
    extra: Extra | None = None  # digits of the user's own, beside those to train on


def train(recipe: Recipe, mnist: Mnist, plan: Plan | None = None) -> tuple[keras.Model, Result]:
    """Train `recipe` and score it; the test digits are read once, at the end, and nothing is chosen by them.

    A recipe that does not validate is always final. Returns the network, float32 and compiled with the recipe's
    loss, and its `Result`. Raises `TrainError` where the loss is no longer a number, `TeacherError` for teachers
    that are none, `CheckpointError` for a checkpoint of another training, `OutputError` where none can be written.
    """
    plan = plan or Plan()
    final = plan.final or not recipe.validate
    epochs = recipe.epochs if plan.epochs is None else plan.epochs
    keras.utils.clear_session()
    keras.utils.set_random_seed(plan.seed)
    precision = precision_of(recipe)
    teachers = teacher.read(plan.teachers, recipe, final or plan.final_teachers, precision) if recipe.distil else []
    with doing(f"normalising MNIST for {recipe.name}"):
        digits = _digits(recipe, mnist, final, plan.extra)
    plain = build(recipe)
    # For who loads it; plain SGD keeps no state that the saved files would have to carry.
    plain.compile(optimizer="sgd", loss=recipe.loss, metrics=["accuracy"])
    plain.summary()

    facts = {
        "recipe": repr(recipe),
        "seed": plan.seed,
        "number of epochs": epochs,
        "training set": f"{len(digits.images)} digits of {mnist.sha256}"
        + (f" and {plan.extra.sha256}" if plan.extra else ""),
        "teacher": [each.facts["sha256"] for each in teachers],
        "precision": precision,
    }
    done = _fit(recipe, plan, digits, teachers, plain, facts, epochs)
    log.info("scoring %s on training and test digits", recipe.name)

    def score(images: Bytes, labels: Bytes) -> Score:
        return _score(recipe, plain, images, labels)

    view = normalised if recipe.deforms else np.asarray
    return plain, Result(
        recipe=recipe,
        seed=plan.seed,
        epochs=epochs,
        final=final,
        seconds=done.seconds,
        waiting_share=done.waited / max(done.seconds, 1e-9),
        parameters=plain.count_params(),
        precision=precision,
        teachers=[each.facts for each in teachers],
        summary=summary_of(plain),
        history=done.history,
        train=score(digits.images, digits.labels),
        validation=score(*digits.validation) if digits.validation else None,
        test=score(view(mnist.test_images), mnist.test_labels),
        data_sha256=mnist.sha256,
        extra=score(plan.extra.images, plan.extra.labels) if plan.extra else None,
        extra_paths=plan.extra.paths if plan.extra else (),
        versions=versions("tensorflow", "keras", "numpy", "opencv-python-headless"),
    )


def save(model: keras.Model, folder: Path) -> None:
    """Write `model.keras` and, for older readers, `model.h5` into an existing folder."""
    # Keras warns that HDF5 is its old format: that is why it is written.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        model.save(folder / "model.keras")
        model.save(folder / "model.h5")
    finally:
        logger.setLevel(level)


def _digits(recipe: Recipe, mnist: Mnist, final: bool, extra: Extra | None) -> Digits:
    images, labels = (mnist.train_images, mnist.train_labels) if final else mnist.fit_part()
    validation = None if final else mnist.validation_part()
    if recipe.deforms:
        images = normalised(images)
        validation = validation and (normalised(validation[0]), validation[1])
    if extra:
        images, labels = np.concatenate([images, extra.images]), np.concatenate([labels, extra.labels])
    return Digits(images, labels, validation)


def _fit(
    recipe: Recipe,
    plan: Plan,
    digits: Digits,
    teachers: Sequence[Teacher],
    plain: keras.Model,
    facts: dict[str, Any],
    epochs: int,
) -> Checkpoint:
    """Train to the end; leaves the weights in `plain` and returns the state there.

    An epoch depends on the learner's state, the seed and its own number alone, so that a training that was stopped
    goes on as if it had not been.
    """
    count = len(digits.images) + others_beside(recipe, len(digits.images))
    learner = Learner(recipe, facts["precision"], -(-count // recipe.batch), epochs)
    course = Course(plan, facts, learner, epochs)
    waited = course.at.waited
    log.info("starting the processes that draw images for %s", recipe.name)
    with shown(recipe, digits, teachers, facts["precision"], plan.pool, epochs) as epochs_shown:
        for epoch in course.epochs():
            first = not course.at.history
            with doing(f"epoch {epoch + 1}: waiting for the images that another process draws", at_once=first):
                images, labels, soft = epochs_shown.epoch(epoch)
            course.at.waited = waited + epochs_shown.waited
            order = np.random.default_rng((plan.seed, epoch)).permutation(len(images))
            with doing(f"epoch {epoch + 1}: training", lambda: learner.done, at_once=first):
                loss, accuracy = learner.epoch(images, labels, soft, order)
            if not np.isfinite(loss):
                raise TrainError(f"{recipe.name}: training diverged in epoch {epoch + 1}: the loss is no number")
            learner.publish(plain)
            figures = {"accuracy": accuracy, "loss": loss} | _validate(recipe, plain, digits)
            course.end(figures)
    return course.at


class Course:
    """A training from epoch to epoch: where it stands, its checkpoints, and what it says of itself."""

    def __init__(self, plan: Plan, facts: dict[str, Any], learner: Learner, epochs: int) -> None:
        """Bring the learner to where the training begins or, by its checkpoint, goes on."""
        self.at = _begin(plan, facts, learner)
        self._plan, self._learner, self._epochs = plan, learner, epochs
        self._first, self._before = self.at.epoch, self.at.seconds
        self._started = self._saved = self._began = time.monotonic()

    def epochs(self) -> Iterator[int]:
        """Yield the numbers of the epochs that are left; `end` is called after each."""
        for epoch in range(self._first, self._epochs):
            self._began = time.monotonic()
            yield epoch

    def end(self, figures: dict[str, float]) -> None:
        """Note what an epoch came to, keep a checkpoint when it is time, and tell."""
        at = self.at
        for name, value in figures.items():
            at.history.setdefault(name, []).append(value)
        now = time.monotonic()
        at.epoch, at.seconds = at.epoch + 1, self._before + now - self._started
        due = now - self._saved >= self._plan.checkpoint_seconds
        if self._plan.checkpoints and at.epoch < self._epochs and due:
            at.state, self._saved = self._learner.state(), now
            at.write(self._plan.checkpoints)
        text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        left = (now - self._started) / (at.epoch - self._first) * (self._epochs - at.epoch)
        seconds = f"{now - self._began:.1f} s, {_clock(left)} left"
        print(f"epoch {at.epoch:>3}/{self._epochs}  {text}  {seconds}", flush=True)


def _begin(plan: Plan, facts: dict[str, Any], learner: Learner) -> Checkpoint:
    """Return where a training begins, after bringing the learner there."""
    found = checkpoint.read(plan.checkpoints) if plan.checkpoints and plan.resume else None
    if found is None:
        return Checkpoint(facts, 0, {}, 0.0, 0.0, [])
    checkpoint.check(found, facts, plan.checkpoints)
    learner.restore(found.state)
    print(f"going on after epoch {found.epoch}", flush=True)
    return found


def _validate(recipe: Recipe, plain: keras.Model, digits: Digits) -> dict[str, float]:
    if digits.validation is None:
        return {}
    score = _score(recipe, plain, *digits.validation)
    return {"val_accuracy": score.accuracy, "val_loss": score.loss}


def _score(recipe: Recipe, model: keras.Model, images: Bytes, labels: Bytes) -> Score:
    targets = labels if recipe.loss.startswith("sparse") else np.eye(recipe.classes, dtype=np.float32)[labels]
    # Keras' own, since a loss of sigmoid outputs is computed from what stands before the sigmoid.
    loss_of = keras.losses.get(recipe.loss)
    loss, predicted = 0.0, []
    for start in range(0, len(images), SCORE_BATCH):
        part = slice(start, start + SCORE_BATCH)
        # Called as it is: to compile it costs more than these few calls.
        outputs = model(images[part].astype(np.float32), training=False)
        loss += float(keras.ops.sum(loss_of(targets[part], outputs)))
        predicted.append(keras.ops.convert_to_numpy(outputs)[:, :CLASSES].argmax(1))
    return Score(loss=loss / len(images), labels=labels, predicted=np.concatenate(predicted).astype(np.uint8))


def precision_of(recipe: Recipe) -> str:
    """Return what a recipe's products are computed in on this processor: float32 or bfloat16."""
    return "bfloat16" if recipe.precision == "auto" and _multiplies_bfloat16() else "float32"


def _multiplies_bfloat16() -> bool:
    """Tell whether the processor has instructions for bfloat16: three times as fast as float32 there."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpu.features())


def summary_of(model: keras.Model) -> str:
    """Return the network's layers as a table."""
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=80)
    return "\n".join(lines) + "\n"


def _clock(seconds: float) -> str:
    minutes = round(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02}:{round(seconds) % 60:02}"
