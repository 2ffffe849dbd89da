"""Progress of a long command: files done, files failed, rate and time left, on the status line."""

import threading
import time
from collections.abc import Callable

from edge_runtime.cli.status import StatusLine

PIPE_SECONDS = 30.0  # between two lines where standard error is not a terminal


class Progress:
    """Computes the rate and the time left, and shows them."""

    def __init__(self) -> None:
        self.line = StatusLine(PIPE_SECONDS)
        self._started = time.monotonic()
        self._total: int | None = None
        self._skipped = 0

    def begin(self, skipped: int, count_all: Callable[[], int] | None) -> None:
        """Start the clock.

        skipped: files that an earlier run read; they count as done, but not for the rate. count_all: counts all files;
        it runs on a thread beside the work, and the time left is shown once it has returned.
        """
        self._started, self._skipped = time.monotonic(), skipped
        if self.line.is_terminal and count_all is not None:
            threading.Thread(target=self._count, args=(count_all,), daemon=True).start()

    def show(self, done: int, failed: int) -> None:
        """Show the numbers of files so far, if an update is due."""
        if not self.line.due():
            return
        rate = (done - self._skipped) / max(1e-9, time.monotonic() - self._started)
        text = f"{done:,} files, {failed:,} failed, {rate:,.0f}/s"
        if self._total and rate:
            left = max(0, self._total - done) / rate
            text += f", {left // 60:.0f}:{left % 60:02.0f} left"
        self.line.show(text)

    def _count(self, count_all: Callable[[], int]) -> None:
        self._total = count_all()
