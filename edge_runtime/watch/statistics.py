"""Statistics of a watch: frames, drops and latency."""

from collections import deque
from typing import Any

LATEST = 4096  # latest frames whose latency is kept
RATE_SECONDS = 2.0  # over which the frame rate is measured


class WatchStatistics:
    """Counts frames and latencies, in bounded memory."""

    def __init__(self) -> None:
        self.frames = 0  # processed frames
        self.read = 0  # of these, read; the others were unchanged or blank
        self.dropped = 0  # frames of a live source that were replaced by newer ones
        self.readings = 0  # events
        self._first: float | None = None
        self._next = 0
        self._latencies: deque[float] = deque(maxlen=LATEST)
        self._times: deque[float] = deque(maxlen=LATEST)

    def add(self, number: int, captured: float, now: float, read: bool) -> None:
        """Count a frame. captured, now: monotonic seconds of its capture and of its result."""
        self._first = now if self._first is None else self._first
        self.dropped += max(0, number - self._next)
        self._next = number + 1
        self.frames += 1
        self._times.append(now)
        if read:
            self.read += 1
            self._latencies.append(now - captured)

    def rate(self, now: float) -> float:
        """Return the frames per second over the last RATE_SECONDS."""
        lately = sum(time > now - RATE_SECONDS for time in self._times)
        since = now - (self._first or now)
        return lately / max(1e-9, min(RATE_SECONDS, since)) if lately > 1 else 0.0

    def latency(self) -> tuple[float, float, float] | None:
        """Return p50, p90 and p99 of the seconds from capture to result over the latest frames that were read."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        p50, p90, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.9, 0.99))
        return p50, p90, p99

    def summary(self, now: float) -> dict[str, Any]:
        """Return all counts as JSON values; latency in milliseconds, None if no frame was read."""
        seconds = now - (self._first or now)
        latency = self.latency()
        return {
            "seconds": round(seconds, 3),
            "frames": self.frames,
            "read": self.read,
            "dropped": self.dropped,
            "readings": self.readings,
            "frames_per_second": round((self.frames - 1) / seconds, 2) if seconds > 0 else None,
            "latency_ms": dict(zip(("p50", "p90", "p99"), (round(1000 * each, 2) for each in latency), strict=True))
            if latency
            else None,
        }
