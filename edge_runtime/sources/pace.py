"""A limit on the frames a second of any source."""

import time
from collections.abc import Iterator

from edge_runtime.sources.live import POLL_SECONDS
from edge_runtime.types import Frame


def limit_rate(frames: Iterator[Frame | None], fps: float) -> Iterator[Frame | None]:
    """Yield at most `fps` frames a second. Meanwhile a live source goes on to newer frames, and a file waits.

    Yields None while it waits, as a source does.
    """
    due = time.monotonic()
    for frame in frames:
        yield frame
        if frame is None:
            continue
        now = time.monotonic()
        due = max(due + 1 / fps, now)
        while (left := due - time.monotonic()) > POLL_SECONDS:
            time.sleep(POLL_SECONDS)
            yield None
        time.sleep(max(0.0, left))
