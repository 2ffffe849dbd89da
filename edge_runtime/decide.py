"""From probabilities to a decision: ok, or rejected with a reason code."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Classification, Decisions, Status

MIN_HEIGHT = 6  # pixels: a digit written in fewer rows, and columns, could be any of several


class Reason(StrEnum):
    """Why a digit was rejected."""

    BLANK = "blank"  # no ink was found
    TOO_SMALL = "too-small"  # there are not enough pixels to tell one digit from another
    NOT_A_DIGIT = "not-a-digit"  # that it is none is too likely beside the label
    LOW_CONFIDENCE = "low-confidence"  # under the threshold


def decide(
    blank: NDArray[np.bool_],
    small: NDArray[np.bool_],
    result: Classification,
    min_confidence: float | NDArray[np.float64],
    max_none: float | NDArray[np.float64] = 1.0,
) -> Decisions:
    """Decide on N digits; the first reason of `Reason` that there is counts.

    blank: (N,), where no ink was found. small: (N,), where it has less than `MIN_HEIGHT` pixels. result: of N digits.
    min_confidence: 0..1, and max_none: as for `is_none`, from the bundle's thresholds; one for all or one for each.
    """
    labels: list[int | None] = result.label.tolist()
    confidences: list[float] = result.confidence.tolist()
    statuses, reasons = [Status.OK] * len(labels), [""] * len(labels)
    none = is_none(result, max_none)
    for index in np.flatnonzero(blank | small | none | (result.confidence < min_confidence)).tolist():
        reason = Reason.NOT_A_DIGIT if none[index] else Reason.LOW_CONFIDENCE
        if small[index]:
            reason = Reason.TOO_SMALL
        if blank[index]:
            labels[index], confidences[index], reason = None, 0.0, Reason.BLANK
        statuses[index], reasons[index] = Status.REJECTED, reason.value
    return Decisions(labels, confidences, result.probabilities, statuses, reasons)


def is_none(result: Classification, max_none: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell of N digits, or of one, whether the network takes them for none: bool (N,) or ().

    max_none: 0..1, how likely it may at most be that it is none: times the label's probability.
    """
    return np.asarray(1 - result.probabilities.sum(-1) > max_none * result.confidence)
