"""One run of `edge-digits watch`: source, watch, sinks, terminal and signals, put together."""

import atexit
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TypeVar

import click
import cv2

from edge_runtime.backends import AUTO
from edge_runtime.bundles.bundle import load_bundle, load_lines
from edge_runtime.classifier import Classifier
from edge_runtime.cli.run import INTERRUPTED
from edge_runtime.cli.sinks import Chosen
from edge_runtime.cli.status import StatusLine
from edge_runtime.common.redact import redact
from edge_runtime.common.text import printable
from edge_runtime.diagnostics.selftest import first_working
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.limits import LOOK_SECONDS
from edge_runtime.pipeline import Reader, open_lines
from edge_runtime.service.notify import Notifier
from edge_runtime.service.unit import TERMINATED
from edge_runtime.sinks.fan_out import Sinks
from edge_runtime.sinks.targets import Settings, state_folder
from edge_runtime.sources.opened import open_source
from edge_runtime.sources.pace import paced
from edge_runtime.sources.stored import Stored
from edge_runtime.sources.view import View
from edge_runtime.types import Box, Command, Frame, Gray, Reading
from edge_runtime.watch.figures import Figures
from edge_runtime.watch.hard_cases import HardCases
from edge_runtime.watch.memory import Memory
from edge_runtime.watch.meter import Rules
from edge_runtime.watch.watching import Watch
from edge_runtime.watch.worker import Worker

END_SECONDS = 1.0  # for what is under way to end by itself
SLOW_SECONDS = 5.0  # a frame that takes longer to read is reported
REPEAT_SECONDS = 60.0  # before the same reason is told again
REPORT_SECONDS = 0.5  # between two reports to the sinks

T = TypeVar("T")


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
        state: Path | None = None,
    ) -> None:
        """The arguments are the command's; raises UsageError and FileError for a source that makes no sense."""
        self._screen = _Screen()
        self._camera = open_source(source, self._screen.warn, wait, fps)
        self._view, self._stable, self._rules, self._fps, self._as_json = view, stable, rules, fps, as_json
        # A video or a folder starts at its beginning each time: there is no reading to continue from.
        stored = isinstance(self._camera, Stored)
        self._memory = self._remember(state) if rules.compare and (state or not stored) else None
        self._hard = HardCases(say=self._screen.say, **sinks.hard) if sinks.hard else None
        self._targets = sinks.targets
        self._settings = Settings(as_json=as_json, say=self._screen.say, **sinks.settings)
        self._paused = False
        self._asked: list[Command] = []  # by signals
        self._notifier = Notifier()
        self._worker = Worker()
        self._image: Gray | None = None  # of the newest frame
        self._refused = 0  # refusals that were reported
        self._told: dict[str, float] = {}  # when the last reason was reported, monotonic seconds
        self._reported = float("-inf")  # when the sinks got the status last
        self._slow = False

    def run(self, model: str | None, backend: str, threads: int, seconds: float | None) -> int:
        """Watch until the source ends, `seconds` are over or a signal comes; returns the exit code."""
        code, watching = 1, None
        try:
            with _terminable(), _on_signal(signal.SIGUSR1, lambda: self._asked.append(Command.ACCEPT)):
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
        if backend == AUTO:  # one that crashes on this processor would end the watch when nobody is there
            backend = first_working(bundle, load_lines(), tell=self._screen.warn)
        # The line recogniser at once: its notices come before the status line is in use.
        reader = Reader(Classifier(bundle, backend, threads), lines=open_lines(backend) or False)
        self._sinks = Sinks(self._targets, self._settings)
        last = self._memory.load() if self._memory else None
        return Watch(reader, self._camera.name, self._stable, self._rules, last)

    def _remember(self, state: Path | None) -> Memory | None:
        """Where a meter's last reading is kept; two watches of one camera have a file each, as their parts differ."""
        try:
            if state is None:
                place = f"{self._camera.name} {self._view} {self._rules.digits}"
                digest = hashlib.sha256(place.encode("utf-8", "backslashreplace")).hexdigest()[:12]
                state = state_folder() / f"meter-{digest}.json"
        except OutputError as error:
            self._screen.warn(f"a meter's last reading is not kept: {error}; or name a file with --state")
            return None
        return Memory(state, self._screen.warn)

    def _close(self, watching: Watch, code: int) -> None:
        self._notifier.stopping()
        try:
            self._save(watching)
            self._sinks.close()
        finally:
            idle = self._worker.is_idle(END_SECONDS)
            # A thread hangs in a driver or a library, and Python might fall over it at its end.
            if not self._camera.close() or not idle:
                atexit.register(os._exit, code)
            _tell_summary(watching.figures, self._as_json)

    def _look_on(self, watching: Watch, ends: float) -> None:
        frames = self._camera.frames()
        if isinstance(self._camera, Stored):  # whose next frame may take long to decode; a camera has its own thread
            frames = self._patiently(watching, frames)
        self._notifier.ready()
        for frame in paced(frames, self._fps) if self._fps else frames:
            if frame is not None:
                self._image = self._view.of(frame.image)
                if not self._paused:
                    self._see(watching, frame._replace(image=self._image))
            # A source without a frame yields None: this loop runs while the camera is away, too.
            self._keep_going(watching)
            if time.monotonic() >= ends:
                return

    def _patiently(self, watching: Watch, frames: Iterator[Frame | None]) -> Iterator[Frame | None]:
        """Yield frames that are decoded on the worker's thread."""
        while (frame := self._aside(watching, lambda: next(frames, None), "decoding a frame")) is not None:
            yield frame

    def _keep_going(self, watching: Watch) -> None:
        """What is done in each turn of the loop and while it waits for the worker, the sign of life above all."""
        self._notifier.progress()
        self._obey(watching)
        now, votes = time.monotonic(), watching.votes
        if votes.refused > self._refused:
            self._refused = votes.refused
            if now - self._told.get(votes.problem, float("-inf")) >= REPEAT_SECONDS:
                self._told = {votes.problem: now}
                self._screen.warn(f"no reading: {votes.problem}")
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._sinks.status(self._camera.connected, votes.problem)
        if self._screen.due():
            self._screen.show(f"{_rates(watching.figures)}  {votes.text.replace(chr(10), ' / ')}")

    def _see(self, watching: Watch, frame: Frame) -> None:
        began = time.monotonic()
        seen = self._aside(watching, lambda: watching.see(frame), "reading a frame")
        took = time.monotonic() - began
        if took > SLOW_SECONDS and not self._slow:
            self._slow = True
            hint = "choose the part with the digits with --roi, or let the camera send smaller images"
            self._screen.warn(f"reading a frame took {took:.0f} s: {hint}")
        if seen.reading is not None:
            reading = seen.reading
            self._screen.clear()
            with _undisturbed():  # or some sinks would have it, and others not
                self._aside(watching, lambda: self._write(watching, reading), "writing a reading")
            if self._sinks.pictures:
                self._sinks.picture(frame.image)
        if self._hard and seen.page:
            hard, page = self._hard, seen.page
            self._aside(watching, lambda: hard.look(frame, page), "keeping hard digits")

    def _write(self, watching: Watch, reading: Reading) -> None:
        self._sinks.write(reading)
        self._save(watching)

    def _aside(self, watching: Watch, call: Callable[[], T], what: str) -> T:
        """Do what may take long on the worker's thread while the loop gives signs of life, up to LOOK_SECONDS."""
        return self._worker.run(call, lambda: self._keep_going(watching), LOOK_SECONDS, what)

    def _save(self, watching: Watch) -> None:
        if self._memory and watching.votes.last:
            self._memory.save(watching.votes.last)

    def _obey(self, watching: Watch) -> None:
        """Do what was asked for over the network or by a signal."""
        asked, self._asked = self._asked, []
        for command in [*self._sinks.commands(), *asked]:
            if command is Command.SNAPSHOT:
                if self._image is not None:
                    self._sinks.picture(self._image)
            elif command is Command.ACCEPT:
                watching.accept()
                self._screen.say("the next stable text is accepted")
            else:
                self._paused = command is Command.PAUSE
                self._screen.say("paused" if self._paused else "going on")


def part(text: str) -> Box:
    """Return the part of an image that X,Y,WIDTH,HEIGHT names; raises UsageError."""
    try:
        part = Box(*map(int, text.split(",")))
    except (TypeError, ValueError):
        raise UsageError(f"--roi is X,Y,WIDTH,HEIGHT in pixels, not {text!r}") from None
    if min(part.x, part.y) < 0 or min(part.width, part.height) < 1:
        raise UsageError(f"--roi {text}: x and y are 0 and up, width and height 1 and up")
    return part


class _Screen(StatusLine):
    """The terminal: a status line, and warnings that stay."""

    def warn(self, line: str) -> None:
        """Print a warning."""
        self.say(f"warning: {line}")

    def say(self, line: str) -> None:
        """Print a line that stays, from any thread."""
        with suppress(OSError):  # a closed standard error must not end a thread
            self.clear()
            click.echo(printable(redact(line)), err=True)


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


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay SIGTERM and Ctrl-C until the block is done."""
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
