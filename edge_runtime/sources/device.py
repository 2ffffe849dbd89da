"""USB cameras and other Video4Linux devices."""

import cv2

from edge_runtime.sources.capture import Capture
from edge_runtime.sources.live import check_timestamp


def open_device(number: int) -> Capture:
    """Open /dev/videoN; raises SourceError."""
    # Few buffers, so few old frames. Some drivers ignore this, and the grabber thread does not rely on it.
    settings = (cv2.CAP_PROP_BUFFERSIZE, 2)
    return Capture(
        f"/dev/video{number}", number, cv2.CAP_V4L2, settings, lambda milliseconds: check_timestamp(milliseconds / 1000)
    )
