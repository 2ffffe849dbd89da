"""Lines of digits to what they say: the string network and the decoding of its columns.

Each column of a line is a digit or none; a digit goes over several columns, and the same digit twice has a column
without any between. After A. Graves and others: "Connectionist temporal classification", ICML 2006.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundle import Bundle, load_lines
from edge_runtime.errors import UsageError
from edge_runtime.types import NONE, Classification, Images

SLANT = 0.1  # pixels to the side for each upward


class Spelling(NamedTuple):
    """What a line says."""

    digits: Classification  # of N digits, from the left
    places: NDArray[np.float64]  # (N,), where each of them is: pixels of the line image from its left edge


class LineReader:
    """Reads lines without cutting them apart. Not safe for use by several threads at once."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a model: the one that ships with the package, or another.

        backend, threads: as for Classifier. Raises ModelError, BackendError, UsageError.
        """
        self.bundle = bundle or load_lines()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)

    def read(self, images: Images) -> list[Spelling]:
        """Read lines, uint8 (N, 32, 192), N >= 0, as `line_image` returns them; raises UsageError for others."""
        if images.dtype != np.uint8 or images.shape[1:] != self.bundle.shapes.image:
            raise UsageError(f"lines are a uint8 array (N, 32, 192), not {images.dtype} {images.shape}")
        if len(images) == 0:
            return []
        outputs = self._backend.run(slanted(images))
        logits = agreed((outputs.astype(np.float32) - self._backend.zero_point) * self._backend.scale)
        return [spell(columns / self.bundle.temperature, images.shape[2]) for columns in logits]


def slanted(images: Images) -> Images:
    """Return each line as it is and leaning a little either way: (N, 32, 192) to (3 N, 32, 192).

    Hands lean more, and more differently, than the lines that the network learnt from.
    """
    size = images.shape[2], images.shape[1]
    leaning = [np.array([[1, slant, -slant * (size[1] - 1) / 2], [0, 1, 0]]) for slant in (-SLANT, SLANT)]
    ways = [np.stack([cv2.warpAffine(image, way, size) for image in images]) for way in leaning]
    return np.concatenate([images, *ways]).astype(np.uint8, copy=False)


def agreed(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the mean logarithm of the probabilities of a line's leanings: (3 N, columns, 11) to (N, columns, 11)."""
    logits = logits - logits.max(2, keepdims=True)
    logits -= np.log(np.exp(logits).sum(2, keepdims=True))
    return np.asarray(logits.reshape(3, -1, *logits.shape[1:]).mean(0), np.float32)


def spell(logits: NDArray[np.float32], width: int) -> Spelling:
    """Decode a line along the likeliest label of each column.

    logits: (columns, 11), the last one for no digit. width: pixels of the line image.
    """
    read = logits[peaks(logits)]
    weights = np.exp(read - read.max(1, keepdims=True))
    probabilities = np.asarray(weights[:, :NONE] / weights.sum(1, keepdims=True), np.float32)
    label = read.argmax(1)
    confidence = probabilities[np.arange(len(label)), label]
    starts, ends = _runs(logits)
    places = (starts + ends).astype(np.float64) * (width / len(logits) / 2)
    return Spelling(Classification(label, confidence, probabilities), places)


def peaks(logits: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Return the column in which each digit of a line is surest, from the left; logits: (columns, 11)."""
    ahead = logits[:, :NONE].max(1) - logits[:, NONE]
    return np.array([start + ahead[start:end].argmax() for start, end in zip(*_runs(logits), strict=True)], np.intp)


def _runs(logits: NDArray[np.floating[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the columns of each digit begin and end."""
    labels = logits.argmax(1)
    starts = np.flatnonzero(np.diff(labels, prepend=NONE))
    ends = np.append(starts, len(labels))[1:]
    are_digits = labels[starts] != NONE
    return starts[are_digits], ends[are_digits]
