"""Digits of the user's own, sorted into folders by label, beside MNIST's."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import InputError
from edge_runtime.image import is_image_name, read_gray
from edge_runtime.normalise import normalise
from train.data import Bytes, DataError

CROP_PIXELS = 4_000_000  # pixels: a picture of one digit has fewer


class Extra(NamedTuple):
    """Digits to train on."""

    images: Bytes  # (N, 28, 28), normalised
    labels: NDArray[np.uint8]  # (N,), 0 to 9

    @property
    def sha256(self) -> str:
        """Of images and labels: other digits are another training."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()


def load_extra(folder: Path) -> Extra:
    """Read the pictures in the folders 0 to 9 below `folder`, each of one digit, in order of their names.

    What is in other folders, such as `none` and `unsorted`, is left out. Raises DataError, which names the file, for
    a picture that cannot be read or is blank, and where there is none at all.
    """
    images, labels = [], []
    for label in range(10):
        for path in sorted(_pictures(folder / str(label))):
            try:
                digit = normalise(read_gray(path, max_pixels=CROP_PIXELS))
            except InputError as error:
                raise DataError(f"{path}: {error}: repair it, or take it away") from error
            if not digit.any():
                raise DataError(f"{path}: no ink is found in it: repair it, or take it away")
            images.append(digit)
            labels.append(label)
    if not images:
        raise DataError(f"{folder}: no pictures in folders 0 to 9 there")
    return Extra(np.stack(images), np.array(labels, np.uint8))


def _pictures(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if is_image_name(path.name)] if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
