"""Calls OpenCV's decoder, with bytes that a parser has checked or written."""

import cv2
import numpy as np

from edge_runtime.errors import DamagedImageError, TooLargeError
from edge_runtime.images.formats.encoded import Pixels

# A broken image becomes our error, not a line of OpenCV's on stderr. OpenCV 5 has moved the call.
getattr(getattr(cv2.utils, "logging", cv2), "setLogLevel")(0)  # noqa: B009


GRAY = cv2.IMREAD_GRAYSCALE  # uint8, whatever the file has
DEEP = cv2.IMREAD_ANYDEPTH  # gray, with the file's depth
ALL = cv2.IMREAD_UNCHANGED  # depth and channels as in the file


def cost(size: int, space: int) -> int:
    """Return the bytes that `decode` takes at most; size: of the result, space: what the decoder takes beside it."""
    # The result is copied into NumPy's array when the decoder is gone.
    return size + (space if space > size else size)


def decode(data: bytes | bytearray | memoryview, name: str, width: int, height: int, flags: int) -> Pixels:
    """Decode a file of one image, as `flags` say: GRAY, DEEP or ALL.

    Raises TooLargeError, or DamagedImageError, also where OpenCV sees another size than the parser.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise TooLargeError("there is not enough memory for the image") from error
        raise DamagedImageError(f"the {name} is broken: it cannot be decoded") from error
    if pixels is None:
        raise DamagedImageError(f"the {name} is broken or of a kind that cannot be decoded")
    if pixels.shape[:2] != (height, width):
        raise DamagedImageError(f"the {name} is broken: it is decoded to another size than its header says")
    return pixels
