"""USB cameras and others of Video4Linux."""

import cv2

from edge_runtime.sources.capture import Capture
from edge_runtime.sources.live import check_timestamp


def open_device(number: int) -> Capture:
    """Open /dev/videoN; raises SourceError."""
    # Few buffers, few old frames. Not every driver honours this: the thread that grabs does not rely on it.
    settings = (cv2.CAP_PROP_BUFFERSIZE, 2)
    return Capture(
        f"/dev/video{number}", number, cv2.CAP_V4L2, settings, lambda milliseconds: check_timestamp(milliseconds / 1000)
    )
