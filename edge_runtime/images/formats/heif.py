"""HEIC and HEIF, decoded by libheif through pi-heif: the only file that imports it.

Only for a process with limits: the header does not show the cost of decoding.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from edge_runtime.common.versions import import_failure
from edge_runtime.errors import DamagedImageError
from edge_runtime.images.formats import EXTRA
from edge_runtime.images.formats.encoded import Encoded, Pixels

try:
    import pi_heif
except Exception as error:
    raise import_failure("HEIC", "pi_heif", "pi-heif", EXTRA, error) from error

# One thread, and only the images: no thumbnails, depth or auxiliary images.
pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False


def images(data: bytes) -> Iterator[Encoded]:
    """Parse a file; yields the primary image first. Raises DamagedImageError."""
    try:
        file = pi_heif.open_heif(data, bgr_mode=True)
        found = [file[file.primary_index], *(image for at, image in enumerate(file) if at != file.primary_index)]
        sizes = [image.size for image in found]
    except Exception as error:  # errors of libheif have many types
        raise DamagedImageError("the HEIC is broken or not supported") from error
    for number, (image, (width, height)) in enumerate(zip(found, sizes, strict=True), 1):
        work = 6 * width * height
        yield Encoded(width, height, work, partial(_decode, image), page=number, pages=len(found), exact=False)


def _decode(image: Any) -> Pixels:
    try:
        return np.asarray(image)
    except MemoryError:
        raise
    except Exception as error:
        raise DamagedImageError("the HEIC is broken: it cannot be decoded") from error
