"""WebP (RFC 9649), lossy and lossless, of an animation the first frame.

OpenCV gets a file with one still image: the checked VP8 or VP8L chunk, with ALPH before VP8 if present.
"""

import struct
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, NotAnImageError, TooLargeError
from edge_runtime.images.formats import opencv
from edge_runtime.images.formats.encoded import Encoded
from edge_runtime.images.formats.exif import BYTES, orientation

_CHUNK = struct.Struct("<4sI")


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of its data
    end: int


def images(data: bytes) -> tuple[Encoded]:
    """Parse a WebP file; raises InputError, or IndexError or struct.error if it is truncated."""
    (length,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise NotAnImageError("this is not an image: a RIFF file of another kind than WebP")
    if length + 8 > len(data):
        raise DamagedImageError("the WebP is truncated: its end is missing")
    chunks = list(_chunks(data, 12, length + 8))
    turn, frames, canvas = 1, 0, None
    if chunks and chunks[0].name == b"VP8X":
        canvas = _size(data, chunks[0].start + 4)
        exif = next((chunk for chunk in chunks if chunk.name == b"EXIF"), None)
        if exif is not None:
            turn = orientation(data[exif.start : min(exif.end, exif.start + BYTES)])
        moving = [chunk for chunk in chunks if chunk.name == b"ANMF"]
        frames = len(moving)
        if moving:
            first = moving[0]
            canvas = _size(data, first.start + 6)
            chunks = list(_chunks(data, first.start + 16, first.end))
    alpha, pixels = _still_chunks(chunks)
    read = _parse_lossy if pixels.name == b"VP8 " else _parse_lossless
    width, height, transparent = read(data, pixels)
    if canvas is not None and canvas != (width, height):
        raise DamagedImageError("the WebP is broken: its headers differ in its size")
    parts = _pack_chunk(data, pixels)
    lossless = pixels.name == b"VP8L"
    if alpha is not None and not lossless and alpha.end > alpha.start:
        transparent = True
        lossless = data[alpha.start] & 3 != 0  # the alpha plane is compressed as a lossless image
        sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
        parts = [struct.pack("<4sIB3x", b"VP8X", 10, 0x10) + sides, *_pack_chunk(data, alpha), *parts]
    still = b"".join((struct.pack("<4sI4s", b"RIFF", 4 + sum(map(len, parts)), b"WEBP"), *parts))
    area = width * height
    size, flags = (4, opencv.ALL) if transparent else (1, opencv.GRAY)
    # libwebp: 4 bytes per pixel of a lossless image, and tables; OpenCV: BGR before gray.
    space = area * ((6 if lossless else 0) + (0 if transparent else 3)) + 64 * width
    return (
        Encoded(
            width,
            height,
            opencv.cost(area * size, space) + len(still),
            partial(opencv.decode, still, "WebP", width, height, flags),
            turn,
            exact=pixels.name == b"VP8L",
            note=f"animation of {frames} frames: the first was read" if frames > 1 else "",
            # The header does not show the number of tables of a lossless image: up to one of 6 KB per 4x4 pixels.
            isolate=still if lossless and area > limits.LOSSLESS_PIXELS else b"",
        ),
    )


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Return width and height, each stored as 24 bits minus one."""
    width, height = (1 + int.from_bytes(data[place : place + 3], "little") for place in (at, at + 3))
    return width, height


def _chunks(data: bytes, at: int, end: int) -> Iterator[_Chunk]:
    """Yield the chunks between two offsets; raises DamagedImageError if one reaches beyond."""
    for _ in range(limits.WEBP_CHUNKS):
        if at + 8 > end:
            return
        name, length = _CHUNK.unpack_from(data, at)
        if at + 8 + length > end:
            raise DamagedImageError("the WebP is truncated or broken: a chunk is longer than the file")
        yield _Chunk(name, at + 8, at + 8 + length)
        at += 8 + length + length % 2
    raise TooLargeError(f"the WebP has more than {limits.WEBP_CHUNKS:,} chunks")


def _still_chunks(chunks: list[_Chunk]) -> tuple[_Chunk | None, _Chunk]:
    """Return the chunk of the alpha plane, if any, and that of the pixels; raises DamagedImageError."""
    names = [chunk.name for chunk in chunks]
    found = [place for place, name in enumerate(names) if name in (b"VP8 ", b"VP8L")]
    planes = [place for place, name in enumerate(names) if name == b"ALPH"]
    if len(found) != 1 or len(planes) > 1 or any(place > found[0] for place in planes):
        raise DamagedImageError("the WebP is broken: it must hold exactly one image")
    return (chunks[planes[0]] if planes else None), chunks[found[0]]


def _parse_lossy(data: bytes, chunk: _Chunk) -> tuple[int, int, bool]:
    """Return width, height and whether there is alpha, from the header of a key frame (RFC 6386)."""
    tag = int.from_bytes(data[chunk.start : chunk.start + 3], "little")
    if chunk.end - chunk.start < 10 or tag & 1 or data[chunk.start + 3 : chunk.start + 6] != b"\x9d\x01\x2a":
        raise DamagedImageError("the WebP is broken: its image is invalid")
    width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, chunk.start + 6))
    if not width or not height:
        raise DamagedImageError("the WebP is broken: its image is invalid")
    return width, height, False


def _parse_lossless(data: bytes, chunk: _Chunk) -> tuple[int, int, bool]:
    if chunk.end - chunk.start < 5 or data[chunk.start] != 0x2F:
        raise DamagedImageError("the WebP is broken: its image is invalid")
    (bits,) = struct.unpack_from("<I", data, chunk.start + 1)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _pack_chunk(data: bytes, chunk: _Chunk) -> list[bytes | memoryview]:
    length = chunk.end - chunk.start
    return [_CHUNK.pack(chunk.name, length), memoryview(data)[chunk.start : chunk.end], bytes(length % 2)]
