"""Network cameras over RTSP."""

import cv2

from edge_runtime import limits
from edge_runtime.sources.capture import Capture


def open_stream(url: str, name: str) -> Capture:
    """Open an address; raises SourceError, which shows `name` instead of the address."""
    settings = (
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * limits.OPEN_SECONDS)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(1000 * limits.READ_SECONDS)),
        # Each thread of the decoder would delay one frame.
        *(cv2.CAP_PROP_N_THREADS, 1),
    )
    return Capture(name, url, cv2.CAP_FFMPEG, settings)
