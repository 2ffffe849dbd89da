"""A watch: reads the frames of a source, writes readings to sinks and executes commands."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event as StopEvent
from typing import TypeVar

import cv2

from edge_runtime.backends import AUTO
from edge_runtime.bundles.bundle import load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.diagnostics.selftest import find_working_backend
from edge_runtime.errors import OutputError
from edge_runtime.limits import LOOK_SECONDS
from edge_runtime.page_check import open_page_network
from edge_runtime.pipeline import Reader, open_line_recognizer
from edge_runtime.sinks import ReadingSink
from edge_runtime.sinks.group import SinkGroup
from edge_runtime.sinks.targets import state_folder
from edge_runtime.sources.opened import open_source
from edge_runtime.sources.pace import limit_rate
from edge_runtime.sources.stored import Stored
from edge_runtime.types import Command, Frame, Gray, Reading
from edge_runtime.watch.call_thread import CallThread
from edge_runtime.watch.frames import FrameReader
from edge_runtime.watch.hard_cases import HardCases
from edge_runtime.watch.meter_state import MeterState
from edge_runtime.watch.settings import WatchSettings
from edge_runtime.watch.statistics import WatchStatistics

END_SECONDS = 1.0  # for a call in progress to finish
SLOW_SECONDS = 5.0  # a frame that takes longer to read is reported
REPEAT_SECONDS = 60.0  # before the same problem is reported again
REPORT_SECONDS = 0.5  # between two status reports to the sinks

T = TypeVar("T")


class WatchObserver:
    """Follows a watch. Override what you need; each method does nothing here.

    Methods are called on the thread of `WatchSession.run`, except `warn` and `report`, which any thread may call.
    """

    def begin(self) -> None:
        """Called before the first frame is read."""

    def progress(self, statistics: WatchStatistics, text: str) -> None:
        """Called at least four times a second. text: the current reading, rows joined by newline; empty for none."""

    def reading(self, reading: Reading) -> None:
        """Called before a reading is written to the sinks."""

    def warn(self, line: str) -> None:
        """Called with a line when something went wrong; the watch continues."""

    def report(self, line: str) -> None:
        """Called with a line about an event that is not a problem, such as a command."""

    def end(self) -> None:
        """Called before the sinks and the source are closed."""


class WatchSession:
    """Reads the frames of one source until it ends, and writes each reading to all sinks.

    session = WatchSession(WatchSettings(source="0"), sinks={"mine": MySink()})
    session.run()
    """

    def __init__(
        self,
        settings: WatchSettings,
        observer: WatchObserver | None = None,
        sinks: Mapping[str, ReadingSink] | None = None,
    ) -> None:
        """Check the source. sinks: additional open sinks by name; the session closes them.

        Raises UsageError or FileError for an invalid source, and OutputError.
        """
        self.settings = settings
        self.statistics: WatchStatistics | None = None  # None until `run` has loaded the model
        self.hung = False  # after `run`: a thread hangs in a driver or a library and was abandoned
        self._observer = observer or WatchObserver()
        self._own_sinks = dict(sinks or {})
        self._camera = open_source(settings.source, self._observer.warn, settings.wait, settings.fps)
        # A video or a folder starts at its beginning each time, so its last reading is not kept.
        keeps = settings.rules.compare and (settings.state or not isinstance(self._camera, Stored))
        self._meter_state = self._open_meter_state() if keeps else None
        hard = settings.hard
        self._hard = HardCases(hard.folder, self._observer.report, hard.most, hard.below) if hard else None
        self._sinks: SinkGroup | None = None
        self._stop = StopEvent()
        self._paused = False
        self._commands: list[Command] = []  # commands of `send`
        self._calls = CallThread()
        self._image: Gray | None = None  # the newest frame
        self._refusals = 0  # number of refused texts at the last report
        self._refusal_reported: dict[str, float] = {}  # monotonic seconds of the last report, by problem
        self._status_sent = float("-inf")  # monotonic seconds of the last status report to the sinks
        self._slow = False

    @property
    def lost(self) -> int:
        """Number of readings that a sink could not write so far."""
        return self._sinks.lost.total() if self._sinks else 0

    def send(self, command: Command) -> None:
        """Send a command such as Command.ACCEPT; may be called from any thread or a signal handler."""
        self._commands.append(command)

    def stop(self) -> None:
        """End the watch after the current frame; may be called from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Watch until the source ends, `seconds` have passed or `stop` is called; to be called once.

        A camera that fails is opened again indefinitely. Readings that a sink cannot write are lost and counted in
        `lost`. Raises SourceError if the source cannot be opened, OutputError if a sink cannot be opened, ModelError,
        BackendError if reading a frame hangs, and BrokenPipeError if standard output is closed.
        """
        frame_reader: FrameReader | None = None
        try:
            frame_reader = self._prepare()
            self._run_loop(frame_reader)
        finally:
            if frame_reader:  # otherwise nothing is open
                self._close(frame_reader)

    def _prepare(self) -> FrameReader:
        settings, warn = self.settings, self._observer.warn
        cv2.setNumThreads(settings.threads)  # more threads gain nothing on small images and slow down other programs
        bundle, backend = load_bundle(settings.model), settings.backend
        if backend == AUTO:  # a backend that crashes on this processor would end an unattended watch
            backend = find_working_backend(bundle, load_line_bundle(), load_page_bundle(), report=warn)
        # Opened now, so that notices come before the first frame.
        lines, pages = open_line_recognizer(backend) or False, open_page_network(backend) or False
        reader = Reader(Classifier(bundle, backend, settings.threads), lines=lines, pages=pages)
        self._sinks = SinkGroup(
            settings.targets, replace(settings.sinks, report=self._observer.report), self._own_sinks
        )
        last = self._meter_state.load() if self._meter_state else None
        frame_reader = FrameReader(reader, self._camera.name, settings.stable, settings.rules, last)
        self.statistics = frame_reader.statistics
        return frame_reader

    def _open_meter_state(self) -> MeterState | None:
        """Return the state file of a meter; watches of one camera with different views have different files."""
        settings, state = self.settings, self.settings.state
        try:
            if state is None:
                place = f"{self._camera.name} {settings.view} {settings.rules.digits}"
                digest = hashlib.sha256(place.encode("utf-8", "backslashreplace")).hexdigest()[:12]
                state = state_folder() / f"meter-{digest}.json"
        except OutputError as error:
            self._observer.warn(f"the last reading of the meter is not kept: {error}; or name a file with --state")
            return None
        return MeterState(state, self._observer.warn)

    def _close(self, frame_reader: FrameReader) -> None:
        self._observer.end()
        idle = self._calls.is_idle(END_SECONDS)  # a reading in progress is written to all sinks
        try:
            self._save(frame_reader)
            self._sink_group().close()
        finally:
            self.hung = not self._camera.close() or not idle

    def _sink_group(self) -> SinkGroup:
        assert self._sinks is not None  # _prepare
        return self._sinks

    def _run_loop(self, frame_reader: FrameReader) -> None:
        settings, frames = self.settings, self._camera.frames()
        ends = time.monotonic() + (settings.seconds or float("inf"))
        if isinstance(self._camera, Stored):  # decoding its next frame may take long; a camera has its own thread
            frames = self._decode_in_background(frame_reader, frames)
        self._observer.begin()
        for frame in limit_rate(frames, settings.fps) if settings.fps else frames:
            if frame is not None:
                self._image = settings.view.apply(frame.image)
                if not self._paused:
                    self._process_frame(frame_reader, frame._replace(image=self._image))
            # The source yields None while it has no frame, so this runs even without a camera.
            self._update(frame_reader)
            if self._stop.is_set() or time.monotonic() >= ends:
                return

    def _decode_in_background(
        self, frame_reader: FrameReader, frames: Iterator[Frame | None]
    ) -> Iterator[Frame | None]:
        """Yield frames that are decoded in the background."""
        while (
            frame := self._run_in_background(frame_reader, lambda: next(frames, None), "decoding a frame")
        ) is not None:
            yield frame

    def _update(self, frame_reader: FrameReader) -> None:
        """Report progress and problems, and execute commands; called in the loop and while a call runs."""
        now, votes = time.monotonic(), frame_reader.votes
        self._observer.progress(frame_reader.statistics, votes.text)
        self._execute_commands(frame_reader)
        if votes.refused > self._refusals:
            self._refusals = votes.refused
            if now - self._refusal_reported.get(votes.problem, float("-inf")) >= REPEAT_SECONDS:
                self._refusal_reported = {votes.problem: now}
                self._observer.warn(f"no reading: {votes.problem}")
        if now - self._status_sent >= REPORT_SECONDS:
            self._status_sent = now
            self._sink_group().status(self._camera.connected, votes.problem)

    def _process_frame(self, frame_reader: FrameReader, frame: Frame) -> None:
        began = time.monotonic()
        result = self._run_in_background(frame_reader, lambda: frame_reader.process(frame), "reading a frame")
        took = time.monotonic() - began
        if took > SLOW_SECONDS and not self._slow:
            self._slow = True
            hint = "select the part with the digits with --roi, or let the camera send smaller images"
            self._observer.warn(f"reading a frame took {took:.0f} s: {hint}")
        if result.reading is not None:
            reading = result.reading
            self._observer.reading(reading)
            self._run_in_background(frame_reader, lambda: self._write(frame_reader, reading), "writing a reading")
            if self._sink_group().images:
                self._sink_group().send_image(frame.image)
        if self._hard and result.page:
            hard, page = self._hard, result.page
            self._run_in_background(frame_reader, lambda: hard.collect(frame, page), "saving hard digits")

    def _write(self, frame_reader: FrameReader, reading: Reading) -> None:
        self._sink_group().write(reading)
        self._save(frame_reader)

    def _run_in_background(self, frame_reader: FrameReader, call: Callable[[], T], what: str) -> T:
        """Run a call of up to LOOK_SECONDS on the call thread; `_update` is called regularly meanwhile."""
        return self._calls.run(call, lambda: self._update(frame_reader), LOOK_SECONDS, what)

    def _save(self, frame_reader: FrameReader) -> None:
        if self._meter_state and frame_reader.votes.last:
            self._meter_state.save(frame_reader.votes.last)

    def _execute_commands(self, frame_reader: FrameReader) -> None:
        """Execute the commands of sinks and of `send`."""
        commands, self._commands = self._commands, []
        for command in [*self._sink_group().commands(), *commands]:
            if command is Command.SNAPSHOT:
                if self._image is not None:
                    self._sink_group().send_image(self._image)
            elif command is Command.ACCEPT:
                frame_reader.accept()
                self._observer.report("the next stable text is accepted")
            else:
                self._paused = command is Command.PAUSE
                self._observer.report("paused" if self._paused else "resumed")
