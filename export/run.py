"""Reads a finished run folder."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import keras

from export.errors import RunError
from train.recipes import RECIPES, Recipe
from train.tasks import Task, task_of

TRAINING = (  # keys of metrics.json that a manifest repeats, in its order
    "recipe",
    "seed",
    "epochs",
    "final",
    "seconds",
    "waiting_share",
    "parameters",
    "precision",
    "teachers",
    "test_iou",
    "started_from",
    "data_sha256",
    "versions",
)
AGAIN = "train it again with python -m train"
SOME_TASKS = ("waiting_share", "teachers", "test_iou", "started_from")  # of these, those that only some tasks have


class Run(NamedTuple):
    """One trained network, its recipe, and its training."""

    model: keras.Sequential  # float32 (N, height, width), pixels 0..255, to its outputs
    recipe: Recipe
    training: dict[str, Any]  # what a manifest repeats of `metrics.json`: the keys in TRAINING, and `extra`

    @property
    def task(self) -> Task[Any]:
        """The task of the recipe."""
        return task_of(self.recipe)


def read_run(folder: Path) -> Run:
    """Open a run folder that `python -m train` wrote; raises RunError for a network of an unknown recipe."""
    for name in ("model.keras", "metrics.json"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} has no {name}: name a finished run, or {AGAIN}")
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        recipe = RECIPES[metrics["recipe"]]
        recorded = task_of(recipe).recorded
        training = {name: metrics[name] for name in TRAINING if name not in SOME_TASKS or name in recorded}
        if metrics.get("extra"):
            training["extra"] = int(metrics["extra"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / 'metrics.json'} lacks something or names no known recipe ({_line(error)}): {AGAIN}"
        ) from error
    return Run(read_keras(folder), recipe, training)


def read_keras(folder: Path) -> keras.Sequential:
    """Open the `model.keras` of a run or of a bundle; raises RunError."""
    try:
        return keras.models.load_model(folder / "model.keras", compile=False)
    except Exception as error:  # Keras passes on any error of zipfile, json and h5py
        raise RunError(f"{folder / 'model.keras'} cannot be read ({_line(error)}): {AGAIN}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
