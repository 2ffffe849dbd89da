"""From probabilities to a decision: ok, or rejected with a reason code."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Classification, Decisions, Status


class Reason(StrEnum):
    """Why a digit was rejected."""

    BLANK = "blank"  # no ink was found
    LOW_CONFIDENCE = "low-confidence"  # under the bundle's threshold


def decide(blank: NDArray[np.bool_], result: Classification, min_confidence: float) -> Decisions:
    """Decide on N digits; the first reason of `Reason` that there is counts.

    blank: (N,), where no ink was found. result: of N digits. min_confidence: 0..1, from the bundle's thresholds.
    """
    labels: list[int | None] = result.label.tolist()
    confidences: list[float] = result.confidence.tolist()
    statuses, reasons = [Status.OK] * len(labels), [""] * len(labels)
    for index in np.flatnonzero(blank | (result.confidence < min_confidence)).tolist():
        statuses[index], reasons[index] = Status.REJECTED, Reason.LOW_CONFIDENCE.value
        if blank[index]:
            labels[index], confidences[index], reasons[index] = None, 0.0, Reason.BLANK.value
    return Decisions(labels, confidences, result.probabilities, statuses, reasons)
