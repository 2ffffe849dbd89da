"""Cameras at USB and such, through Video4Linux."""

import cv2

from edge_runtime.sources.capture import Capture
from edge_runtime.sources.live import plausible


def open_device(number: int) -> Capture:
    """Open /dev/videoN; raises SourceError."""
    # What is not in its buffers cannot be old. Not every driver listens: the thread that grabs does not rely on it.
    settings = (cv2.CAP_PROP_BUFFERSIZE, 2)
    return Capture(f"/dev/video{number}", number, cv2.CAP_V4L2, settings, lambda told: plausible(told / 1000))
