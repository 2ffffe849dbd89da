"""A watch from its start to its end: source, watch, sinks, the terminal and the signals, put together."""

import atexit
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click
import cv2

from edge_runtime.backends import AUTO
from edge_runtime.bundle import load_bundle, load_lines
from edge_runtime.classifier import Classifier
from edge_runtime.cli.run import INTERRUPTED
from edge_runtime.cli.sinks import Chosen
from edge_runtime.cli.status import StatusLine
from edge_runtime.errors import UsageError
from edge_runtime.pipeline import Reader, open_lines
from edge_runtime.redact import redact
from edge_runtime.selftest import first_working
from edge_runtime.service.notify import Notifier
from edge_runtime.service.unit import TERMINATED
from edge_runtime.sinks.hard import HardCases
from edge_runtime.sinks.readings.sinks import Sinks
from edge_runtime.sinks.readings.targets import Settings
from edge_runtime.sinks.table import printable
from edge_runtime.sources.opened import open_source
from edge_runtime.sources.pace import paced
from edge_runtime.sources.view import View
from edge_runtime.types import Box, Command, Frame, Gray
from edge_runtime.watch.figures import Figures
from edge_runtime.watch.votes import Rules
from edge_runtime.watch.watching import Watch


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class Session:
    """One run of `edge-digits watch`."""

    def __init__(
        self,
        source: str,
        view: View,
        stable: int,
        rules: Rules,
        fps: float | None,
        wait: bool,
        as_json: bool,
        sinks: Chosen,
    ) -> None:
        """The arguments are the command's; raises UsageError and FileError for a source that makes no sense."""
        self._screen = _Screen()
        self._camera = open_source(source, self._screen.warn, wait)
        self._view, self._stable, self._rules, self._fps, self._as_json = view, stable, rules, fps, as_json
        self._hard = HardCases(say=self._screen.say, **sinks.hard) if sinks.hard else None
        self._targets = sinks.targets
        self._settings = Settings(as_json=as_json, say=self._screen.say, **sinks.settings)
        self._paused = False
        self._notifier = Notifier()

    def run(self, model: str | None, backend: str, threads: int, seconds: float | None) -> int:
        """Watch until the source ends, `seconds` are over or a signal comes; returns the exit code."""
        code, watching = 1, None
        try:
            with _terminable():
                watching = self._prepare(model, backend, threads)
                with self._screen:
                    self._look_on(watching, time.monotonic() + (seconds or float("inf")))
            code = 0
        except KeyboardInterrupt as stop:
            code = TERMINATED if isinstance(stop, _Terminated) else INTERRUPTED
        finally:
            if watching:  # what never began has nothing to close
                self._close(watching, code)
        return code or (1 if self._sinks.lost else 0)

    def _prepare(self, model: str | None, backend: str, threads: int) -> Watch:
        cv2.setNumThreads(threads)  # small pictures gain nothing by more, and other programs lose
        bundle = load_bundle(model)
        if backend == AUTO:  # whoever is not there to see a watch fail has one that cannot crash on this processor
            backend = first_working(bundle, load_lines(), tell=self._screen.warn)
        # The network for lines at once: what there is to notice is noticed before the screen is in use.
        reader = Reader(Classifier(bundle, backend, threads), lines=open_lines(backend) or False)
        self._sinks = Sinks(self._targets, self._settings)
        return Watch(reader, self._camera.name, self._stable, self._rules)

    def _close(self, watching: Watch, code: int) -> None:
        self._notifier.stopping()
        try:
            self._sinks.close()
        finally:
            if not self._camera.close():  # a thread hangs in a driver, and Python might fall over it at its end
                atexit.register(os._exit, code)
            _tell_summary(watching.figures, self._as_json)

    def _look_on(self, watching: Watch, ends: float) -> None:
        refused = 0
        image: Gray | None = None  # of the newest frame
        frames = self._camera.frames()
        self._notifier.ready()
        for frame in paced(frames, self._fps) if self._fps else frames:
            if frame is not None:
                image = self._view.of(frame.image)
                if not self._paused:
                    self._see(watching, frame._replace(image=image))
            self._obey(image)
            # A source that has no frame says so: this loop goes round while its camera is away, and at no other time.
            self._notifier.progress()
            if watching.votes.refused > refused:
                refused = watching.votes.refused
                self._screen.warn(f"no reading: {watching.votes.broken}")
            if self._screen.due():
                shown = watching.votes.text.replace("\n", " / ")
                self._screen.show(f"{_rates(watching.figures)}  {shown}")
            if time.monotonic() >= ends:
                return

    def _see(self, watching: Watch, frame: Frame) -> None:
        seen = watching.see(frame)
        if seen.reading is not None:
            self._screen.clear()
            with _undisturbed():  # or some sinks would have it, and others not
                self._sinks.write(seen.reading)
            if self._sinks.pictures:
                self._sinks.picture(frame.image)
        if self._hard and seen.page:
            self._hard.look(frame, seen.page)

    def _obey(self, image: Gray | None) -> None:
        """Do what was asked for from afar."""
        for command in self._sinks.commands():
            if command is Command.SNAPSHOT and image is not None:
                self._sinks.picture(image)
            elif command is not Command.SNAPSHOT:
                self._paused = command is Command.PAUSE
                self._screen.say("paused" if self._paused else "going on")


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
        self.say(f"warning: {line}")

    def say(self, line: str) -> None:
        """Say something that stays, from any thread."""
        with suppress(OSError):  # nobody reads it any more: no reason to end a thread
            self.clear()
            click.echo(printable(redact(line)), err=True)


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


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C wait until the block is done."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


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
