"""A line that says how far a long command is: rewritten on a terminal, now and then a new one in a pipe."""

import sys
import threading
import time
from collections.abc import Callable

import click

LIVE_SECONDS = 0.2  # between two updates on a terminal
QUIET_SECONDS = 30.0  # between two lines in a pipe


class Progress:
    """Counts things done, and shows how many, how fast and how long it will take."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._started = self._shown = time.monotonic()
        self._total: int | None = None
        self._skipped = 0

    def begin(self, skipped: int, count_all: Callable[[], int] | None) -> None:
        """Start the clock.

        skipped: what an earlier run did, which counts as done and not for the rate. count_all: counts what there is to
        do; runs beside the work, and the time left is shown once it has ended.
        """
        self._started, self._skipped = time.monotonic(), skipped
        if self._live and count_all is not None:
            threading.Thread(target=self._count, args=(count_all,), daemon=True).start()

    def clear(self) -> None:
        """Clear the line."""
        if self._live:
            click.echo("\r\033[K", nl=False, err=True)

    def show(self, done: int, failed: int) -> None:
        """Show the counts so far, if it is time to."""
        now = time.monotonic()
        if now - self._shown < (LIVE_SECONDS if self._live else QUIET_SECONDS):
            return
        self._shown = now
        rate = (done - self._skipped) / max(1e-9, now - self._started)
        text = f"{done:,} files, {failed:,} failed, {rate:,.0f}/s"
        if self._total and rate:
            left = max(0, self._total - done) / rate
            text += f", {left // 60:.0f}:{left % 60:02.0f} left"
        click.echo(f"\r{text}\033[K" if self._live else text, nl=not self._live, err=True)

    def say(self, line: str) -> None:
        """Print a line that stays."""
        click.echo(f"\r\033[K{line}" if self._live else line, err=True)

    def _count(self, count_all: Callable[[], int]) -> None:
        self._total = count_all()
