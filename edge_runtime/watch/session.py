"""A watch as an object: source, reader, votes and sinks, put together."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from threading import Event as Flag
from typing import TypeVar

import cv2

from edge_runtime.backends import AUTO
from edge_runtime.bundles.bundle import load_bundle, load_line_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.diagnostics.selftest import find_working_backend
from edge_runtime.errors import OutputError
from edge_runtime.limits import LOOK_SECONDS
from edge_runtime.pipeline import Reader, open_line_recognizer
from edge_runtime.sinks import ReadingSink
from edge_runtime.sinks.fan_out import Sinks
from edge_runtime.sinks.targets import state_folder
from edge_runtime.sources.opened import open_source
from edge_runtime.sources.pace import paced
from edge_runtime.sources.stored import Stored
from edge_runtime.types import Command, Frame, Gray, Reading
from edge_runtime.watch.figures import Figures
from edge_runtime.watch.hard_cases import HardCases
from edge_runtime.watch.memory import Memory
from edge_runtime.watch.settings import WatchSettings
from edge_runtime.watch.watching import Watch
from edge_runtime.watch.worker import Worker

END_SECONDS = 1.0  # for what is under way to end by itself
SLOW_SECONDS = 5.0  # a frame that takes longer to read is reported
REPEAT_SECONDS = 60.0  # before the same reason is reported again
REPORT_SECONDS = 0.5  # between two reports to the sinks

T = TypeVar("T")


class WatchObserver:
    """Follows a watch. Override what you need; each method does nothing here.

    Methods are called on the thread of `WatchSession.run`, except `warn` and `say`, which any thread may call.
    """

    def begin(self) -> None:
        """The source is open and frames are about to be read."""

    def turn(self, figures: Figures, text: str) -> None:
        """The watch is alive: at least four times a second. text: of the reading that holds, rows joined by newline."""

    def reading(self, reading: Reading) -> None:
        """A reading is about to be written to the sinks."""

    def warn(self, line: str) -> None:
        """Something went wrong, and the watch continues."""

    def say(self, line: str) -> None:
        """Something happened that is no fault, such as a command."""

    def end(self) -> None:
        """The watch is about to close its sinks and source."""


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
        """Open the source. sinks: further ones by name, which the session closes.

        Raises UsageError and FileError for a source that makes no sense, and OutputError.
        """
        self.settings = settings
        self.figures: Figures | None = None  # what was counted; None before the first frame
        self.hung = False  # at its end, a thread hung in a driver or a library and was abandoned
        self._observer = observer or WatchObserver()
        self._own_sinks = dict(sinks or {})
        self._camera = open_source(settings.source, self._observer.warn, settings.wait, settings.fps)
        # A video or a folder starts at its beginning each time: there is no reading to continue from.
        keeps = settings.rules.compare and (settings.state or not isinstance(self._camera, Stored))
        self._memory = self._open_memory() if keeps else None
        hard = settings.hard
        self._hard = HardCases(hard.folder, self._observer.say, hard.most, hard.below) if hard else None
        self._sinks: Sinks | None = None
        self._stop = Flag()
        self._paused = False
        self._asked: list[Command] = []  # by `send`
        self._worker = Worker()
        self._image: Gray | None = None  # of the newest frame
        self._refused = 0  # refusals that were reported
        self._told: dict[str, float] = {}  # when the last reason was reported, monotonic seconds
        self._reported = float("-inf")  # when the sinks got the status last
        self._slow = False

    @property
    def lost(self) -> int:
        """Readings that a sink could not take, so far."""
        return self._sinks.lost.total() if self._sinks else 0

    def send(self, command: Command) -> None:
        """Ask for something, such as Command.ACCEPT; from any thread or a signal handler."""
        self._asked.append(command)

    def stop(self) -> None:
        """End the watch after the frame that is being read; from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Watch until the source ends, `seconds` are over or `stop` is called; once.

        A camera that fails is opened again without end, and a sink that fails loses its readings, which `lost` counts.
        Raises SourceError where the source cannot be opened, OutputError where a sink cannot be, ModelError,
        BackendError where a frame is never read, and BrokenPipeError where standard output is closed.
        """
        watching: Watch | None = None
        try:
            watching = self._prepare()
            self._look_on(watching)
        finally:
            if watching:  # what never began has nothing to close
                self._close(watching)

    def _prepare(self) -> Watch:
        settings, warn = self.settings, self._observer.warn
        cv2.setNumThreads(settings.threads)  # more threads gain nothing on small images, and slow other programs down
        bundle, backend = load_bundle(settings.model), settings.backend
        if backend == AUTO:  # one that crashes on this processor would end a watch that nobody attends
            backend = find_working_backend(bundle, load_line_bundle(), report=warn)
        # The line recogniser at once: its notices come before the first frame.
        reader = Reader(Classifier(bundle, backend, settings.threads), lines=open_line_recognizer(backend) or False)
        self._sinks = Sinks(settings.targets, replace(settings.sinks, say=self._observer.say), self._own_sinks)
        last = self._memory.load() if self._memory else None
        watching = Watch(reader, self._camera.name, settings.stable, settings.rules, last)
        self.figures = watching.figures
        return watching

    def _open_memory(self) -> Memory | None:
        """Where a meter's last reading is kept; two watches of one camera have a file each, as their views differ."""
        settings, state = self.settings, self.settings.state
        try:
            if state is None:
                place = f"{self._camera.name} {settings.view} {settings.rules.digits}"
                digest = hashlib.sha256(place.encode("utf-8", "backslashreplace")).hexdigest()[:12]
                state = state_folder() / f"meter-{digest}.json"
        except OutputError as error:
            self._observer.warn(f"a meter's last reading is not kept: {error}; or name a file with --state")
            return None
        return Memory(state, self._observer.warn)

    def _close(self, watching: Watch) -> None:
        self._observer.end()
        idle = self._worker.is_idle(END_SECONDS)  # a reading that is being written goes to all sinks
        try:
            self._save(watching)
            self._opened().close()
        finally:
            self.hung = not self._camera.close() or not idle

    def _opened(self) -> Sinks:
        assert self._sinks is not None  # _prepare
        return self._sinks

    def _look_on(self, watching: Watch) -> None:
        settings, frames = self.settings, self._camera.frames()
        ends = time.monotonic() + (settings.seconds or float("inf"))
        if isinstance(self._camera, Stored):  # whose next frame may take long to decode; a camera has its own thread
            frames = self._patiently(watching, frames)
        self._observer.begin()
        for frame in paced(frames, settings.fps) if settings.fps else frames:
            if frame is not None:
                self._image = settings.view.of(frame.image)
                if not self._paused:
                    self._see(watching, frame._replace(image=self._image))
            # A source without a frame yields None: this loop runs while the camera is away, too.
            self._keep_going(watching)
            if self._stop.is_set() or time.monotonic() >= ends:
                return

    def _patiently(self, watching: Watch, frames: Iterator[Frame | None]) -> Iterator[Frame | None]:
        """Yield frames that are decoded on the worker's thread."""
        while (frame := self._aside(watching, lambda: next(frames, None), "decoding a frame")) is not None:
            yield frame

    def _keep_going(self, watching: Watch) -> None:
        """What is done in each turn of the loop and while it waits for the worker."""
        now, votes = time.monotonic(), watching.votes
        self._observer.turn(watching.figures, votes.text)
        self._obey(watching)
        if votes.refused > self._refused:
            self._refused = votes.refused
            if now - self._told.get(votes.problem, float("-inf")) >= REPEAT_SECONDS:
                self._told = {votes.problem: now}
                self._observer.warn(f"no reading: {votes.problem}")
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._opened().status(self._camera.connected, votes.problem)

    def _see(self, watching: Watch, frame: Frame) -> None:
        began = time.monotonic()
        seen = self._aside(watching, lambda: watching.see(frame), "reading a frame")
        took = time.monotonic() - began
        if took > SLOW_SECONDS and not self._slow:
            self._slow = True
            hint = "choose the part with the digits with --roi, or let the camera send smaller images"
            self._observer.warn(f"reading a frame took {took:.0f} s: {hint}")
        if seen.reading is not None:
            reading = seen.reading
            self._observer.reading(reading)
            self._aside(watching, lambda: self._write(watching, reading), "writing a reading")
            if self._opened().pictures:
                self._opened().picture(frame.image)
        if self._hard and seen.page:
            hard, page = self._hard, seen.page
            self._aside(watching, lambda: hard.look(frame, page), "keeping hard digits")

    def _write(self, watching: Watch, reading: Reading) -> None:
        self._opened().write(reading)
        self._save(watching)

    def _aside(self, watching: Watch, call: Callable[[], T], what: str) -> T:
        """Do what may take long on the worker's thread while the loop gives signs of life, up to LOOK_SECONDS."""
        return self._worker.run(call, lambda: self._keep_going(watching), LOOK_SECONDS, what)

    def _save(self, watching: Watch) -> None:
        if self._memory and watching.votes.last:
            self._memory.save(watching.votes.last)

    def _obey(self, watching: Watch) -> None:
        """Do what was asked for over the network or by `send`."""
        asked, self._asked = self._asked, []
        for command in [*self._opened().commands(), *asked]:
            if command is Command.SNAPSHOT:
                if self._image is not None:
                    self._opened().picture(self._image)
            elif command is Command.ACCEPT:
                watching.accept()
                self._observer.say("the next stable text is accepted")
            else:
                self._paused = command is Command.PAUSE
                self._observer.say("paused" if self._paused else "going on")
