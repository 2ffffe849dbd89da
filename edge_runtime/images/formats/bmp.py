"""BMP: BITMAPFILEHEADER with a Windows or OS/2 1.x header."""

import struct
from functools import partial

from edge_runtime.errors import DamagedImageError
from edge_runtime.images.formats import opencv
from edge_runtime.images.formats.encoded import Encoded

_OS2 = 12  # bytes of the OS/2 header; those of Windows are longer
_SIZES = (_OS2, 40, 52, 56, 64, 108, 124)
_RGB, _RLE8, _RLE4, _FIELDS = range(4)
_KINDS = {_RGB: (1, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _FIELDS: (16, 32)}  # compression: bits of a pixel


def images(data: bytes) -> tuple[Encoded]:
    """Parse a BMP file; raises InputError, or struct.error if it is truncated."""
    offset, size = struct.unpack_from("<II", data, 10)
    colours = 0
    if size == _OS2:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = _RGB
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        (colours,) = struct.unpack_from("<I", data, 46)
    height = abs(height)  # negative: rows from the top
    if size not in _SIZES or width < 1 or not 1 <= height < 1 << 31 or (size == _OS2 and bits == 16):
        raise DamagedImageError("the BMP is broken: its header is invalid")
    if bits not in _KINDS.get(compression, ()):
        raise DamagedImageError(
            f"the BMP is broken or of a kind that is not supported: {bits} bits, kind {compression}"
        )
    palette = (colours or 1 << bits) * (3 if size == _OS2 else 4) if bits <= 8 else 0
    if (colours > 256 and palette) or offset < 14 + size:
        raise DamagedImageError("the BMP is broken: its palette is invalid")
    packed = (width * bits + 31) // 32 * 4 * height if compression in (_RGB, _FIELDS) else 1
    if max(14 + size + palette, offset + packed) > len(data):
        raise DamagedImageError("the BMP is truncated: its end is missing")
    size, flags = (1, opencv.GRAY) if bits <= 24 else (4, opencv.ALL)
    work = opencv.cost(width * height * size, 8 * width)
    return (Encoded(width, height, work, partial(opencv.decode, data, "BMP", width, height, flags)),)
