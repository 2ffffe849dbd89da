"""OpenCV's VideoCapture as a camera, for devices, RTSP streams and video files; the only file that uses it."""

import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from edge_runtime import limits
from edge_runtime.errors import SourceError, TooLargeError
from edge_runtime.images.files import to_gray
from edge_runtime.sources.live import Shot


class Capture:
    """Implements Camera."""

    def __init__(
        self,
        name: str,
        what: int | str,
        backend: int,
        settings: Sequence[int] = (),
        captured: Callable[[float], float] | None = None,
        video_file: bool = False,
    ) -> None:
        """Open a source of OpenCV; raises SourceError, which shows only `name`.

        settings: pairs of a CAP_PROP and its value, applied at opening. captured: converts CAP_PROP_POS_MSEC of a frame
        to the monotonic seconds of its capture; None: the time of arrival. video_file: that property is the position in
        a video file.
        """
        self._name, self._captured, self._video_file = name, captured, video_file
        self._grabbed = False
        self._capture = cv2.VideoCapture(what, backend, list(settings))
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"{name} cannot be opened")
        self._check(*(int(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_WIDTH)))

    def grab(self) -> Shot | None:
        """See Camera.grab."""
        if not self._capture.grab():
            return None
        now, milliseconds = time.monotonic(), self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if self._captured is not None:
            now = self._captured(milliseconds)
        # It is always 0 in a stream without timestamps.
        position = milliseconds / 1000 if self._video_file and (milliseconds > 0 or not self._grabbed) else None
        self._grabbed = True
        there, pixels = self._capture.retrieve()
        if not there or pixels is None:
            return None
        self._check(*pixels.shape[:2])
        return Shot(to_gray(np.asarray(pixels)), now, position)

    def close(self) -> None:
        """See Camera.close."""
        self._capture.release()

    def _check(self, height: int, width: int) -> None:
        if height * width > limits.FRAME_PIXELS:
            self._capture.release()
            size = f"{width:,} x {height:,}"
            raise TooLargeError(f"{self._name} has {size} pixels; at most {limits.FRAME_PIXELS:,} are decoded")
