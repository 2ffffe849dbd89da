"""PNG (ISO/IEC 15948) and the first frame of an animated PNG.

OpenCV gets a file that consists of nothing but the checked IHDR, PLTE, tRNS, IDAT and IEND chunks.
"""

import struct
from functools import partial

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, NotAnImageError, TooLargeError
from edge_runtime.formats import opencv
from edge_runtime.formats.encoded import Encoded
from edge_runtime.formats.exif import BYTES, orientation

_CHUNK = struct.Struct(">I4s")
_IHDR = struct.Struct(">IIBBBBB")
_GRAY, _COLOUR, _PALETTE, _GRAY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GRAY: 1, _COLOUR: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {
    _GRAY: (1, 2, 4, 8, 16),
    _COLOUR: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GRAY_ALPHA: (8, 16),
    _COLOUR_ALPHA: (8, 16),
}


def images(data: bytes) -> tuple[Encoded]:
    """Parse a PNG file; raises InputError, or struct.error where it is truncated."""
    length, name = _CHUNK.unpack_from(data, 8)
    width, height, depth, colour, compression, filtering, interlaced = _IHDR.unpack_from(data, 16)
    if name == b"CgBI":
        raise NotAnImageError("this is a PNG of Apple's own kind (CgBI), which is not read: save it as PNG again")
    if name != b"IHDR" or length != 13 or width < 1 or height < 1 or compression or filtering or interlaced > 1:
        raise DamagedImageError("the PNG is broken: its header makes no sense")
    if depth not in _DEPTHS.get(colour, ()):
        raise DamagedImageError(f"the PNG is broken: there is no colour type {colour} of {depth} bits")
    channels = _CHANNELS[colour]
    entries, alpha, turn, frames = 0, channels % 2 == 0, 1, 1
    compressed, after_pixels = 0, False
    whole: list[bytes] = []  # what is kept of the parts before `kept`
    at, kept, chunks = 33, 0, 1
    while name != b"IEND":
        length, name = _CHUNK.unpack_from(data, at)
        end = at + length + 12
        if end > len(data):
            raise DamagedImageError("the PNG is truncated or broken: a chunk is longer than the file")
        chunks += 1
        keep = True
        if name == b"IDAT":
            if after_pixels or (colour == _PALETTE and not entries):
                raise DamagedImageError("the PNG is broken: its chunks are not in order")
            compressed += length
            keep = length > 0
        elif name != b"IEND":
            after_pixels = compressed > 0
            if name == b"PLTE":
                if entries or after_pixels or length % 3 or not 3 <= length <= 768:
                    raise DamagedImageError("the PNG is broken: its palette makes no sense")
                entries = length // 3
                keep = colour == _PALETTE
                if keep and entries > 1 << depth:
                    raise DamagedImageError("the PNG is broken: its palette is too long")
            elif name == b"tRNS":
                sizes = {_COLOUR: range(6, 7), _PALETTE: range(1, entries + 1)}
                keep = not after_pixels and not alpha and length in sizes.get(colour, ())
                alpha = alpha or keep
            elif not name[0] & 0x20:  # a capital letter: what cannot be left out
                raise DamagedImageError("the PNG is broken: it has a chunk that cannot be left out and is not known")
            else:
                keep = False
                if name == b"eXIf":
                    turn = orientation(data[at + 8 : at + 8 + min(length, BYTES)])
                elif name == b"acTL" and length == 8:
                    frames = max(1, int.from_bytes(data[at + 8 : at + 12], "big"))
        if not keep:
            if kept < at:
                whole.append(data[kept:at])
            kept = end
        at = end
        if chunks > limits.PNG_CHUNKS:
            raise TooLargeError(f"the PNG has more than {limits.PNG_CHUNKS:,} chunks")
    if not compressed:
        raise DamagedImageError("the PNG is broken: it has no pixels")
    if whole or kept or at < len(data):
        whole.append(data[kept:at])
        data = b"".join(whole)
        copied = len(data)
    else:
        copied = 0
    bits = depth * channels
    raw = ((width * bits + 7) // 8 + 1) * height
    # Of an interlaced image each of the seven passes may end a row with a byte that is not full.
    if compressed > raw + raw // 8 + 7 * 2 * (height + 8) + limits.SLACK_BYTES:
        raise DamagedImageError("the PNG is broken: it has more data than its pixels need")
    flags = opencv.ALL if alpha else opencv.DEEP if depth == 16 else opencv.GRAY
    size = (2 if depth == 16 else 1) * (4 if alpha else 1)
    return (
        Encoded(
            width,
            height,
            opencv.cost(width * height, size, 8 * height) + copied,
            partial(opencv.decode, data, "PNG", width, height, flags),
            turn,
            note=f"animation of {frames} frames: the first was read" if frames > 1 else "",
            isolate=data if compressed > limits.DEFLATED_BYTES else b"",
        ),
    )
