"""Summarise a metric that was measured several times."""

import statistics
from collections.abc import Sequence
from typing import TypedDict

NOISY = 0.2  # share of the median: repeats with a larger spread are unreliable


class Repeated(TypedDict):
    """A repeated metric, ready for JSON."""

    median: float
    repeats: list[float]  # in the order of measurement
    noisy: bool  # the spread is more than a fifth of the median


def summarise_repeats(values: Sequence[float]) -> Repeated:
    """Summarise one or more repeats of a metric."""
    median = statistics.median(values)
    noisy = max(values) - min(values) > NOISY * abs(median)
    return {"median": median, "repeats": list(values), "noisy": noisy}
