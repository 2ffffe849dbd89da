"""Calibrates confidence: a temperature and thresholds, from digits that a network was not trained on.

In: an int8 network's logits of validation digits, and their labels. Out: the manifest's temperature and thresholds.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Threshold
from train.tasks.digits import KEPT

UNSURE = (
    0.7  # share of the rejected digits that the confidence threshold rejects; the odds threshold rejects the others
)
ERRORS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 500)  # of 10,000, in the table
WIDTH = 1e-3  # of the temperature's logarithm, where the search ends
SPAN = (np.log(0.1), np.log(10.0))  # of the temperature's logarithm, where it begins

Logits = NDArray[np.float64]


class Confidence(NamedTuple):
    """The temperature and the thresholds of a manifest."""

    temperature: float  # divides the logits
    min_confidence: float  # 0..1: the default threshold
    max_non_digit: float  # 0..1: largest probability of a non-digit, as a multiple of the label's
    by_error: tuple[Threshold, ...]
    digits: int  # number of digits that it was measured on

    def thresholds(self) -> dict[str, Any]:
        """Return the manifest's entry, ready for JSON."""
        return {
            "min_confidence": self.min_confidence,
            "max_non_digit": self.max_non_digit,
            "digits": self.digits,
            "by_error": [each._asdict() for each in self.by_error],
        }


def measure(logits: Logits, labels: NDArray[np.integer], softmax: bool = True, kept: float = KEPT) -> Confidence:
    """Fit the temperature and choose thresholds.

    logits: (N, 10 or 11) of digits that the network was not trained on; labels: (N,), 0..9, or 10 for a non-digit.
    kept: 0..1, the share of these that is accepted by default.
    """
    temperature = fit_temperature(logits, labels) if softmax else 1.0
    probabilities = _softmax(logits / temperature) if softmax else _shares(logits)
    confidence, label = probabilities[:, :10].max(1), probabilities[:, :10].argmax(1)
    nondigit = probabilities[:, 10:].sum(1)
    min_confidence, max_non_digit = _limits(confidence, nondigit / confidence, kept)
    # A likely non-digit is not accepted at any threshold.
    confidence = np.where(nondigit > max_non_digit * confidence, -1.0, confidence)
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence, wrong = confidence[order], np.cumsum(label[order] != labels[order])
    taken = np.arange(1, len(labels) + 1)
    # No threshold separates equal confidences: count up to the last of them.
    ends = np.flatnonzero(np.append(np.diff(sorted_confidence) < 0, True) & (sorted_confidence >= 0))
    found = []
    for error in (each / 10_000 for each in ERRORS):
        good = ends[wrong[ends] <= error * taken[ends]]
        if len(good):
            last = good[-1]
            found.append(Threshold(error, _below(sorted_confidence[last]), float(taken[last] / len(labels))))
            if last == ends[-1]:
                found[-1] = found[-1]._replace(min_confidence=0.0)
                break  # every digit is accepted
    return Confidence(round(temperature, 4), min_confidence, max_non_digit, tuple(found), len(labels))


def _limits(confidence: NDArray[np.float64], odds: NDArray[np.float64], kept: float) -> tuple[float, float]:
    """Return the lowest confidence and the highest odds of a non-digit at which the share `kept` is accepted.

    confidence: (N,); odds: (N,), the probability of a non-digit divided by the confidence; all 0 without an output
    for non-digits.
    """
    if kept >= 1:
        return 0.0, 1.0
    has_nondigits = bool(odds.any())
    unsure = (1 - kept) * (UNSURE if has_nondigits else 1.0)
    lowest = _below(np.sort(confidence)[int(unsure * len(confidence))])
    if not has_nondigits:
        return lowest, 1.0
    highest = np.sort(np.where(confidence >= lowest, odds, np.inf))[int(kept * len(confidence)) - 1]
    return lowest, float(min(1.0, np.ceil(highest * 1e7) / 1e7))


def fit_temperature(logits: Logits, labels: NDArray[np.integer]) -> float:
    """Return the temperature with the smallest negative log-likelihood, by golden-section search.

    After C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: "On calibration of modern neural networks", ICML 2017.
    logits: (N, classes); labels: (N,).
    """

    def loss(heat: float) -> float:
        heated = logits / np.exp(heat)
        heated -= heated.max(1, keepdims=True)
        return float((np.log(np.exp(heated).sum(1)) - heated[np.arange(len(labels)), labels]).mean())

    golden = (np.sqrt(5) - 1) / 2
    low, high = SPAN
    while high - low > WIDTH:
        one, other = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, other) if loss(one) < loss(other) else (one, high)
    return float(np.exp((low + high) / 2))


def _below(confidence: float) -> float:
    """Return a slightly lower value, so that rounding to float32 rejects no accepted digit."""
    return float(max(0.0, np.floor(confidence * 1e7) / 1e7))


def _softmax(logits: Logits) -> Logits:
    weights = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float64)


def _shares(logits: Logits) -> Logits:
    """Return sigmoids divided by their sum, as the runtime does."""
    weights = 1 / (1 + np.exp(-logits))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float64)
