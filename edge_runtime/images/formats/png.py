"""PNG (ISO/IEC 15948), of an animated PNG the first frame.

OpenCV gets a file with only the checked IHDR, PLTE, tRNS, IDAT and IEND chunks.
"""

import struct
from collections.abc import Iterator
from functools import partial

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, NotAnImageError, TooLargeError
from edge_runtime.images.formats import opencv
from edge_runtime.images.formats.encoded import Encoded
from edge_runtime.images.formats.exif import BYTES, orientation

_CHUNK = struct.Struct(">I4s")
_HEAD = struct.Struct(">8xI4sIIBBBBB4x")  # the signature and IHDR
_SMALL = struct.Struct(">8sI4sII5s4xI4s")  # the same and the next chunk
SIGNATURE, _END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_LEAST = 33 + 12 + 12  # bytes: the signature and IHDR, an IDAT without pixels, IEND
_SMALL_PIXELS = 1 << 20
_PLAIN = (b"\x08\0\0\0\0", b"\x08\x02\0\0\0")  # 8 bits, gray or colour, not interlaced
_GRAY, _COLOUR, _PALETTE, _GRAY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GRAY: 1, _COLOUR: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _COLOUR_ALPHA: 4}
_KINDS = {
    *((_GRAY, depth) for depth in (1, 2, 4, 8, 16)),
    *((_PALETTE, depth) for depth in (1, 2, 4, 8)),
    *((colour, depth) for colour in (_COLOUR, _GRAY_ALPHA, _COLOUR_ALPHA) for depth in (8, 16)),
}
_PASSES = 7  # passes of an interlaced image, each with extra bytes for its rows


def small_size(data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
    """Return the width and height of a small opaque PNG file with only pixels; None for any other file.

    Such a file needs no further checks, which makes reading thousands of small files fast.
    """
    if not _LEAST <= len(data) <= limits.SLACK_BYTES:
        return None
    start, length, name, width, height, kind, second, second_name = _SMALL.unpack_from(data)
    if start != SIGNATURE or length != 13 or name != b"IHDR" or kind not in _PLAIN or second_name != b"IDAT":
        return None
    if second + _LEAST != len(data) or data[-12:] != _END or not 0 < width * height <= _SMALL_PIXELS:
        return None
    return (width, height) if width <= limits.SIDE >= height else None


def images(data: bytes) -> tuple[Encoded]:
    """Parse a PNG file; raises InputError, or struct.error if it is truncated."""
    length, name, width, height, depth, colour, compression, filtering, interlaced = _HEAD.unpack_from(data)
    if length != 13 or name != b"IHDR" or not width or not height or compression or filtering or interlaced > 1:
        if name == b"CgBI":
            raise NotAnImageError("this is Apple's variant of PNG (CgBI), which is not supported: save it as PNG")
        raise DamagedImageError("the PNG is broken: its header is invalid")
    if (colour, depth) not in _KINDS:
        raise DamagedImageError(f"the PNG is broken: there is no colour type {colour} of {depth} bits")
    data, compressed, alpha, turn, frames, copied = _critical(data, depth, colour)
    raw = ((width * depth * _CHANNELS[colour] + 7) // 8 + 1) * height
    if compressed > raw + raw // 8 + limits.SLACK_BYTES + (2 * _PASSES * (height + 8) if interlaced else 0):
        raise DamagedImageError("the PNG is broken: it has more data than its pixels need")
    flags = opencv.ALL if alpha else opencv.DEEP if depth == 16 else opencv.GRAY
    size = width * height * (2 if depth == 16 else 1) * (4 if alpha else 1)
    work = opencv.cost(size, 8 * height) + copied
    decode = partial(opencv.decode, data, "PNG", width, height, flags)
    note = f"animation of {frames} frames: the first was read" if frames > 1 else ""
    isolate = data if compressed > limits.DEFLATED_BYTES else b""
    return (Encoded(width, height, work, decode, turn, 1, 1, note, True, isolate),)


def _critical(data: bytes, depth: int, colour: int) -> tuple[bytes, int, bool, int, int, int]:
    """Check the chunks after IHDR and remove those that do not affect the pixels.

    Returns the remaining file, the number of bytes of compressed pixels, whether there is alpha, the orientation, the
    number of frames, and the number of copied bytes.
    """
    entries = compressed = 0
    turn, frames = 0, 1
    alpha, after_pixels = colour >= _GRAY_ALPHA, False
    whole: list[bytes] = []  # parts of the file before `kept` that are retained
    kept = end = 0
    for count, (name, at, length) in enumerate(_chunks(data), 1):
        end = at + length + 12
        if name == b"IDAT":
            if after_pixels or (colour == _PALETTE and not entries):
                raise DamagedImageError("the PNG is broken: its chunks are not in order")
            compressed += length
            if length:
                continue
        elif name == b"IEND":
            continue
        else:
            after_pixels = compressed > 0
            if name == b"PLTE":
                most = 1 << depth if colour == _PALETTE else 256
                if entries or after_pixels or length % 3 or not 1 <= length // 3 <= most:
                    raise DamagedImageError("the PNG is broken: its palette is invalid")
                entries = length // 3
                if colour == _PALETTE:
                    continue
            elif name == b"tRNS":
                fits = length == 6 if colour == _COLOUR else colour == _PALETTE and 1 <= length <= entries
                if fits and not after_pixels and not alpha:
                    alpha = True
                    continue
            elif name == b"eXIf" and not turn:
                turn = orientation(data[at + 8 : at + 8 + min(length, BYTES)])
            elif name == b"acTL" and length == 8:
                frames = max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
            elif not name[0] & 0x20:  # an upper-case letter marks a critical chunk
                raise DamagedImageError("the PNG is broken: it has an unknown critical chunk")
        if count > limits.PNG_CHUNKS:
            raise TooLargeError(f"the PNG has more than {limits.PNG_CHUNKS:,} chunks")
        # Remove this chunk.
        if kept < at:
            whole.append(data[kept:at])
        kept = end
    if not compressed:
        raise DamagedImageError("the PNG is broken: it has no pixels")
    if not kept and end == len(data):
        return data, compressed, alpha, turn or 1, frames, 0
    data = b"".join((*whole, data[kept:end]))
    return data, compressed, alpha, turn or 1, frames, len(data)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position and length of each chunk after IHDR, up to IEND; raises DamagedImageError."""
    name, end, size = b"", _HEAD.size, len(data)
    while name != b"IEND":
        at = end
        if at + 12 > size:
            raise DamagedImageError("the PNG is truncated: its end is missing")
        length, name = _CHUNK.unpack_from(data, at)
        end = at + length + 12
        if end > size:
            truncated = length <= limits.FILE_BYTES
            reason = "truncated: its end is missing" if truncated else "broken: a chunk is longer than the file"
            raise DamagedImageError(f"the PNG is {reason}")
        yield name, at, length
