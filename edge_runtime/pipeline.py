"""The one loop from gray pixels to decided digits, for every command and every caller.

Nobody else calls normalise, classify and decide one after the other.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from edge_runtime.classifier import Classifier
from edge_runtime.decide import decide
from edge_runtime.errors import UsageError
from edge_runtime.normalise import normalise_all
from edge_runtime.types import Box, Digit, Gray, Page

Expect = Literal["digit"]


class Reader:
    """Reads pictures with one classifier."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def read(self, gray: Gray, expect: Expect = "digit") -> Page:
        """Read one picture: uint8 (height, width), any size and polarity, one digit expected in it."""
        return self.read_many([gray], expect)[0]

    def read_many(self, grays: Iterable[Gray], expect: Expect = "digit") -> list[Page]:
        """Read pictures in one call of the interpreter; each is let go of before the next is asked for."""
        if expect != "digit":
            raise UsageError(f"this release reads one digit in a picture, expect='digit', not {expect!r}")
        sizes: list[tuple[int, int]] = []

        def measured() -> Iterator[Gray]:
            for gray in grays:
                sizes.append(gray.shape)
                yield gray
                del gray  # or it would stay until the next one is there

        crops = normalise_all(measured())
        if not sizes:
            return []
        result = self._classifier.classify(crops)
        least = self._classifier.bundle.min_confidence
        blank: list[bool] = np.logical_not(crops.any((1, 2))).tolist()
        results = zip(result.label.tolist(), result.confidence.tolist(), result.probabilities.tolist(), strict=True)
        pages = []
        size, box = (0, 0), Box(0, 0, 0, 0)
        for shape, no_ink, (label, confidence, probabilities) in zip(sizes, blank, results, strict=True):
            status, reason = decide(no_ink, confidence, least)
            if shape != size:  # most pictures of a batch are of one size
                size, box = shape, Box(0, 0, shape[1], shape[0])
            if no_ink:
                digit = Digit(None, 0.0, (), box, status, reason)
            else:
                digit = Digit(label, confidence, tuple(probabilities), box, status, reason)
            pages.append(Page((digit,), box.width, box.height))
        return pages
