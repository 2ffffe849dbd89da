"""The time of an act without other work on the machine."""

import time
from collections.abc import Callable

ROUNDS = 7


def fastest(act: Callable[[], object]) -> float:
    """Return the milliseconds of the fastest of `ROUNDS` rounds: other work on the machine only adds to them."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return 1000 * min(times)
