"""Trained networks that others learn from: run folders and digits flow in, logits flow out."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train.data.mnist import Bytes
from train.errors import TeacherError
from train.recipes import Recipe

BATCH = 1000  # digits
LEAST = 1e-30  # of a probability: float32 has none below 1e-38


class Teacher(NamedTuple):
    """A finished run that others learn from."""

    facts: dict[str, Any]  # recipe, seed, final and the SHA-256 of its file
    network: keras.Model  # uint8 or float32 (N, 28, 28) to probabilities (N, 10)


class Teachers:
    """The mean of some trained networks; there must be one at least."""

    def __init__(self, teachers: Sequence[Teacher], precision: str) -> None:
        # Of the same teachers in the same precision, whatever folders they are in.
        names = sorted(teacher.facts["sha256"] for teacher in teachers)
        self.key = hashlib.sha256(" ".join([*names, precision]).encode()).hexdigest()[:16]

        @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
        def logits(digits: tf.Tensor) -> tf.Tensor:
            pixels = tf.cast(digits, tf.float32)
            # The logarithms of softmax are the logits but for a constant, which no softmax minds.
            said = [tf.math.log(teacher.network(pixels, training=False) + LEAST) for teacher in teachers]
            return tf.add_n(said) / len(said)

        self._logits = logits

    def logits(self, digits: Bytes) -> NDArray[np.float32]:
        """Return the mean logits of uint8 (N, 28, 28) digits, float32 (N, 10), up to a constant for each digit."""
        parts = [self._logits(tf.constant(digits[start : start + BATCH])) for start in range(0, len(digits), BATCH)]
        return np.concatenate(parts)


def read(folders: Sequence[Path], recipe: Recipe, final: bool, precision: str) -> list[Teacher]:
    """Open the runs that a recipe learns from.

    folders: what `python -m train` wrote. final: whether they may have been trained on all 60,000 digits.
    precision: of the products, float32 or bfloat16.
    Raises TeacherError where one is missing or broken, or of a recipe that this one does not learn from, or has been
    trained on the digits that the one who learns is validated on.
    """
    teachers = []
    for folder in folders:
        metrics, network = _read(folder)
        if metrics["recipe"] not in recipe.teachers:
            raise TeacherError(
                f"{folder} is a run of {metrics['recipe']}; {recipe.name} learns from {' and '.join(recipe.teachers)}"
            )
        if metrics["final"] and not final:
            raise TeacherError(
                f"{folder} was trained on the validation digits, too: what learns from it cannot be validated on "
                "them; name a teacher without --final, or train with --final, or add --final-teachers where nothing is "
                "chosen by it"
            )
        sha256 = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
        teachers.append(Teacher(metrics | {"sha256": sha256}, _quick(network) if precision == "bfloat16" else network))
    return teachers


def _quick(network: keras.Model) -> keras.Model:
    """The same network with products in bfloat16; its weights and its last layer stay float32."""

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        policy = "float32" if layer is network.layers[-1] else "mixed_bfloat16"
        return type(layer).from_config(layer.get_config() | {"dtype": policy})

    quick = keras.models.clone_model(network, clone_function=copy)
    quick.set_weights(network.get_weights())
    return quick


def _read(folder: Path) -> tuple[dict[str, Any], keras.Model]:
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        metrics = {name: metrics[name] for name in ("recipe", "seed", "final")}
        network = keras.models.load_model(folder / "model.keras", compile=False)
    except FileNotFoundError as error:
        raise TeacherError(
            f"{folder} holds no finished run to learn from: train one with python -m train teacher --out {folder}, "
            "or name another with --teacher"
        ) from error
    except Exception as error:  # Keras lets out whatever zipfile, json or h5py raise
        raise TeacherError(f"{folder} cannot be learnt from: {' '.join(str(error).split())[:200]}") from error
    if network.input_shape != (None, 28, 28) or network.output_shape != (None, 10):
        raise TeacherError(f"{folder} holds no network from 28x28 pixels to ten digits")
    if getattr(network.layers[-1].activation, "__name__", None) != "softmax":
        raise TeacherError(f"{folder} holds a network that does not end in softmax: nothing is learnt from its outputs")
    return metrics, network
