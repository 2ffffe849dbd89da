"""JPEG (ITU-T T.81): baseline, extended and progressive, Huffman-coded, 8 bits.

OpenCV gets the file without comments and application data, except those of JFIF and Adobe, which define the meaning of
the components. Everything else is checked up to the end marker; data after it (a video, a second image) is dropped.
"""

import re
import struct
from functools import partial
from typing import NamedTuple

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, NotAnImageError, TooLargeError
from edge_runtime.images.formats import opencv
from edge_runtime.images.formats.encoded import Encoded
from edge_runtime.images.formats.exif import BYTES, orientation

_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker in coded data that is neither stuffing nor restart
_FILL = re.compile(rb"\xff+")  # any number of fill bytes may precede a marker
_LENGTH, _FRAME = struct.Struct(">H"), struct.Struct(">HBHHB")
_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_TABLES = frozenset((0xC4, 0xDB, 0xDD))  # Huffman tables, quantisation tables, restart interval
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_BLOCK_BYTES = 128  # bytes of the coefficients of 8x8 samples, which libjpeg keeps for several scans


class Stream(NamedTuple):
    """The checked contents of the markers of a JPEG stream."""

    width: int
    height: int
    components: int
    blocks: int  # of 8x8 samples, in all components
    progressive: bool
    scans: int
    kept: list[tuple[int, int]]  # parts for OpenCV: start and end
    end: int  # offset after the end marker
    orientation: int

    @property
    def work(self) -> int:
        """Memory of libjpeg in bytes beside the pixels: rows of all components, and coefficients if it keeps them."""
        rows = 64 * self.components * (self.width + 64)
        return rows + (_BLOCK_BYTES * self.blocks if self.progressive or self.scans > 1 else 0)


def images(data: bytes) -> tuple[Encoded]:
    """Parse a JPEG file; raises InputError, or IndexError or struct.error if it is truncated."""
    stream = read(data, limits.JPEG_SEGMENTS)
    width, height = stream.width, stream.height
    copied = 0
    if stream.kept != [(0, len(data))]:
        data = b"".join(data[start:end] for start, end in stream.kept)
        copied = len(data)
    work = opencv.cost(width * height, stream.work) + copied
    decode = partial(opencv.decode, data, "JPEG", width, height, opencv.GRAY)
    isolate = data if stream.progressive and len(data) > limits.PROGRESSIVE_BYTES else b""
    return (Encoded(width, height, work, decode, stream.orientation, exact=False, isolate=isolate),)


def read(data: bytes, most: int, tables_only: bool = False) -> Stream:
    """Check the markers of a stream from start to end.

    most: maximum number of segments. tables_only: the stream has no image, like JPEGTables of a TIFF.
    Raises InputError, IndexError or struct.error.
    """
    if data[:2] != b"\xff\xd8":
        raise DamagedImageError("the JPEG is broken: it does not begin with a marker")
    kept, at, segments = [(0, 2)], 2, 0
    width = height = blocks = components = scans = 0
    progressive, whole, turn = False, False, 0
    while True:
        start = at
        fill = _FILL.match(data, at)
        if fill is None:
            raise DamagedImageError("the JPEG is broken: a marker is missing")
        marker, at = data[fill.end()], fill.end() + 1
        if marker == _EOI:
            _keep(kept, start, at)
            break
        segments += 1
        if segments > most:
            raise TooLargeError(f"the JPEG has more than {most:,} segments")
        (length,) = _LENGTH.unpack_from(data, at)
        end = at + length
        if length < 2 or end > len(data):
            raise DamagedImageError("the JPEG is truncated or broken: a segment is longer than the file")
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            if blocks or scans or tables_only:
                raise DamagedImageError("the JPEG is broken: it has two frame headers")
            progressive = marker == _PROGRESSIVE
            width, height, components, blocks = _frame(data, at, length)
        elif marker == _SOS:
            if not blocks or length != 6 + 2 * data[at + 2] or not 1 <= data[at + 2] <= components:
                raise DamagedImageError("the JPEG is broken: a scan is invalid")
            scans += 1
            found = _END_OF_SCAN.search(data, end)
            if found is None:
                raise DamagedImageError("the JPEG is truncated: its end is missing")
            end = found.start()
            if not progressive and (scans > components or (scans == 2 and whole)):
                raise DamagedImageError("the JPEG is broken: it has more scans than components")
            whole = data[at + 2] == components
            if scans > limits.JPEG_SCANS:
                raise TooLargeError(f"the JPEG has more than {limits.JPEG_SCANS} scans")
        elif _APP0 <= marker <= 0xEF or marker == _COM:
            if marker == _APP1 and not turn and data[at + 2 : at + 8] == b"Exif\0\0":
                turn = orientation(data[at + 2 : at + 2 + min(length - 2, BYTES)])
            named = data[at + 2 : at + 7]
            if not (marker == _APP0 and named == b"JFIF\0") and not (marker == _APP14 and named == b"Adobe"):
                at = end
                continue
        elif marker not in _TABLES:
            _refuse(marker)
        _keep(kept, start, end)
        at = end
    if not tables_only and not scans:
        raise DamagedImageError("the JPEG is truncated or broken: it has no pixels")
    return Stream(width, height, components, blocks, progressive, scans, kept, at, turn or 1)


def _keep(kept: list[tuple[int, int]], start: int, end: int) -> None:
    if kept[-1][1] == start:
        kept[-1] = (kept[-1][0], end)
    else:
        kept.append((start, end))


def _frame(data: bytes, at: int, length: int) -> tuple[int, int, int, int]:
    """Return width, height, components and blocks of a frame header."""
    _, depth, height, width, components = _FRAME.unpack_from(data, at)
    if depth != 8:
        raise NotAnImageError(f"this is a JPEG of {depth} bits, which is not supported: save it with 8 bits or as PNG")
    if not width or not height or components not in (1, 3, 4) or length != 8 + 3 * components:
        raise DamagedImageError("the JPEG is broken: its frame header is invalid")
    factors = [divmod(data[place], 16) for place in range(at + 9, at + 8 + 3 * components, 3)]
    if not all(1 <= across <= 4 and 1 <= down <= 4 for across, down in factors):
        raise DamagedImageError("the JPEG is broken: its sampling factors are invalid")
    widest, tallest = (max(each) for each in zip(*factors, strict=True))
    columns, rows = -(-width // (8 * widest)), -(-height // (8 * tallest))
    return width, height, components, sum(columns * across * rows * down for across, down in factors)


def _refuse(marker: int) -> None:
    if 0xC0 <= marker <= 0xCF and marker != 0xC8:
        kind = "arithmetic" if marker >= 0xC9 else "lossless" if marker in (0xC3, 0xC7) else "hierarchical"
        raise NotAnImageError(
            f"this is a JPEG with {kind} coding, which is not supported: save it as plain JPEG or PNG"
        )
    raise DamagedImageError("the JPEG is broken: it has an unexpected marker")
