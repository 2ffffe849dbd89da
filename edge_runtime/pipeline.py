"""The one loop from gray pixels to decided digits, for every command and every caller.

Nobody else calls normalise, classify and decide one after the other.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from edge_runtime.classifier import Classifier
from edge_runtime.decide import decide
from edge_runtime.errors import UsageError
from edge_runtime.normalise import is_blank, normalise
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
        crops, sizes = [], []
        for gray in grays:
            crops.append(normalise(gray))
            sizes.append(gray.shape)
            del gray  # or it would stay until the next one is there
        if not crops:
            return []
        result = self._classifier.classify(np.stack(crops))
        rows = zip(
            crops, sizes, result.label.tolist(), result.confidence.tolist(), result.probabilities.tolist(), strict=True
        )
        return [self._page(*row) for row in rows]

    def _page(
        self, crop: Gray, size: tuple[int, int], label: int, confidence: float, probabilities: list[float]
    ) -> Page:
        height, width = size
        box = Box(0, 0, width, height)
        blank = is_blank(crop)
        status, reason = decide(blank, confidence, self._classifier.bundle.min_confidence)
        if blank:
            return Page((Digit(None, 0.0, (), box, status, reason),), width, height)
        return Page((Digit(label, confidence, tuple(probabilities), box, status, reason),), width, height)
