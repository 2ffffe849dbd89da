"""The line recogniser: a network that gives for each column of a line a digit or the non-digit class."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_line_bundle
from edge_runtime.errors import UsageError
from edge_runtime.lines.ctc import Decoded, decode_all
from edge_runtime.types import NON_DIGIT, Classification, Images

SLANTS = (-0.4, 0.4)  # pixels to the side per pixel upward: an unsure line is also read with these slants
SURE = 0.95  # probability: a line whose digits all reach this is read without slants

Logits = NDArray[np.floating[Any]]


class LineReading(NamedTuple):
    """The digits read in a line."""

    digits: Classification  # of N digits, from left to right
    places: NDArray[np.float64]  # (N,), the middle of each digit: pixels from the left edge of the line image


class LineRecognizer:
    """Reads lines without cutting them. Thread-safe: one call at a time uses the interpreter."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a line bundle; None for the one of the package.

        backend, threads: as for Classifier. Raises ModelError, BackendError or UsageError.
        """
        self.bundle = bundle or load_line_bundle()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
        self._turn = threading.Lock()

    def read(self, images: Images) -> list[LineReading]:
        """Read lines, uint8 (N, 32, 192), N >= 0, as returned by `line_image`; raises UsageError for other arrays."""
        if images.dtype != np.uint8 or images.shape[1:] != self.bundle.shapes.image:
            raise UsageError(f"lines are a uint8 array (N, 32, 192), not {images.dtype} {images.shape}")
        if len(images) == 0:
            return []
        column = images.shape[2] / self.bundle.shapes.outputs[0]
        return [to_line_reading(each, column, self.bundle.temperature) for each in decode_lines(self._logits, images)]

    def _logits(self, images: Images) -> NDArray[np.float32]:
        """Return the outputs of the network as logits: (N, columns, 11)."""
        with self._turn:
            outputs = self._backend.run(images)
        return (outputs.astype(np.float32) - self._backend.zero_point) * self._backend.scale


def decode_lines(run: Callable[[Images], Logits], images: Images) -> list[Decoded]:
    """Decode N lines; unsure lines are also read slanted to both sides.

    run: returns the logits of lines, (N, 32, 192) to (N, columns, 11). Handwriting slants more, and more variably, than
    the lines in the training set.
    """
    upright = run(images)
    decoded = decode_all(upright[:, np.newaxis])
    unsure = [number for number, each in enumerate(decoded) if not _is_sure(each)]
    if unsure:
        others = run(slant_lines(images[unsure])).reshape(len(SLANTS), len(unsure), *upright.shape[1:])
        views = np.concatenate([upright[unsure][np.newaxis], others]).swapaxes(0, 1)
        for number, each in zip(unsure, decode_all(views), strict=True):
            decoded[number] = each
    return decoded


def _is_sure(decoded: Decoded) -> bool:
    """Return whether a line needs no other slants: all digits are sure, and there is at least one."""
    confidence = decoded.columns[np.arange(len(decoded.labels)), decoded.labels]
    return len(confidence) > 0 and bool(confidence.min() >= np.log(SURE))


def slant_lines(images: Images) -> Images:
    """Return N lines slanted to one side, then all of them to the other: (N, 32, 192) to (2 N, 32, 192)."""
    size = images.shape[2], images.shape[1]
    matrices = [np.array([[1, slant, -slant * (size[1] - 1) / 2], [0, 1, 0]]) for slant in SLANTS]
    slanted = [cv2.warpAffine(image, matrix, size) for matrix in matrices for image in images]
    return np.stack(slanted).astype(np.uint8, copy=False)


def to_line_reading(decoded: Decoded, column: float, temperature: float = 1.0) -> LineReading:
    """Convert a decoded line. column: width in pixels of the line image. temperature: divides log probabilities."""
    weights = np.exp((decoded.columns - decoded.columns.max(1, keepdims=True)) / temperature)
    probabilities = np.asarray(weights[:, :NON_DIGIT] / weights.sum(1, keepdims=True), np.float32)
    confidence = probabilities[np.arange(len(decoded.labels)), decoded.labels]
    return LineReading(Classification(decoded.labels, confidence, probabilities), decoded.middles * column)
