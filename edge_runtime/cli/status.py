"""A line on stderr that is written over and over, on a terminal alone."""

import sys
import time

import click

SECONDS = 0.2  # between two updates


class StatusLine:
    """Shows how things are; a context manager that clears its line."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self._shown = 0.0

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def due(self) -> bool:
        """Whether it is time to show something new."""
        return self.live and time.monotonic() - self._shown >= SECONDS

    def show(self, text: str) -> None:
        """Write the line anew."""
        if self.live:
            self._shown = time.monotonic()
            click.echo(f"\r{text}\033[K", nl=False, err=True)

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self.live:
            self._shown = 0.0
            click.echo("\r\033[K", nl=False, err=True)
