"""Call OpenCV's decoder with bytes that a parser has checked or written."""

import cv2
import numpy as np

from edge_runtime.errors import DamagedImageError, TooLargeError
from edge_runtime.images.formats.encoded import Pixels

# Broken images raise our error; OpenCV must not print to stderr. OpenCV 5 has moved this function.
getattr(getattr(cv2.utils, "logging", cv2), "setLogLevel")(0)  # noqa: B009


GRAY = cv2.IMREAD_GRAYSCALE  # uint8, whatever the depth of the file
DEEP = cv2.IMREAD_ANYDEPTH  # gray, with the depth of the file
ALL = cv2.IMREAD_UNCHANGED  # depth and channels as in the file


def cost(size: int, space: int) -> int:
    """Return the maximum memory of `decode` in bytes. size: of the result. space: of the decoder beside it."""
    # The result is copied to a NumPy array after the decoder has freed its memory.
    return size + (space if space > size else size)


def decode(data: bytes | bytearray | memoryview, name: str, width: int, height: int, flags: int) -> Pixels:
    """Decode a file with one image. flags: GRAY, DEEP or ALL.

    Raises TooLargeError, or DamagedImageError, also if OpenCV and the parser find different sizes.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise TooLargeError("there is not enough memory for the image") from error
        raise DamagedImageError(f"the {name} is broken: it cannot be decoded") from error
    if pixels is None:
        raise DamagedImageError(f"the {name} is broken or not supported")
    if pixels.shape[:2] != (height, width):
        raise DamagedImageError(f"the {name} is broken: its decoded size differs from its header")
    return pixels
