"""Lines of digits to what they say, by a network that tells for each column which digit is there, or that none is."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundle import Bundle, load_lines
from edge_runtime.ctc import decode
from edge_runtime.errors import UsageError
from edge_runtime.types import NONE, Classification, Images

SLANTS = (0.0, -0.4, 0.4)  # pixels to the side for each upward, that a line is seen at
SURE = 0.95  # confidence: a line of such digits, as it is, needs no other slants


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
        width, heat = images.shape[2], self.bundle.temperature
        upright = self._logits(images)
        spellings = [spell(logits[np.newaxis], width, heat) for logits in upright]
        unsure = [number for number, each in enumerate(spellings) if not is_sure(each)]
        if unsure:
            leaning = self._logits(slanted(images[unsure])[len(unsure) :])
            for number, ways in zip(unsure, by_line(np.concatenate([upright[unsure], leaning])), strict=True):
                spellings[number] = spell(ways, width, heat)
        return spellings

    def _logits(self, images: Images) -> NDArray[np.float32]:
        """What the network says: (N, columns, 11)."""
        return (self._backend.run(images).astype(np.float32) - self._backend.zero_point) * self._backend.scale


def is_sure(spelling: Spelling) -> bool:
    """Whether a line was read so well that other slants would not change it; never where nothing was read."""
    return len(spelling.places) > 0 and bool(spelling.digits.confidence.min() >= SURE)


def slanted(images: Images) -> Images:
    """Return each line as it is and leaning either way: (N, 32, 192) to (3 N, 32, 192).

    Hands lean more, and more differently, than the lines that the network learnt from.
    """
    size = images.shape[2], images.shape[1]
    leaning = [np.array([[1, slant, -slant * (size[1] - 1) / 2], [0, 1, 0]]) for slant in SLANTS[1:]]
    ways = [np.stack([cv2.warpAffine(image, way, size) for image in images]) for way in leaning]
    return np.concatenate([images, *ways]).astype(np.uint8, copy=False)


def by_line(logits: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Put what was read of `slanted` lines together, line by line: (3 N, columns, 11) to (N, 3, columns, 11)."""
    return logits.reshape(len(SLANTS), -1, *logits.shape[1:]).swapaxes(0, 1)


def spell(logits: NDArray[np.floating[Any]], width: int, temperature: float = 1.0) -> Spelling:
    """Decode one line, seen in one way or several: logits (ways, columns, 11), the last one for no digit.

    width: pixels of the line image. temperature: what logits are divided by for probabilities.
    """
    decoded = decode(logits)
    weights = np.exp((decoded.columns - decoded.columns.max(1, keepdims=True)) / temperature)
    probabilities = np.asarray(weights[:, :NONE] / weights.sum(1, keepdims=True), np.float32)
    confidence = probabilities[np.arange(len(decoded.labels)), decoded.labels]
    places = decoded.middles * (width / logits.shape[1])
    return Spelling(Classification(decoded.labels, confidence, probabilities), places)
