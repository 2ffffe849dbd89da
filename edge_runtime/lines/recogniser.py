"""Lines of digits to what they say, by a network that tells for each column which digit is there, or that none is."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_lines
from edge_runtime.errors import UsageError
from edge_runtime.lines.ctc import Decoded, decode_all
from edge_runtime.types import NONE, Classification, Images

SLANTS = (-0.4, 0.4)  # pixels to the side for each upward, that an unsure line is seen at, too
SURE = 0.95  # probability: a line of such digits, as it is, needs no slants

Logits = NDArray[np.floating[Any]]


class Spelling(NamedTuple):
    """What a line says."""

    digits: Classification  # of N digits, from the left
    places: NDArray[np.float64]  # (N,), where each of them is: pixels of the line image from its left edge


class LineReader:
    """Reads lines without cutting them apart. Threads may share one: its interpreter serves them in turn."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a model: the one that ships with the package, or another.

        backend, threads: as for Classifier. Raises ModelError, BackendError, UsageError.
        """
        self.bundle = bundle or load_lines()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
        self._turn = threading.Lock()

    def read(self, images: Images) -> list[Spelling]:
        """Read lines, uint8 (N, 32, 192), N >= 0, as `line_image` returns them; raises UsageError for others."""
        if images.dtype != np.uint8 or images.shape[1:] != self.bundle.shapes.image:
            raise UsageError(f"lines are a uint8 array (N, 32, 192), not {images.dtype} {images.shape}")
        if len(images) == 0:
            return []
        column = images.shape[2] / self.bundle.shapes.outputs[0]
        return [spell(each, column, self.bundle.temperature) for each in seen(self._logits, images)]

    def _logits(self, images: Images) -> NDArray[np.float32]:
        """What the network says: (N, columns, 11)."""
        with self._turn:
            outputs = self._backend.run(images)
        return (outputs.astype(np.float32) - self._backend.zero_point) * self._backend.scale


def seen(run: Callable[[Images], Logits], images: Images) -> list[Decoded]:
    """Read each of N lines as it is, and those that cannot be read surely so leaning either way, too.

    run: what the network says of lines, (N, 32, 192) to (N, columns, 11).
    Hands lean more, and more differently, than the lines that the network learnt from.
    """
    upright = run(images)
    said = decode_all(upright[:, np.newaxis])
    unsure = [number for number, each in enumerate(said) if not _is_sure(each)]
    if unsure:
        others = run(leaning(images[unsure])).reshape(len(SLANTS), len(unsure), *upright.shape[1:])
        ways = np.concatenate([upright[unsure][np.newaxis], others]).swapaxes(0, 1)
        for number, each in zip(unsure, decode_all(ways), strict=True):
            said[number] = each
    return said


def _is_sure(decoded: Decoded) -> bool:
    """Whether other slants would not change what a line says; never where nothing was read."""
    confidence = decoded.columns[np.arange(len(decoded.labels)), decoded.labels]
    return len(confidence) > 0 and bool(confidence.min() >= np.log(SURE))


def leaning(images: Images) -> Images:
    """Return N lines leaning to one side and then to the other: (N, 32, 192) to (2 N, 32, 192)."""
    size = images.shape[2], images.shape[1]
    ways = [np.array([[1, slant, -slant * (size[1] - 1) / 2], [0, 1, 0]]) for slant in SLANTS]
    return np.stack([cv2.warpAffine(image, way, size) for way in ways for image in images]).astype(np.uint8, copy=False)


def spell(decoded: Decoded, column: float, temperature: float = 1.0) -> Spelling:
    """Return what a decoded line says. column: pixels of the line image. temperature: divides log probabilities."""
    weights = np.exp((decoded.columns - decoded.columns.max(1, keepdims=True)) / temperature)
    probabilities = np.asarray(weights[:, :NONE] / weights.sum(1, keepdims=True), np.float32)
    confidence = probabilities[np.arange(len(decoded.labels)), decoded.labels]
    return Spelling(Classification(decoded.labels, confidence, probabilities), decoded.middles * column)
