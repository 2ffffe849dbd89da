"""AVIF, decoded by libavif through Pillow: the only file that imports Pillow.

OpenCV's decoder needs twice the memory, and builds before 4.12 have none. Only for a process with limits: the header
does not show the cost of decoding.
"""

import io
from functools import partial

import numpy as np

from edge_runtime.common.versions import import_failure
from edge_runtime.errors import DamagedImageError, MissingLibraryError
from edge_runtime.images.formats import EXTRA
from edge_runtime.images.formats.encoded import Encoded, Pixels
from edge_runtime.images.formats.exif import orientation

try:
    from PIL import AvifImagePlugin, Image
except Exception as error:  # versions before 11.3 lack this plugin
    raise import_failure("AVIF", "PIL", "pillow", EXTRA, error) from error
if not AvifImagePlugin.SUPPORTED:
    raise MissingLibraryError("AVIF cannot be used: this pillow has no libavif: pip install --upgrade pillow")

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before decoding


def images(data: bytes) -> tuple[Encoded]:
    """Parse a file; raises DamagedImageError."""
    try:
        file = Image.open(io.BytesIO(data), formats=["AVIF"])
        width, height = file.size
        turn = orientation(file.info.get("exif", b""))
        frames = int(getattr(file, "n_frames", 1))
    except Exception as error:  # errors of libavif have many types
        raise DamagedImageError("the AVIF is broken or not supported") from error
    note = f"animation of {frames} frames: the first was read" if frames > 1 else ""
    return (Encoded(width, height, 9 * width * height, partial(_decode, file), turn, note=note, exact=False),)


def _decode(file: Image.Image) -> Pixels:
    try:
        # Convert to gray in Pillow, because its colour copies are large.
        return np.asarray(file.convert("LA" if file.mode == "RGBA" else "L"))
    except MemoryError:
        raise
    except Exception as error:
        raise DamagedImageError("the AVIF is broken: it cannot be decoded") from error
