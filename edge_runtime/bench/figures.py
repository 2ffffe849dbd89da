"""A figure that was measured several times."""

import statistics
from collections.abc import Sequence
from typing import TypedDict

NOISY = 0.2  # of the median: repeats that lie further apart are no figure to rely on


class Repeated(TypedDict):
    """Ready for JSON."""

    median: float
    repeats: list[float]  # in their order
    noisy: bool  # whether they lie more than a fifth of the median apart


def repeated(values: Sequence[float]) -> Repeated:
    """Sum up one or more repeats of one figure."""
    median = statistics.median(values)
    noisy = max(values) - min(values) > NOISY * abs(median)
    return {"median": median, "repeats": list(values), "noisy": noisy}
