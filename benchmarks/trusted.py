"""Numbers that a reader accepts at each `--max-error`, and how many of these are wrong."""

from collections.abc import Sequence

from edge_runtime.segmentation.network import Limit
from export.trust import Judged


def count_numbers(text: str) -> int:
    """Return how many numbers a true text has."""
    return sum(any(map(str.isdigit, number)) for number in text.split())


def at_limits(judged: Judged, numbers: int, limits: Sequence[Limit]) -> list[dict[str, float]]:
    """Return for each limit the share of all numbers that are accepted, and the share of these that are wrong.

    numbers: how many there are, read or not.
    """
    found = []
    for limit in limits:
        kept = [right for trust, right in judged if trust >= limit.least_trust]
        wrong = kept.count(False)
        found.append(
            {
                "max_error": limit.max_error,
                "accepted": len(kept) / max(1, numbers),
                "wrong": wrong / max(1, len(kept)),
            }
        )
    return found
