"""Decide from the probabilities whether a digit is accepted, or rejected with a reason."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Classification, Decisions, Status

MIN_HEIGHT = 6  # pixels: a digit smaller than this in both directions is ambiguous
LARGER = 48  # pixels: an image of one digit with a longer side has room for something else


class Reason(StrEnum):
    """Why a digit was rejected."""

    BLANK = "blank"  # no ink was found
    TOO_SMALL = "too-small"  # too few pixels to tell digits apart
    NOT_A_DIGIT = "not-a-digit"  # probably a non-digit
    LOW_CONFIDENCE = "low-confidence"  # below the threshold
    SEVERAL = "several-digits"  # in an image of one digit
    UNREAD = "unread"  # there is a digit, but it was not read


def decide(
    blank: NDArray[np.bool_],
    small: NDArray[np.bool_],
    result: Classification,
    min_confidence: float | NDArray[np.float64],
    max_non_digit: float | NDArray[np.float64] = 1.0,
) -> Decisions:
    """Decide on N digits; if several reasons apply, the first one in `Reason` counts.

    blank: (N,), True where no ink was found. small: (N,), True where the digit is smaller than `MIN_HEIGHT`. result:
    the classification of N digits. min_confidence: 0..1. max_non_digit: see `is_non_digit`. Both come from the
    thresholds of the bundle: one value for all digits or one for each.
    """
    labels: list[int | None] = result.label.tolist()
    confidences: list[float] = result.confidence.tolist()
    statuses, reasons = [Status.OK] * len(labels), [""] * len(labels)
    none = is_non_digit(result, max_non_digit)
    for index in np.flatnonzero(blank | small | none | (result.confidence < min_confidence)).tolist():
        reason = Reason.NOT_A_DIGIT if none[index] else Reason.LOW_CONFIDENCE
        if small[index]:
            reason = Reason.TOO_SMALL
        if blank[index]:
            labels[index], confidences[index], reason = None, 0.0, Reason.BLANK
        statuses[index], reasons[index] = Status.REJECTED, reason.value
    return Decisions(labels, confidences, result.probabilities, statuses, reasons, {})


def is_non_digit(result: Classification, max_non_digit: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for N digits, or for one, whether the network takes them for non-digits: bool (N,) or ().

    max_non_digit: 0..1, the highest accepted ratio of the probability of a non-digit to that of the label.
    """
    return np.asarray(1 - result.probabilities.sum(-1) > max_non_digit * result.confidence)
