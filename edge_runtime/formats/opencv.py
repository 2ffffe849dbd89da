"""Calls OpenCV's decoder, with bytes that a parser has checked or written."""

import cv2
import numpy as np

from edge_runtime.errors import DamagedImageError, TooLargeError
from edge_runtime.formats.encoded import Pixels

# A broken image becomes our error, not a line of OpenCV's on stderr. OpenCV 5 has moved the call.
getattr(getattr(cv2.utils, "logging", cv2), "setLogLevel")(0)  # noqa: B009


def decode(data: bytes, name: str, width: int, height: int, plain: bool) -> Pixels:
    """Decode an image file of one image.

    plain: 8 bits a channel and no alpha, so that OpenCV's own gray will do. Returns uint8 (height, width) if plain,
    else what the file holds. Raises DamagedImageError, also where OpenCV sees another size than the parser.
    """
    flags = cv2.IMREAD_GRAYSCALE if plain else cv2.IMREAD_UNCHANGED
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
