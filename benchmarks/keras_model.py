"""The trained network in Keras, which every exported format is compared with.

It is in the checkout beside a bundle's other files, as model.keras, or in the run folder that the bundle was exported
from.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Bundle
from edge_runtime.errors import FileError, UsageError
from edge_runtime.types import Images
from export import floats

NAME = "model.keras"


def find(bundle: Bundle, runs: Iterable[Path] = ()) -> Path | None:
    """Return a bundle's Keras file, from its run or from its own folder, or None.

    Raises FileError where a run folder holds no finished run.
    """
    for run in runs:
        if _is_run_of(run, bundle):
            return run / NAME
    own = bundle.folder / NAME
    return own if own.is_file() else None


def find_all(bundles: Mapping[str, Bundle], runs: Sequence[Path]) -> dict[str, Path | None]:
    """Return the Keras file of each bundle, as `find`; raises UsageError for a run of no bundle among them."""
    for run in runs:
        if not any(_is_run_of(run, bundle) for bundle in bundles.values()):
            raise UsageError(
                f"--run {run}: none of {', '.join(bundles)} was exported from it; to measure that network: "
                f"python -m export {run} --out DIR, then --model DIR"
            )
    return {name: find(bundle, runs) for name, bundle in bundles.items()}


def _is_run_of(run: Path, bundle: Bundle) -> bool:
    try:
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        found = {name: metrics.get(name) for name in bundle.manifest.get("training", {})}
    except (OSError, ValueError, AttributeError) as error:
        raise FileError(f"{run} is not a finished run of python -m train: {error}") from error
    if not (run / NAME).is_file():
        raise FileError(f"{run} is not a finished run of python -m train: it has no {NAME}")
    return bool(found) and found == bundle.manifest["training"]


def make_floats(bundles: Mapping[str, Bundle]) -> None:
    """Convert the float files that are missing beside a bundle's model.keras; raises FloatsError."""
    for bundle in bundles.values():
        if (bundle.folder / NAME).is_file():
            floats.make_floats(bundle, lambda line: click.echo(line, err=True))


def load(path: Path) -> Any:
    """Open a Keras file; raises FileError for a damaged one."""
    import keras  # several seconds

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras passes on any error of zipfile, json and h5py
        raise FileError(f"{path} cannot be read by Keras: {' '.join(str(error).split())[:200]}") from error


def logits(path: Path, digits: Images) -> NDArray[np.float64]:
    """Return a network's logits of uint8 (N, 28, 28) digits: (N, 10)."""
    import keras

    model = load(path)
    model.layers[-1].activation = keras.activations.linear
    return np.asarray(model.predict(digits.astype(np.float32), batch_size=1000, verbose=0), np.float64)


def stand_in(bundle: Bundle, folder: Path) -> Path | None:
    """Write an untrained network of the same layers, of the same size and speed; None for an unknown recipe."""
    from train.network import build
    from train.recipes import RECIPES

    recipe = RECIPES.get(bundle.manifest.get("training", {}).get("recipe"))
    if recipe is None:
        return None
    build(recipe).save(folder / NAME)
    return folder / NAME
