"""Trains a recipe from beginning to end, with checkpoints on the way.

`train` returns a plain float32 network, whatever precision it was trained in, and its result. The test images are read
once, when the training is over; every choice is made on validation images.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors; read when TensorFlow is imported

import keras
import tensorflow as tf

from edge_runtime.common import cpu
from train import checkpoint
from train.checkpoint import Checkpoint
from train.data.mnist import Mnist
from train.errors import TrainError
from train.learner import Learner
from train.network import build
from train.plan import NETWORK, Plan
from train.progress import doing
from train.recipes import Dense, Recipe
from train.tasks import Job, Session, Trained, task_of

__all__ = ["Course", "Plan", "precision_of", "save", "train"]

log = logging.getLogger(__name__)


def train(recipe: Recipe, mnist: Mnist, plan: Plan | None = None) -> tuple[keras.Sequential, Any]:
    """Train `recipe` and score it; the test images are read once, at the end, and nothing is chosen by them.

    A recipe that does not validate is always final. Returns the network in float32 and the `Result` of its task.
    Raises TrainError where the loss is no longer a number, TeacherError for unusable teachers, CheckpointError for a
    checkpoint of another training, OutputError where a file cannot be written.
    """
    plan = plan or Plan()
    epochs = recipe.epochs if plan.epochs is None else plan.epochs
    job = Job(recipe, mnist, plan, plan.final or not recipe.validate, epochs, precision_of(recipe))
    if plan.processes > 1:
        _use_one_thread()
    keras.utils.clear_session()
    keras.utils.set_random_seed(plan.seed)
    session = task_of(recipe).start(job)
    plain = build(recipe)
    if isinstance(recipe.output, Dense):
        # For readers of the saved files, with a loss that Keras knows. Plain SGD keeps no state to be saved.
        plain.compile(optimizer="sgd", loss=recipe.loss, metrics=["accuracy"])
    plain.summary()
    done = _fit(job, session, plain)
    log.info("scoring %s", recipe.name)
    return plain, session.score(plain, Trained(done.seconds, done.waited, done.history))


def save(model: keras.Model, folder: Path) -> None:
    """Write `model.keras` and, for older readers, `model.h5` into an existing folder."""
    # Keras warns that HDF5 is its old format, which is why we write it.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        model.save(folder / "model.keras")
        model.save(folder / "model.h5")
    finally:
        logger.setLevel(level)


def _fit(job: Job, session: Session[Any, Any], plain: keras.Model) -> Checkpoint:
    """Train to the end; leaves the weights in `plain` and returns the final state.

    An epoch depends only on the learner's state, the seed and its own number, so that a training that was stopped
    continues as if it had not been.
    """
    recipe, seed = job.recipe, job.plan.seed
    learner = Learner(recipe, task_of(recipe).loss(recipe), job.precision, session.steps, job.epochs)
    if job.plan.start:
        _begin_with(learner, job.plan.start)
    course = Course(job, session.facts, learner)
    waited = course.at.waited
    log.info("starting the processes that draw images for %s", recipe.name)
    with session.draw(course.at.epoch) as drawn:
        for epoch in course.epochs():
            first = not course.at.history
            with doing(f"epoch {epoch + 1}: waiting for the images that another process draws", at_once=first):
                images = drawn.epoch(epoch)
            course.at.waited = waited + drawn.waited
            with doing(f"epoch {epoch + 1}: training", lambda: learner.done, at_once=first):
                metrics = session.learn(learner, images, np.random.default_rng((seed, epoch)))
            if not np.isfinite(metrics["loss"]):
                raise TrainError(f"{recipe.name}: training diverged in epoch {epoch + 1}: the loss is not a number")
            learner.publish(plain)
            course.end(metrics | session.validate(plain))
    return course.at


class Course:
    """A training from epoch to epoch: its state, its checkpoints and its progress on the terminal."""

    def __init__(self, job: Job, facts: dict[str, Any], learner: Learner) -> None:
        """Begin, or continue from the checkpoint; facts: the task's, which the checkpoint must share."""
        facts = {
            "recipe": repr(job.recipe),
            "seed": job.plan.seed,
            "number of epochs": job.epochs,
            **facts,
            "precision": job.precision,
            **job.plan.facts,
        }
        self.at = _begin(job.plan, facts, learner)
        self._plan, self._learner, self._epochs = job.plan, learner, job.epochs
        self._first, self._before = self.at.epoch, self.at.seconds
        self._started = self._saved = self._began = time.monotonic()

    def epochs(self) -> Iterator[int]:
        """Yield the numbers of the remaining epochs; call `end` after each."""
        for epoch in range(self._first, self._epochs):
            self._began = time.monotonic()
            yield epoch

    def end(self, metrics: dict[str, float]) -> None:
        """Record the metrics of an epoch, write a checkpoint when it is due, and print a line."""
        at = self.at
        for name, value in metrics.items():
            at.history.setdefault(name, []).append(value)
        now = time.monotonic()
        at.epoch, at.seconds = at.epoch + 1, self._before + now - self._started
        due = now - self._saved >= self._plan.checkpoint_seconds
        if self._plan.checkpoints and at.epoch < self._epochs and due:
            at.state, self._saved = self._learner.state(), now
            at.write(self._plan.checkpoints)
        text = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        left = (now - self._started) / (at.epoch - self._first) * (self._epochs - at.epoch)
        seconds = f"{now - self._began:.1f} s, {_clock(left)} left"
        print(f"epoch {at.epoch:>3}/{self._epochs}  {text}  {seconds}", flush=True)


def _begin(plan: Plan, facts: dict[str, Any], learner: Learner) -> Checkpoint:
    """Return the state that a training begins with, and restore the learner to it."""
    if plan.checkpoints is None or not plan.resume:
        return Checkpoint(facts, 0, {}, 0.0, 0.0, [])
    found = checkpoint.read(plan.checkpoints)
    if found is None:
        return Checkpoint(facts, 0, {}, 0.0, 0.0, [])
    checkpoint.check(found, facts, plan.checkpoints)
    learner.restore(found.state)
    print(f"going on after epoch {found.epoch}", flush=True)
    return found


def _begin_with(learner: Learner, folder: Path) -> None:
    """Give a learner the weights of `model.keras` in a folder."""
    path = folder / NETWORK
    try:
        learner.begin_with(keras.models.load_model(path, compile=False))
    except Exception as error:  # Keras passes on any error of zipfile, json and h5py
        reason = " ".join(str(error).split())[:200]
        raise TrainError(f"{path} cannot be trained on ({reason}): give the folder of a run of this recipe") from error


def _use_one_thread() -> None:
    """Leave the other cores to the other processes."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        log.info("TensorFlow is in use already: it may take threads of the other processes")


def precision_of(recipe: Recipe) -> str:
    """Return the precision of a recipe's products on this processor: float32 or bfloat16."""
    return "bfloat16" if recipe.precision == "auto" and _multiplies_bfloat16() else "float32"


def _multiplies_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16, which are three times as fast as float32."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpu.features())


def _clock(seconds: float) -> str:
    minutes = round(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02}:{round(seconds) % 60:02}"
