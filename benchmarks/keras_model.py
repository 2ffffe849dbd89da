"""The trained network in Keras: what every exported format is held against.

It lies in the checkout beside a bundle's other files, as model.keras, or in the run folder that the bundle was
exported from.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Bundle
from edge_runtime.errors import FileError
from edge_runtime.types import Images

NAME = "model.keras"


def find(bundle: Bundle, runs: Iterable[Path] = ()) -> Path | None:
    """Return a bundle's Keras file: from the run it was exported from, or from its own folder; None where neither is.

    Raises FileError where a run folder is none.
    """
    for run in runs:
        try:
            metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(f"{run} is no finished run of python -m train: {error}") from error
        training = bundle.manifest.get("training", {})
        if training and training == {name: metrics.get(name) for name in training} and (run / NAME).is_file():
            return run / NAME
    own = bundle.folder / NAME
    return own if own.is_file() else None


def load(path: Path) -> Any:
    """Open a Keras file; raises FileError where it is none."""
    import keras  # several seconds

    import train.network  # noqa: F401  its layers are then known

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras lets out whatever zipfile, json or h5py raise
        raise FileError(f"{path} cannot be read by Keras: {' '.join(str(error).split())[:200]}") from error


def logits(path: Path, digits: Images) -> NDArray[np.float64]:
    """Return what a network says of uint8 (N, 28, 28) before its last activation: (N, 10)."""
    import keras

    model = load(path)
    model.layers[-1].activation = keras.activations.linear
    return np.asarray(model.predict(digits.astype(np.float32), batch_size=1000, verbose=0), np.float64)


def stand_in(bundle: Bundle, folder: Path) -> Path | None:
    """Write an untrained network of the same layers, as large and as quick; None where its recipe is unknown."""
    from train.network import build
    from train.recipes import RECIPES

    recipe = RECIPES.get(bundle.manifest.get("training", {}).get("recipe"))
    if recipe is None:
        return None
    build(recipe).save(folder / NAME)
    return folder / NAME
