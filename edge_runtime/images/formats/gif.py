"""GIF (87a and 89a): the first image, decoded here.

OpenCV reads GIF only since 4.11, needs quadratic time for a stream of clear codes, and refuses some intact files.
"""

import struct
from functools import partial

import numpy as np

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, TooLargeError
from edge_runtime.images.formats.encoded import Encoded, Pixels

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL = 0xF9  # the extension with the transparent colour
_TABLE_BYTES = 16 << 20  # memory of a table of 4,096 strings of the greatest lengths
_LUMA = np.array((299, 587, 114))  # thousandths of red, green and blue (ITU-R BT.601)


def images(data: bytes) -> tuple[Encoded]:
    """Parse a GIF file; raises InputError, or IndexError or struct.error if it is truncated."""
    palette = _palette(data, 13, data[10])
    at, frames, transparent, first, blocks = 13 + len(palette), 0, None, 0, 0
    while data[at] != _TRAILER:
        if data[at] == _EXTENSION:
            if data[at + 1] == _CONTROL and data[at + 2] == 4 and not frames:
                transparent = data[at + 6] if data[at + 3] & 1 else None
            at += 2
        elif data[at] == _IMAGE:
            frames += 1
            first = first or at
            at += 11 + len(_palette(data, at + 10, data[at + 9]))
        else:
            raise DamagedImageError("the GIF is broken: it has an invalid block")
        length = 1
        while length:
            length = data[at]
            at += 1 + length
            blocks += 1
            if blocks > limits.GIF_BLOCKS:
                raise TooLargeError(f"the GIF has more than {limits.GIF_BLOCKS:,} blocks")
    if not frames:
        raise DamagedImageError("the GIF is broken: it has no image")
    width, height, flags = struct.unpack_from("<HHB", data, first + 5)
    own = _palette(data, first + 10, flags)
    start = first + 10 + len(own)
    decode = partial(_decode, data, start, width, height, bool(flags & 0x40), own or palette, transparent)
    work = width * height * (3 if transparent is None else 6) + _TABLE_BYTES + len(data)
    note = f"animation of {frames} frames: the first was read" if frames > 1 else ""
    return (Encoded(width, height, work, decode, note=note),)


def _palette(data: bytes, at: int, flags: int) -> bytes:
    """Return the colour table at an offset, red, green and blue of each colour; empty if the flags show none."""
    size = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    if at + size > len(data):
        raise IndexError
    return data[at : at + size]


def _decode(
    data: bytes, start: int, width: int, height: int, interlaced: bool, palette: bytes, transparent: int | None
) -> Pixels:
    """Return uint8 (height, width), or (height, width, 2) with alpha if a colour is transparent."""
    blocks, at = [], start + 1
    while length := data[at]:
        blocks.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    indices = _decompress(b"".join(blocks), data[start], width * height)
    rows = np.frombuffer(indices, np.uint8).reshape(height, width)
    if interlaced:
        order = [row for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for row in range(first, height, step)]
        rows = rows[np.argsort(order)]
    gray = np.arange(256, dtype=np.uint8)
    if palette:
        colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
        gray[: len(colours)] = (colours @ _LUMA + 500) // 1000
    if transparent is None:
        return gray[rows]
    alpha = np.full(256, 255, np.uint8)
    alpha[transparent] = 0
    return np.dstack([gray[rows], alpha[rows]])


def _decompress(data: bytes, least: int, size: int) -> bytearray:
    """Decompress LZW data to `size` bytes. least: bits of a colour index."""
    if not 1 <= least <= 8:
        raise DamagedImageError("the GIF is broken: its code size is invalid")
    clear, stop = 1 << least, (1 << least) + 1
    table = [bytes((index,)) for index in range(clear)] + [b"", b""]
    out, previous = bytearray(), b""
    held = bits = codes = 0
    width = least + 1
    for byte in data:
        held |= byte << bits
        bits += 8
        while bits >= width:
            code = held & (1 << width) - 1
            held >>= width
            bits -= width
            codes += 1
            if code == clear:
                del table[stop + 1 :]
                width, previous = least + 1, b""
                continue
            known = len(table)
            if code == stop or code > known or (code == known and not previous):
                if len(out) >= size:
                    return out[:size]
                raise DamagedImageError("the GIF is truncated or broken: it has fewer pixels than its header says")
            found = table[code] if code < known else previous + previous[:1]
            out += found
            if previous and known < 4096:
                table.append(previous + found[:1])
                if known + 1 == 1 << width and width < 12:
                    width += 1
            previous = found
        if len(out) >= size:
            return out[:size]
        if codes > limits.GIF_CODES:
            raise TooLargeError(f"the GIF has more than {limits.GIF_CODES:,} codes: save it as PNG")
    raise DamagedImageError("the GIF is truncated or broken: it has fewer pixels than its header says")
