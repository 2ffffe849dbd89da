"""A limit on the frame rate of any source."""

import time
from collections.abc import Iterator

from edge_runtime.sources.live import POLL_SECONDS
from edge_runtime.types import Frame


def limit_rate(frames: Iterator[Frame | None], fps: float) -> Iterator[Frame | None]:
    """Yield at most `fps` frames per second. A live source drops frames meanwhile, a file waits.

    Yields None while it waits, like a source.
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
