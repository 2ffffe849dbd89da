"""Cameras at USB and such, through Video4Linux."""

import time

import cv2

from edge_runtime.sources.capture import Capture

OLD = 10.0  # seconds: a driver's time that is further off is of another clock


def open_device(number: int) -> Capture:
    """Open /dev/videoN; raises SourceError."""
    # What is not in its buffers cannot be old. Not every driver listens: the thread that grabs does not rely on it.
    return Capture(f"/dev/video{number}", number, cv2.CAP_V4L2, (cv2.CAP_PROP_BUFFERSIZE, 2), _captured)


def _captured(milliseconds: float) -> float:
    """The driver's own time of a picture, which is of the monotonic clock with nearly all; else now."""
    now, told = time.monotonic(), milliseconds / 1000
    return told if 0 <= now - told < OLD else now
