"""The status line on standard error: rewritten in place on a terminal, printed now and then elsewhere."""

import sys
import time

import click

TERMINAL_SECONDS = 0.2  # between two updates on a terminal


class StatusLine:
    """Shows the current state; a context manager that clears its line."""

    def __init__(self, pipe_seconds: float | None = None) -> None:
        """pipe_seconds: between two lines where standard error is not a terminal; None: nothing is shown there."""
        self.is_terminal = sys.stderr.isatty()
        self._interval = TERMINAL_SECONDS if self.is_terminal else pipe_seconds
        self._shown = time.monotonic()

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def due(self) -> bool:
        """Return whether it is time for an update."""
        return self._interval is not None and time.monotonic() - self._shown >= self._interval

    def show(self, text: str) -> None:
        """Replace the status on a terminal, or print a line elsewhere."""
        self._shown = time.monotonic()
        click.echo(f"\r{text}\033[K" if self.is_terminal else text, nl=not self.is_terminal, err=True)

    def print(self, line: str) -> None:
        """Print a line that stays."""
        click.echo(f"\r\033[K{line}" if self.is_terminal else line, err=True)

    def clear(self) -> None:
        """Clear the status, so that other output starts on an empty line."""
        if self.is_terminal:
            click.echo("\r\033[K", nl=False, err=True)
