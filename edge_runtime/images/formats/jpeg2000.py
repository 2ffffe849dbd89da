"""JPEG 2000 (ISO/IEC 15444-1), in the JP2 format or as a bare codestream, decoded by OpenCV's OpenJPEG.

Only for a process with limits: the header does not show the cost of decoding.
"""

import struct
from functools import partial

from edge_runtime.errors import DamagedImageError, NotAnImageError
from edge_runtime.images.formats import boxes, opencv
from edge_runtime.images.formats.encoded import Encoded

_SIZ = struct.Struct(">HHHIIIIIIIIH")  # marker, length, capabilities, grid, offset, tile, tile offset, components
_SAMPLE_BYTES = 6  # bytes for each sample of a component at most, measured


def images(data: bytes) -> tuple[Encoded]:
    """Parse the header; raises InputError, or struct.error if it is truncated."""
    at = 0 if data[:2] == b"\xff\x4f" else boxes.find(data, b"jp2c")
    marker, _, _, right, bottom, left, top, _, _, _, _, components = _SIZ.unpack_from(data, at + 2)
    width, height = right - left, bottom - top
    if data[at : at + 2] != b"\xff\x4f" or marker != 0xFF51 or width < 1 or height < 1:
        raise DamagedImageError("the JPEG 2000 is broken: its header is invalid")
    if components not in (1, 3, 4):
        raise NotAnImageError(f"this is a JPEG 2000 of {components} components, which is not supported: save it as PNG")
    depth = (data[at + 2 + _SIZ.size] & 0x7F) + 1
    flags = opencv.ALL if components == 4 or depth > 8 else opencv.GRAY
    work = width * height * components * _SAMPLE_BYTES
    return (Encoded(width, height, work, partial(opencv.decode, data, "JPEG 2000", width, height, flags), exact=False),)
