"""The state of a training in one file of its run folder, which is complete whenever the run is killed."""

import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.files import remove_unfinished, write_whole
from edge_runtime.errors import OutputError
from train.errors import CheckpointError

NAME = "checkpoint.npz"


@dataclass
class Checkpoint:
    """The state of a training after its last complete epoch."""

    facts: dict[str, Any]  # recipe, data and settings: a training continues only from its own checkpoint
    epoch: int  # epochs done
    history: dict[str, list[float]]  # a value for each epoch
    seconds: float  # of training so far
    waited: float  # seconds of these spent waiting for images
    state: list[NDArray[Any]]  # the learner's

    def write(self, folder: Path) -> None:
        """Replace the folder's checkpoint; raises OutputError, and then the old one is unchanged."""
        about = {name: getattr(self, name) for name in ("facts", "epoch", "history", "seconds", "waited")}
        arrays: dict[str, Any] = {f"state_{number}": array for number, array in enumerate(self.state)}
        try:
            remove_unfinished(folder / NAME)
            write_whole(folder / NAME, partial(np.savez, about=np.array(json.dumps(about)), **arrays))
        except OSError as error:
            raise OutputError(f"{folder / NAME} cannot be written: {error.strerror or error}") from error


def read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint of a run folder, or None where there is none; raises CheckpointError for a damaged one."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            state = [arrays[f"state_{number}"] for number in range(len(arrays.files) - 1)]
        return Checkpoint(**about, state=state)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise CheckpointError(f"{path} is damaged ({error}): start again with --overwrite") from error


def check(found: Checkpoint, facts: dict[str, Any], folder: Path) -> None:
    """Raise CheckpointError where a checkpoint belongs to another training than `facts` describe."""
    if other := [name for name in facts if found.facts.get(name) != facts[name]]:
        raise CheckpointError(
            f"{folder / NAME} was made with another {' and another '.join(other)}: "
            "repeat the command that began the run with --resume, or start again with --overwrite"
        )


def remove(folder: Path) -> None:
    """Remove a run folder's checkpoint, if there is one."""
    (folder / NAME).unlink(missing_ok=True)
    remove_unfinished(folder / NAME)
