"""Trains a recipe with Keras; nothing else in `train` knows it, but for `data`, which asks it for MNIST.

`train` returns a plain float32 network whatever it was trained in, and what it scored. The test digits
are looked at once, when training is over.
"""

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and errors; read when TensorFlow is imported

import keras

from edge_runtime import cpu
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.versions import versions
from train.data import Bytes, Mnist, normalised
from train.deform import Deformer
from train.recipes import Recipe
from train.score import CLASSES, Result, Score

SCORE_BATCH = 1000  # digits
DEFORM_WORKERS = 1  # processes that deform the next digits while the present ones are trained on

Validation = tuple[Bytes, NDArray[Any]] | None  # images and targets


class TrainError(EdgeDigitsError, RuntimeError):
    """A training run did not come to a usable end."""


def train(recipe: Recipe, mnist: Mnist, seed: int = 0, epochs: int | None = None) -> tuple[keras.Model, Result]:
    """Train `recipe` and score it on the training, validation (where it has one) and test digits.

    seed: int of at least 0; the same seed on the same machine gives the same network.
    epochs: instead of the recipe's own number, for a quick run.
    Returns the network, float32 and compiled with the recipe's loss, and its `Result`.
    Raises `TrainError` where the loss is no longer a number.
    """
    epochs = recipe.epochs if epochs is None else epochs
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    images, labels = mnist.fit_part() if recipe.validate else (mnist.train_images, mnist.train_labels)
    held_out = mnist.validation_part() if recipe.validate else None
    if recipe.deform:
        images = normalised(images)
        held_out = held_out and (normalised(held_out[0]), held_out[1])
    precision = _precision(recipe)
    model = build(recipe, precision)
    model.compile(
        optimizer=_optimizer(recipe, epochs * -(-len(images) // recipe.batch)),
        loss=_loss(recipe, recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.summary()

    validation = held_out and (held_out[0], _targets(recipe, held_out[1]))
    began = time.perf_counter()
    if recipe.deform:
        history = _fit_deformed(recipe, model, images, labels, validation, seed, epochs)
    else:
        history = _fit(recipe, model, images, labels, validation, epochs)
    seconds = time.perf_counter() - began
    if not np.isfinite(history["loss"][-1]):
        raise TrainError(f"{recipe.name}: training diverged in epoch {len(history['loss'])}: the loss is no number")

    plain = _plain(recipe, model)
    test_images = normalised(mnist.test_images) if recipe.deform else mnist.test_images
    return plain, Result(
        recipe=recipe,
        seed=seed,
        epochs=epochs,
        seconds=seconds,
        parameters=plain.count_params(),
        precision=precision,
        summary=_summary(plain),
        history=history,
        train=_score(recipe, plain, images, labels),
        validation=_score(recipe, plain, *held_out) if held_out else None,
        test=_score(recipe, plain, test_images, mnist.test_labels),
        data_sha256=mnist.sha256,
        versions=versions("tensorflow", "keras", "numpy", "opencv-python-headless"),
    )


def build(recipe: Recipe, precision: str = "float32") -> keras.Sequential:
    """Return the untrained network: pixels (N, 28, 28) of 0..255 to ten numbers, the last layer in float32.

    precision: float32, or bfloat16 for products in bfloat16 with float32 weights.
    """
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    *hidden, last = recipe.layers
    return keras.Sequential(
        [
            keras.Input((28, 28), name="image"),
            keras.layers.Rescaling(1 / 255, name="scale"),
            keras.layers.Flatten(name="flatten"),
            *(
                keras.layers.Dense(layer.units, layer.activation, name=f"dense_{number}", dtype=policy)
                for number, layer in enumerate(hidden, 1)
            ),
            keras.layers.Dense(last.units, last.activation, name="digit", dtype="float32"),
        ],
        name=recipe.name.replace("-", "_"),
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


def _fit(
    recipe: Recipe, model: keras.Model, images: Bytes, labels: Bytes, validation: Validation, epochs: int
) -> dict[str, list[float]]:
    done = model.fit(
        images,
        _targets(recipe, labels),
        batch_size=recipe.batch,
        epochs=epochs,
        validation_data=validation,
        callbacks=[keras.callbacks.TerminateOnNaN()],
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return {name: [float(value) for value in values] for name, values in done.history.items()}


def _fit_deformed(
    recipe: Recipe, model: keras.Model, images: Bytes, labels: Bytes, validation: Validation, seed: int, epochs: int
) -> dict[str, list[float]]:
    """A call an epoch, since each has digits of its own; Keras keeps its compiled step and the optimizer."""
    history: dict[str, list[float]] = {}
    targets = _targets(recipe, labels)
    with Deformer(images, seed, labels).epochs(1, epochs, DEFORM_WORKERS) as deformed:
        for epoch in range(epochs):
            began = time.perf_counter()
            try:
                shown = next(deformed)
            except RuntimeError as error:
                raise TrainError(str(error)) from error
            done = model.fit(
                shown,
                targets,
                batch_size=recipe.batch,
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                callbacks=[keras.callbacks.TerminateOnNaN()],
                verbose=0,
            )
            for name, values in done.history.items():
                history.setdefault(name, []).extend(float(value) for value in values)
            figures = "  ".join(f"{name} {values[-1]:.4f}" for name, values in history.items())
            print(f"epoch {epoch + 1:>3}/{epochs}  {figures}  {time.perf_counter() - began:.1f} s", flush=True)
    return history


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    settings: dict[str, Any] = {}
    if recipe.learning_rate is not None:
        settings["learning_rate"] = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    if recipe.weight_decay is not None:
        settings["weight_decay"] = recipe.weight_decay
    return keras.optimizers.get({"class_name": recipe.optimizer, "config": settings})


def _loss(recipe: Recipe, smoothing: float = 0.0) -> Any:
    if smoothing:
        return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    return recipe.loss


def _targets(recipe: Recipe, labels: Bytes) -> NDArray[Any]:
    """Labels as the loss wants them: (N,) or one-hot (N, 10)."""
    return labels if recipe.loss.startswith("sparse") else np.eye(CLASSES, dtype=np.float32)[labels]


def _plain(recipe: Recipe, model: keras.Model) -> keras.Model:
    """The same weights in a float32 network that has forgotten how it was trained."""
    plain = build(recipe)
    plain.set_weights(model.get_weights())
    # Plain SGD keeps no state that the saved files would have to carry.
    plain.compile(optimizer="sgd", loss=_loss(recipe), metrics=["accuracy"])
    return plain


def _score(recipe: Recipe, model: keras.Model, images: Bytes, labels: Bytes) -> Score:
    scores = model.evaluate(images, _targets(recipe, labels), batch_size=SCORE_BATCH, verbose=0, return_dict=True)
    predicted = model.predict(images, batch_size=SCORE_BATCH, verbose=0).argmax(1)
    return Score(loss=float(scores["loss"]), labels=labels, predicted=predicted.astype(np.uint8))


def _precision(recipe: Recipe) -> str:
    return "bfloat16" if recipe.precision == "auto" and _multiplies_bfloat16() else "float32"


def _multiplies_bfloat16() -> bool:
    """Tell whether the processor has instructions for bfloat16: three times as fast as float32 there."""
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpu.features())


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=80)
    return "\n".join(lines) + "\n"
