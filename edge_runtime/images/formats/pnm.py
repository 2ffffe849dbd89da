"""PBM, PGM and PPM of Netpbm, plain and raw, decoded here."""

import re
from functools import partial

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import DamagedImageError
from edge_runtime.images.formats.encoded import Encoded, Pixels

_SPACE = rb"(?:\s|#[^\n\r]{0,1000}[\n\r]){1,100}"
_HEADER = re.compile(rb"P([1-6])" + _SPACE + rb"(\d{1,9})" + _SPACE + rb"(\d{1,9})")
_MOST = re.compile(_SPACE + rb"(\d{1,5})")
_COMMENT, _NUMBERS = re.compile(rb"#[^\n\r]*"), re.compile(rb"[\d\s]*")


def images(data: bytes) -> tuple[Encoded]:
    """Parse a PNM file; raises InputError."""
    found = _HEADER.match(data)
    if found is None:
        raise DamagedImageError("the PNM is broken: its header is invalid")
    kind, width, height = int(found[1]), int(found[2]), int(found[3])
    end, most = found.end(), 1
    if kind not in (1, 4):
        limit = _MOST.match(data, end)
        most, end = (int(limit[1]), limit.end()) if limit else (0, end)
    if not width or not height or not 1 <= most <= 65535 or not data[end : end + 1].isspace():
        raise DamagedImageError("the PNM is broken: its header is invalid")
    channels = 3 if kind in (3, 6) else 1
    values = width * height * channels
    deep = 2 if most > 255 else 1
    packed = {1: values, 4: (width + 7) // 8 * height, 5: values * deep, 6: values * deep}.get(kind, 2 * values - 1)
    if len(data) - end - 1 < packed:
        raise DamagedImageError("the PNM is truncated: its end is missing")
    note = ""
    if kind >= 4 and data[end + 1 + packed :].lstrip()[:1] == b"P":
        note = "the file has more images: the first was read"
    # For plain formats also the text without comments and the numbers as int32.
    work = values * 2 * deep + (0 if kind >= 4 else 2 * len(data) + 8 * values)
    decode = partial(_decode, data, end + 1, kind, width, height, channels, most)
    return (Encoded(width, height, work, decode, note=note),)


def _decode(data: bytes, at: int, kind: int, width: int, height: int, channels: int, most: int) -> Pixels:
    """Return uint8 or uint16 (height, width) or (height, width, 3)."""
    count = width * height * channels
    if kind == 4:
        rows = np.frombuffer(data, np.uint8, (width + 7) // 8 * height, at).reshape(height, -1)
        return np.where(np.unpackbits(rows, axis=1, count=width), np.uint8(0), np.uint8(255))
    values: NDArray[np.generic]
    if kind == 1:
        values = _plain_bits(data[at:], count)
    elif kind < 4:
        values = _plain_numbers(data[at:], count, most)
    else:
        values = np.frombuffer(data, np.uint8 if most < 256 else ">u2", count, at)
    if most < 255:
        table = np.minimum(np.arange(256) * 255 // most, 255).astype(np.uint8)
        values = table[values]
    elif most > 255:
        values = values.astype(np.uint16)
    return values.reshape(height, width) if channels == 1 else values.reshape(height, width, 3)[..., ::-1]


def _plain_bits(text: bytes, count: int) -> NDArray[np.uint8]:
    """Parse the digits 0 (white) and 1 (black), with or without space between them."""
    digits = np.frombuffer(_COMMENT.sub(b"", text).translate(None, b" \t\n\v\f\r"), np.uint8)[:count]
    if len(digits) < count or ((digits != 48) & (digits != 49)).any():
        raise DamagedImageError("the PNM is truncated or broken: it has fewer pixels than its header says")
    return np.asarray(49 - digits, np.uint8)


def _plain_numbers(text: bytes, count: int, most: int) -> NDArray[np.generic]:
    if b"#" in text:
        text = _COMMENT.sub(b"", text)
    if not _NUMBERS.fullmatch(text):
        raise DamagedImageError("the PNM is broken: its pixels are not numbers")
    # Without a count: with one, NumPy pads missing numbers with uninitialised memory.
    values = np.fromstring(text, np.int32, sep=" ")[:count]
    if len(values) < count:
        raise DamagedImageError("the PNM is truncated or broken: it has fewer pixels than its header says")
    return np.minimum(values, most).astype(np.uint8 if most < 256 else np.uint16)
