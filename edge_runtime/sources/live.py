"""Live cameras: always the newest frame, despite failures and reconnections.

A thread grabs continuously, so that drivers and networks cannot queue old frames. It opens the camera again after a
failure. A thread that hangs is replaced, as a thread inside a driver cannot be stopped.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from edge_runtime import limits
from edge_runtime.common.redact import redact
from edge_runtime.errors import DamagedImageError, EdgeDigitsError, InputError, NotAnImageError, SourceError
from edge_runtime.types import Frame, Gray

POLL_SECONDS = 0.25  # interval at which a waiting consumer gets None
BACKOFF = (1.0, 5.0)  # seconds before a camera is opened again: first and maximum
SLOWER = 1.5  # factor of this time after each failure
OLD_SECONDS = 10.0  # an older timestamp is invalid
QUIET_SECONDS = 300.0  # before the same failure is reported again
END_SECONDS = 1.0  # for the thread to finish


class Shot(NamedTuple):
    """An image of a camera."""

    image: Gray  # (height, width)
    time: float  # monotonic seconds of its capture
    position: float | None = None  # seconds from the start of a video file


def check_timestamp(timestamp: float) -> float:
    """Return a driver's timestamp of a new image, or the current time if the timestamp is not monotonic seconds."""
    now = time.monotonic()
    return timestamp if 0 <= now - timestamp < OLD_SECONDS else now


class Camera(Protocol):
    """An open camera. One thread opens, grabs and closes it."""

    def grab(self) -> Shot | None:
        """Wait for the next image; None at the end.

        Raises SourceError if the camera fails, and DamagedImageError or NotAnImageError if only this image is broken.
        """

    def close(self) -> None:
        """Close the camera."""


class Live:
    """Implements Source for any camera; for one consumer."""

    def __init__(
        self,
        name: str,
        open_camera: Callable[[], Camera],
        report: Callable[[str], None] = lambda line: None,
        wait: bool = False,
        private: bool = False,
    ) -> None:
        """open_camera: opens the camera or raises SourceError; called again after each failure.

        report: called with a line, without secrets, for each problem. wait: wait for a camera that cannot be opened the
        first time. private: messages of libraries may contain a password, so only the kinds of their errors are
        reported.
        """
        self.name = name
        self.reconnected = 0  # number of reconnections
        self.broken = 0  # number of images that could not be decoded
        self._open, self._report, self._wait, self._private = open_camera, report, wait, private
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self.notices: deque[str] = deque(maxlen=20)
        self._last_report = ("", 0.0)  # the last failure that was reported, and when
        self._broken_reported = float("-inf")  # when broken images were reported last
        self._came = time.monotonic()  # when the last image arrived, or this object was created
        self._number = 0
        self._opened = 0
        self._error: EdgeDigitsError | None = None
        self._closed = False
        self._hung: list[_Grabber] = []
        self._grabber: _Grabber | None = None

    def frames(self) -> Iterator[Frame | None]:
        """See Source.frames; does not end before `close`."""
        self._start_grabber()
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._error or self._closed, POLL_SECONDS)
                frame, self._newest = self._newest, None
                error = self._error
            while self.notices:
                self._report(self.notices.popleft())
            if error is not None and frame is None:
                raise error
            if frame is None:
                self._replace_hung_grabber()
            yield frame

    def close(self) -> bool:
        """See Source.close."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        ends = time.monotonic() + END_SECONDS
        threads = [each for each in (self._grabber, *self._hung) if each is not None]
        for thread in threads:
            thread.stopped.set()
        for thread in threads:
            with suppress(RuntimeError):  # not started: a signal came before that
                thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    @property
    def connected(self) -> bool:
        """See Source.connected; False if no image has arrived for READ_SECONDS."""
        return time.monotonic() - self._came < limits.READ_SECONDS

    @property
    def hung(self) -> int:
        """Number of threads that hang in the camera."""
        self._hung = [each for each in self._hung if each.is_alive()]
        return len(self._hung)

    def _replace_hung_grabber(self) -> None:
        """Replace a grabber that hangs."""
        grabber = self._grabber
        if grabber is None or time.monotonic() < grabber.due:
            return
        grabber.stopped.set()
        self._hung.append(grabber)
        if self.hung >= limits.HUNG:
            raise SourceError(f"{self.name} has hung {self.hung} times without recovering: restart the watch")
        self._report(f"{self.name} hangs: opening it again")
        self._start_grabber()

    def _start_grabber(self) -> None:
        with self._changed:
            self._grabber = _Grabber(self)
        self._grabber.start()

    # Called by the grabber

    def open_camera(self) -> Camera:
        """Open the camera and count it."""
        camera = self._open()
        self._opened += 1
        self.reconnected = self._opened - 1
        return camera

    def take_shot(self, grabber: "_Grabber", shot: Shot) -> None:
        """Make an image the newest frame."""
        with self._changed:
            if grabber is self._grabber:
                self._newest = Frame(shot.image, shot.time, self._number)
                self._number += 1
                self._came = time.monotonic()
                self._changed.notify_all()
                if self._last_report[0]:
                    self._last_report = ("", 0.0)
                    self.notices.append(f"{self.name} is back")

    def note_failure(self, grabber: "_Grabber", error: Exception, pause: float) -> bool:
        """Note a failure of the camera; returns False if it ends the source or the grabber was replaced."""
        reason = (
            str(error) if isinstance(error, EdgeDigitsError) else f"{self.name} failed: {self.explain_error(error)}"
        )
        with self._changed:
            if grabber is not self._grabber:
                return False
            if not self._opened and not self._wait:
                if isinstance(error, EdgeDigitsError):
                    self._error = error
                else:
                    self._error = SourceError(reason)
                    self._error.__cause__ = None if self._private else error
                self._changed.notify_all()
                return False
        now = time.monotonic()
        if reason != self._last_report[0] or now - self._last_report[1] >= QUIET_SECONDS:
            self._last_report = (reason, now)
            self.notices.append(f"{reason}; trying again in {pause:.1f} s")
        return True

    def note_broken_image(self, error: InputError) -> None:
        """Note an image that cannot be decoded."""
        self.broken += 1
        now = time.monotonic()
        if now - self._broken_reported >= QUIET_SECONDS:
            self._broken_reported = now
            self.notices.append(f"{self.name} sends broken images, {self.broken:,} so far: {error}")

    def explain_error(self, error: Exception) -> str:
        """Return kind and message of an error, without secrets."""
        kind = type(error).__name__
        return kind if self._private or not str(error) else redact(" ".join(f"{kind}: {error}".split()))


class _Grabber(threading.Thread):
    """Opens the camera and grabs images until it is stopped or, if it hangs, replaced."""

    def __init__(self, live: Live) -> None:
        super().__init__(daemon=True, name="grabber")
        self._live = live
        self.stopped = threading.Event()
        self.due = 0.0  # monotonic seconds: it hangs if there is no progress by then
        self._set_deadline(limits.OPEN_SECONDS)

    def _set_deadline(self, allowed: float) -> None:
        self.due = time.monotonic() + allowed + limits.HANG_SECONDS

    def run(self) -> None:
        pause = BACKOFF[0]
        while not self.stopped.is_set():
            camera = None
            error: Exception = SourceError(f"{self._live.name} has ended")
            try:
                self._set_deadline(limits.OPEN_SECONDS)
                camera = self._live.open_camera()
                self._set_deadline(limits.READ_SECONDS)
                while not self.stopped.is_set() and (shot := self._grab(camera)) is not None:
                    self._live.take_shot(self, shot)
                    self._set_deadline(limits.READ_SECONDS)
                    pause = BACKOFF[0]
            except Exception as found:
                error = found
            finally:
                if camera is not None:
                    self._close(camera)
            self._set_deadline(pause)
            if self.stopped.is_set() or not self._live.note_failure(self, error, pause) or self.stopped.wait(pause):
                return
            pause = min(BACKOFF[1], pause * SLOWER)

    def _grab(self, camera: Camera) -> Shot | None:
        """Return the next image that can be decoded; raises SourceError if there is none for READ_SECONDS."""
        ends = time.monotonic() + limits.READ_SECONDS
        while True:
            try:
                return camera.grab()
            except (DamagedImageError, NotAnImageError) as error:
                self._live.note_broken_image(error)
                if time.monotonic() >= ends or self.stopped.is_set():
                    raise SourceError(f"{self._live.name} sends no image that can be decoded: {error}") from None
                self._set_deadline(limits.READ_SECONDS)

    def _close(self, camera: Camera) -> None:
        self._set_deadline(limits.READ_SECONDS)
        try:
            camera.close()
        except Exception as error:
            self._live.notices.append(f"{self._live.name} could not be closed: {self._live.explain_error(error)}")
