"""Video files."""

import os
from pathlib import Path

import cv2

from edge_runtime.errors import FileError, NotAnImageError, SourceError
from edge_runtime.sources.capture import Capture


def open_video(path: Path) -> Capture:
    """Open a video file; raises FileError if it is missing, and NotAnImageError if FFmpeg cannot decode it."""
    if not path.is_file():
        raise FileError(f"there is no file {path}" if not path.exists() else f"{path} is not a regular file")
    if not os.access(path, os.R_OK):
        raise FileError(f"{path} cannot be read: permission denied")
    try:
        # With `file:`, as FFmpeg takes a path with a colon for an address.
        return Capture(str(path), f"file:{path.resolve()}", cv2.CAP_FFMPEG, video_file=True)
    except SourceError:
        raise NotAnImageError(f"{path} is not a video that can be decoded") from None
