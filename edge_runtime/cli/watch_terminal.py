"""`edge-digits watch` on a terminal: status line, summary, signals, and notifications to systemd."""

import atexit
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from edge_runtime.cli.status import StatusLine
from edge_runtime.common.redact import redact
from edge_runtime.common.text import make_printable
from edge_runtime.errors import FAILED, INTERRUPTED, TERMINATED
from edge_runtime.service.notify import Notifier
from edge_runtime.types import Command, Reading
from edge_runtime.watch.session import WatchObserver, WatchSession
from edge_runtime.watch.settings import WatchSettings
from edge_runtime.watch.statistics import WatchStatistics


class _Terminated(KeyboardInterrupt):
    """SIGTERM was received."""


def run_watch(settings: WatchSettings, as_json: bool) -> int:
    """Watch until the source ends or a signal comes; returns the exit code. SIGUSR1 accepts the next stable text."""
    terminal = WatchTerminal()
    session = WatchSession(settings, terminal)
    code = FAILED
    try:
        with _handle_sigterm(), _handle_signal(signal.SIGUSR1, lambda: session.send(Command.ACCEPT)), terminal.line:
            session.run()
        code = FAILED if session.lost else 0
    except KeyboardInterrupt as stop:
        code = TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
    finally:
        if session.hung:  # a thread that hangs in a driver or a library can crash Python at exit
            atexit.register(os._exit, code)
        if session.statistics:
            _print_summary(session.statistics, as_json)
    return code


class WatchTerminal(WatchObserver):
    """Shows a status line and warnings, and notifies systemd that the watch is alive."""

    def __init__(self) -> None:
        self.line = StatusLine()
        self._notifier = Notifier()

    def begin(self) -> None:
        """See WatchObserver.begin."""
        self._notifier.ready()

    def progress(self, statistics: WatchStatistics, text: str) -> None:
        """See WatchObserver.progress."""
        self._notifier.progress()
        if self.line.due():
            self.line.show(f"{_format_rates(statistics)}  {text.replace(chr(10), ' / ')}")

    def reading(self, reading: Reading) -> None:
        """See WatchObserver.reading: sinks may print."""
        self.line.clear()

    def warn(self, line: str) -> None:
        """Print a warning."""
        self.report(f"warning: {line}")

    def report(self, line: str) -> None:
        """Print a line that stays, from any thread."""
        with suppress(OSError):  # a closed standard error must not end a thread
            self.line.print(make_printable(redact(line)))

    def end(self) -> None:
        """See WatchObserver.end."""
        self._notifier.stopping()


@contextmanager
def _handle_sigterm() -> Iterator[None]:
    """Let SIGTERM end the watch as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _handle_signal(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Call `act` when a signal is received."""
    before = signal.signal(number, lambda number, frame: act() and None)
    try:
        yield
    finally:
        signal.signal(number, before)


def _format_rates(statistics: WatchStatistics) -> str:
    text = f"{statistics.rate(time.monotonic()):.1f} frames/s, {statistics.dropped:,} dropped"
    if latency := statistics.latency():
        p50, p90, p99 = (1000 * each for each in latency)
        text += f", capture to reading p50 {p50:.0f} p90 {p90:.0f} p99 {p99:.0f} ms"
    return text


def _print_summary(statistics: WatchStatistics, as_json: bool) -> None:
    summary = statistics.summary(time.monotonic())
    if as_json:
        click.echo(json.dumps({"summary": summary}))
        return
    click.echo(
        f"{summary['frames']:,} frames in {summary['seconds']:.1f} s, {summary['read']:,} of them read, "
        f"{summary['dropped']:,} dropped, {summary['readings']:,} readings",
        err=True,
    )
    if latency := summary["latency_ms"]:
        values = ", ".join(f"{name} {value:.1f} ms" for name, value in latency.items())
        click.echo(f"capture to reading: {values}", err=True)
