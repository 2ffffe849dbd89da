"""The settings of one training, as the command line gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.data.extra import Extra

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
