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
from edge_runtime.types import Box, Decisions, Digit, Gray, Page

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

        found = self.decide_many(measured())
        columns = zip(
            sizes,
            found.labels,
            found.confidences,
            found.probabilities.tolist(),
            found.statuses,
            found.reasons,
            strict=True,
        )
        pages = []
        for (height, width), label, confidence, probabilities, status, reason in columns:
            shares = () if label is None else tuple(probabilities)
            digit = Digit(label, confidence, shares, Box(0, 0, width, height), status, reason)
            pages.append(Page((digit,), width, height))
        return pages

    def decide_many(self, grays: Iterable[Gray]) -> Decisions:
        """As `read_many`, where a whole picture is one digit and nothing but the decisions is wanted."""
        crops = normalise_all(grays)
        blank = np.logical_not(crops.any((1, 2)))
        return decide(blank, self._classifier.classify(crops), self._classifier.bundle.min_confidence)
