"""The settings of one training, as the command line gives them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from train.data.extra import Extra
from train.errors import TrainError

NETWORK = "model.keras"  # in a folder to start from
CHECKPOINT_SECONDS = 60.0  # shortest time between two checkpoints


@dataclass(frozen=True)
class Plan:
    """The settings of one training."""

    seed: int = 0  # at least 0; the same seed on the same machine gives the same network
    epochs: int | None = None  # None: the recipe's own number
    final: bool = False  # train on all 60,000 digits, where the recipe validates
    teachers: Sequence[Path] = ()  # run folders, where the recipe learns from others; none: labels alone
    final_teachers: bool = False  # let teachers that know the validation digits teach a run that validates on them
    checkpoints: Path | None = None  # the run folder, where the training should survive a kill
    resume: bool = False  # continue from the checkpoint in `checkpoints`, if there is one
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    pool: Path | None = None  # where drawn images are kept; None: in a temporary folder
    extra: Extra | None = None  # the user's own digits, to train on as well
    start: Path | None = None  # a run or bundle folder with `model.keras`, to begin with its weights; None: random ones
    processes: int = 1  # that train, where the task can share its work

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a result depends on beside the recipe, read once. Raises TrainError if `start` has no network."""
        started_from = None
        if self.start:
            path = self.start / NETWORK
            try:
                started_from = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise TrainError(
                    f"{path} cannot be read ({error.strerror}): give the folder of a run or a bundle"
                ) from error
        return {"processes": self.processes, "started_from": started_from}
