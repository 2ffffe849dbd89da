"""A watch from its start to its end: source, watch, sinks, the terminal and the signals, put together."""

import atexit
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

import click
import cv2

from edge_runtime.classifier import Classifier
from edge_runtime.cli.run import INTERRUPTED
from edge_runtime.cli.status import StatusLine
from edge_runtime.errors import UsageError
from edge_runtime.pipeline import Reader
from edge_runtime.sinks import ReadingSink
from edge_runtime.sinks.table import printable
from edge_runtime.sources.opened import open_source
from edge_runtime.sources.pace import paced
from edge_runtime.sources.view import View
from edge_runtime.types import Box, Frame, Reading
from edge_runtime.watch.figures import Figures
from edge_runtime.watch.votes import Rules
from edge_runtime.watch.watching import Watch

TERMINATED = 143  # 128 + SIGTERM, as shells have it


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class Session:
    """One run of `edge-digits watch`."""

    def __init__(
        self, source: str, view: View, stable: int, rules: Rules, fps: float | None, wait: bool, as_json: bool
    ) -> None:
        """The arguments are the command's; raises UsageError and FileError for a source that makes no sense."""
        self._screen = _Screen()
        self._camera = open_source(source, self._screen.warn, wait)
        self._view, self._stable, self._rules, self._fps, self._as_json = view, stable, rules, fps, as_json
        self._sink: ReadingSink = _Lines(sys.stdout, as_json)

    def run(self, model: str | None, backend: str, threads: int, seconds: float | None) -> int:
        """Watch until the source ends, `seconds` are over or a signal comes; returns the exit code."""
        cv2.setNumThreads(threads)  # small pictures gain nothing by more, and other programs lose
        reader = Reader(Classifier(model, backend, threads))
        watching = Watch(reader, self._camera.name, self._stable, self._rules)
        code = 1
        try:
            with _terminable(), self._screen:
                self._look_on(watching, time.monotonic() + (seconds or float("inf")))
            code = 0
        except KeyboardInterrupt as stop:
            code = TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
        finally:
            try:
                self._sink.close()
            finally:
                if not self._camera.close():  # a thread hangs in a driver, and Python might fall over it at its end
                    atexit.register(os._exit, code)
                _tell_summary(watching.figures, self._as_json)
        return code

    def _look_on(self, watching: Watch, ends: float) -> None:
        refused = 0
        frames = self._camera.frames()
        for frame in paced(frames, self._fps) if self._fps else frames:
            if frame is not None:
                self._see(watching, frame)
            if watching.votes.refused > refused:
                refused = watching.votes.refused
                self._screen.warn(f"no reading: {watching.votes.broken}")
            if self._screen.due():
                shown = watching.votes.text.replace("\n", " / ")
                self._screen.show(f"{_rates(watching.figures)}  {shown}")
            if time.monotonic() >= ends:
                return

    def _see(self, watching: Watch, frame: Frame) -> None:
        seen = watching.see(frame._replace(image=self._view.of(frame.image)))
        if seen.reading is not None:
            self._screen.clear()
            self._sink.write(seen.reading)


def part(text: str) -> Box:
    """Return the part of a picture that X,Y,WIDTH,HEIGHT says; raises UsageError."""
    try:
        part = Box(*map(int, text.split(",")))
    except (TypeError, ValueError):
        raise UsageError(f"--roi is X,Y,WIDTH,HEIGHT in pixels, not {text!r}") from None
    if min(part.x, part.y) < 0 or min(part.width, part.height) < 1:
        raise UsageError(f"--roi {text}: x and y are 0 and up, width and height 1 and up")
    return part


class _Screen(StatusLine):
    """The terminal: a line that tells how it goes, and warnings that stay."""

    def warn(self, line: str) -> None:
        """Say what goes wrong."""
        self.clear()
        click.echo(f"warning: {printable(line)}", err=True)


class _Lines:
    """Implements ReadingSink; a line for people, or one of JSON."""

    def __init__(self, stream: TextIO, as_json: bool) -> None:
        self._stream, self._as_json = stream, as_json

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        if self._as_json:
            line = json.dumps(reading._asdict())
        else:
            clock = time.strftime("%H:%M:%S", time.localtime(reading.time))
            shown = reading.text.replace("\n", " / ") or "-"
            line = f"{clock}  {reading.event:<8}{shown:<16}{reading.confidence:>7.1%}  {1000 * reading.age:.0f} ms old"
        self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """See ReadingSink.close."""
        self._stream.flush()


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the loop as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _rates(figures: Figures) -> str:
    text = f"{figures.rate(time.monotonic()):.1f} frames/s, {figures.dropped:,} dropped"
    if latency := figures.latency():
        p50, p90, p99 = (1000 * each for each in latency)
        text += f", capture to reading p50 {p50:.0f} p90 {p90:.0f} p99 {p99:.0f} ms"
    return text


def _tell_summary(figures: Figures, as_json: bool) -> None:
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
