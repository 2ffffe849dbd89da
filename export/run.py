"""A finished training run, as its folder holds it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import keras

from export.errors import RunError
from train.recipes import RECIPES, Recipe

TRAINING = (  # of metrics.json
    "recipe",
    "seed",
    "epochs",
    "final",
    "seconds",
    "waiting_share",
    "parameters",
    "precision",
    "teachers",
    "data_sha256",
    "versions",
)
AGAIN = "train it again with python -m train"
OF_DIGITS = ("waiting_share", "teachers")  # of these, what a network that reads lines has not


class Run(NamedTuple):
    """One trained network, its recipe, and how it was trained."""

    model: keras.Sequential  # float32 (N, 28, 28), pixels 0..255, to (N, 10 or 11) probabilities
    recipe: Recipe
    training: dict[str, Any]  # what a manifest repeats of `metrics.json`: the keys in TRAINING, and `extra`
    curves: bytes | None  # the picture of accuracy and loss, PNG


def read_run(folder: Path) -> Run:
    """Open a run folder that `python -m train` wrote; raises RunError where it holds no network of a known recipe."""
    for name in ("model.keras", "metrics.json"):
        if not (folder / name).is_file():
            raise RunError(f"{folder} has no {name}: name a finished run, or {AGAIN}")
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        recipe = RECIPES[metrics["recipe"]]
        training = {name: metrics[name] for name in TRAINING if not (recipe.reads_lines and name in OF_DIGITS)}
        if metrics.get("extra"):
            training["extra"] = int(metrics["extra"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / 'metrics.json'} lacks something or names no known recipe ({_line(error)}): {AGAIN}"
        ) from error
    model = read_keras(folder)
    curves = folder / "curves.png"
    return Run(model, recipe, training, curves.read_bytes() if curves.is_file() else None)


def read_keras(folder: Path) -> keras.Sequential:
    """Open the `model.keras` of a run or of a bundle; raises RunError."""
    try:
        return keras.models.load_model(folder / "model.keras", compile=False)
    except Exception as error:  # Keras lets out whatever zipfile, json or h5py raise
        raise RunError(f"{folder / 'model.keras'} cannot be read ({_line(error)}): {AGAIN}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
