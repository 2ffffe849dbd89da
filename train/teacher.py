"""Trained networks as teachers: run folders and digits in, logits out."""

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
LEAST = 1e-30  # smallest probability: float32 ends at 1e-38


class Teacher(NamedTuple):
    """A finished run that teaches others."""

    facts: dict[str, Any]  # recipe, seed, final and the SHA-256 of its file
    network: keras.Model  # uint8 or float32 (N, 28, 28) to probabilities (N, 10)


class Teachers:
    """The mean of one or more trained networks."""

    def __init__(self, teachers: Sequence[Teacher], precision: str) -> None:
        # Depends on the teachers and the precision, not on their folders.
        names = sorted(teacher.facts["sha256"] for teacher in teachers)
        self.key = hashlib.sha256(" ".join([*names, precision]).encode()).hexdigest()[:16]

        @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
        def logits(digits: tf.Tensor) -> tf.Tensor:
            pixels = tf.cast(digits, tf.float32)
            # The logarithm of a softmax is the logits plus a constant, which another softmax ignores.
            said = [tf.math.log(teacher.network(pixels, training=False) + LEAST) for teacher in teachers]
            return tf.add_n(said) / len(said)

        self._logits = logits

    def logits(self, digits: Bytes) -> NDArray[np.float32]:
        """Return the mean logits of uint8 (N, 28, 28) digits, float32 (N, 10), up to a constant for each digit."""
        parts = [self._logits(tf.constant(digits[start : start + BATCH])) for start in range(0, len(digits), BATCH)]
        return np.concatenate(parts)


def read(folders: Sequence[Path], recipe: Recipe, final: bool, precision: str) -> list[Teacher]:
    """Open the runs that teach a recipe.

    folders: what `python -m train` wrote. final: whether they may have been trained on the validation digits as well.
    precision: of the products, float32 or bfloat16.
    Raises TeacherError for a run that is missing, damaged, of a recipe that does not teach this one, or trained on the
    validation digits of the new run.
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
                f"{folder} was trained on the validation digits, too, so a run that learns from it cannot be validated "
                "on them; name a teacher without --final, train with --final, or add --final-teachers if no choice "
                "depends on the run"
            )
        sha256 = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
        teachers.append(
            Teacher(metrics | {"sha256": sha256}, _to_bfloat16(network) if precision == "bfloat16" else network)
        )
    return teachers


def _to_bfloat16(network: keras.Model) -> keras.Model:
    """Return the network with products in bfloat16; its weights and its last layer stay float32."""

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
    except Exception as error:  # Keras passes on any error of zipfile, json and h5py
        raise TeacherError(f"{folder} cannot be used as a teacher: {' '.join(str(error).split())[:200]}") from error
    if network.input_shape != (None, 28, 28) or network.output_shape != (None, 10):
        raise TeacherError(f"{folder} holds no network from 28x28 pixels to ten digits")
    if getattr(network.layers[-1].activation, "__name__", None) != "softmax":
        raise TeacherError(f"{folder} holds a network that does not end in softmax: it cannot be a teacher")
    return metrics, network
