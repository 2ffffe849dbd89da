"""Digits of the user's own, sorted into folders by label, beside MNIST's."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import InputError
from edge_runtime.images.files import is_image_name, read_gray
from edge_runtime.normalise import normalise
from train.data.mnist import Bytes, DataError

CROP_PIXELS = 4_000_000  # pixels: the largest image of one digit
LABELS = [str(label) for label in range(10)]
SHOWN = 5  # files that are named for each reason


class Extra(NamedTuple):
    """The user's own digits, and the files that are left out."""

    images: Bytes  # (N, 28, 28), normalised
    labels: NDArray[np.uint8]  # (N,), 0 to 9
    paths: tuple[Path, ...] = ()  # N files
    left_out: dict[str, list[Path]] = {}  # noqa: RUF012  files by reason; never modified

    @property
    def sha256(self) -> str:
        """SHA-256 of images and labels: a checkpoint with other digits is refused."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    def report(self) -> list[str]:
        """Return what is used and what is left out, in lines."""
        counts = (f"{label}: {count}" for label, count in enumerate(np.bincount(self.labels, minlength=10)) if count)
        lines = [f"--extra: {len(self.labels)} images taken ({', '.join(counts)})"]
        for reason, paths in self.left_out.items():
            more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
            lines.append(f"--extra: {len(paths)} left out, {reason}: {', '.join(map(str, paths[:SHOWN]))}{more}")
        return lines


def load_extra(folder: Path) -> Extra:
    """Read the images in the folders 0 to 9 directly below `folder`, each of one digit, in order of their names.

    Left out, with the reason: unreadable images, images without ink, files that are not images, and everything in other
    folders, such as `none` and `unsorted`. Raises DataError where no image is left or a folder cannot be listed.
    """
    images, labels, paths = [], [], []
    left_out: dict[str, list[Path]] = {}
    for path in _files(folder):
        label, reason = path.relative_to(folder).parts[0], ""
        if label not in LABELS or path.parent != folder / label:
            reason = "not in a folder 0 to 9"
        elif not is_image_name(path.name):
            reason = "not an image by its name"
        else:
            try:
                digit = normalise(read_gray(path, max_pixels=CROP_PIXELS))
            except InputError as error:
                reason = str(error)
            else:
                reason = "" if digit.any() else "no ink found in it"
        if reason:
            left_out.setdefault(reason, []).append(path)
            continue
        images.append(digit)
        labels.append(int(label))
        paths.append(path)
    if not images:
        reasons = "; ".join(f"{len(paths)} left out, {reason}" for reason, paths in left_out.items())
        raise DataError(f"{folder}: no images in folders 0 to 9 there" + (f" ({reasons})" if reasons else ""))
    return Extra(np.stack(images), np.array(labels, np.uint8), tuple(paths), left_out)


def _files(folder: Path, follow: bool = True) -> Iterator[Path]:
    """Yield all files below a folder, in order of their names; raises DataError where it cannot be listed.

    follow: whether a folder may be a symbolic link; below the first level it may not, since links can form a cycle.
    """
    try:
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
    for path in entries:
        if path.is_dir() and (follow or not path.is_symlink()):
            yield from _files(path, follow=False)
        else:
            yield path
