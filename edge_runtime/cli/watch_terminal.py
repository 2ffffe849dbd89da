"""What `edge-digits watch` shows on the terminal and tells systemd, and the signals that end it."""

import atexit
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from edge_runtime.cli.run import INTERRUPTED
from edge_runtime.cli.status import StatusLine
from edge_runtime.common.redact import redact
from edge_runtime.common.text import make_printable
from edge_runtime.service.notify import Notifier
from edge_runtime.service.unit import TERMINATED
from edge_runtime.types import Command, Reading
from edge_runtime.watch.figures import Figures
from edge_runtime.watch.session import WatchObserver, WatchSession
from edge_runtime.watch.settings import WatchSettings


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


def run_watch(settings: WatchSettings, as_json: bool) -> int:
    """Watch until the source ends or a signal comes; returns the exit code. SIGUSR1 accepts the next stable text."""
    screen = Screen()
    session = WatchSession(settings, screen)
    code = 1
    try:
        with _terminable(), _on_signal(signal.SIGUSR1, lambda: session.send(Command.ACCEPT)), screen.line:
            session.run()
        code = 1 if session.lost else 0
    except KeyboardInterrupt as stop:
        code = TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
    finally:
        if session.hung:  # Python might crash at its end over a thread that hangs in a driver or a library
            atexit.register(os._exit, code)
        if session.figures:
            _print_summary(session.figures, as_json)
    return code


class Screen(WatchObserver):
    """The terminal: a status line, and warnings that stay. Tells systemd that the watch is alive."""

    def __init__(self) -> None:
        self.line = StatusLine()
        self._notifier = Notifier()

    def begin(self) -> None:
        """See WatchObserver.begin."""
        self._notifier.ready()

    def turn(self, figures: Figures, text: str) -> None:
        """See WatchObserver.turn."""
        self._notifier.progress()
        if self.line.due():
            self.line.show(f"{_rates(figures)}  {text.replace(chr(10), ' / ')}")

    def reading(self, reading: Reading) -> None:
        """See WatchObserver.reading: sinks may print."""
        self.line.clear()

    def warn(self, line: str) -> None:
        """Print a warning."""
        self.say(f"warning: {line}")

    def say(self, line: str) -> None:
        """Print a line that stays, from any thread."""
        with suppress(OSError):  # a closed standard error must not end a thread
            self.line.clear()
            click.echo(make_printable(redact(line)), err=True)

    def end(self) -> None:
        """See WatchObserver.end."""
        self._notifier.stopping()


@contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM end the loop as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _on_signal(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something when a signal comes."""
    before = signal.signal(number, lambda number, frame: act() and None)
    try:
        yield
    finally:
        signal.signal(number, before)


def _rates(figures: Figures) -> str:
    text = f"{figures.rate(time.monotonic()):.1f} frames/s, {figures.dropped:,} dropped"
    if latency := figures.latency():
        p50, p90, p99 = (1000 * each for each in latency)
        text += f", capture to reading p50 {p50:.0f} p90 {p90:.0f} p99 {p99:.0f} ms"
    return text


def _print_summary(figures: Figures, as_json: bool) -> None:
    summary = figures.summary(time.monotonic())
    if as_json:
        click.echo(json.dumps({"summary": summary}))
        return
    click.echo(
        f"{summary['frames']:,} frames in {summary['seconds']:.1f} s, {summary['read']:,} of them read, "
        f"{summary['dropped']:,} dropped, {summary['readings']:,} readings",
        err=True,
    )
    if latency := summary["latency_ms"]:
        told = ", ".join(f"{name} {value:.1f} ms" for name, value in latency.items())
        click.echo(f"capture to reading: {told}", err=True)
