"""Accuracy of labels: confusion matrix, and precision and recall by digit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.types import NON_DIGIT, Row


class DigitMetrics(NamedTuple):
    """Metrics of one digit, 0..1; nan where they are undefined."""

    digit: int
    images: int
    precision: float
    recall: float
    f1: float


class ConfusionMatrix:
    """Counts rows by true label and label."""

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros((10, 11), np.int64)  # true digit by label; last column: no label

    def add(self, row: Row, truth: str) -> None:
        """Count the label of a row, rejected or not; raises UsageError if the true label is not a digit."""
        if truth not in DIGITS:
            raise UsageError(f"the label of {row.path!r} is {truth!r}, not a digit from 0 to 9")
        self.counts[int(truth), int(row.label) if row.label else NON_DIGIT] += 1

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """Share of rows with the correct label, 0..1; nan without rows."""
        return int(self.counts.trace()) / self.count if self.count else float("nan")

    def digit_metrics(self) -> list[DigitMetrics]:
        """Return the metrics of each digit."""
        found = []
        for digit in range(10):
            right = int(self.counts[digit, digit])
            count, labelled = int(self.counts[digit].sum()), int(self.counts[:, digit].sum())
            found.append(
                DigitMetrics(
                    digit, count, _share(right, labelled), _share(right, count), _share(2 * right, count + labelled)
                )
            )
        return found


DIGITS = frozenset(str(digit) for digit in range(10))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
