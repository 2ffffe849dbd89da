"""From probabilities to a decision: ok, or rejected with a reason code."""

from enum import StrEnum

from edge_runtime.types import Status


class Reason(StrEnum):
    """Why a digit was rejected."""

    BLANK = "blank"  # no ink was found
    LOW_CONFIDENCE = "low-confidence"  # under the bundle's threshold


def decide(blank: bool, confidence: float, min_confidence: float) -> tuple[Status, str]:
    """Return the status and the reason code, which is empty for ok.

    confidence: 0..1, the probability of the best label; min_confidence: 0..1, from the bundle's thresholds.
    """
    if blank:
        return Status.REJECTED, Reason.BLANK.value
    if confidence < min_confidence:
        return Status.REJECTED, Reason.LOW_CONFIDENCE.value
    return Status.OK, ""
