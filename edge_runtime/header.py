"""What the first bytes of a picture say: format, size, depth, and whether its data is all there.

A decoder allocates the pixels before it notices that the file lies about them, and pads a truncated one in
silence; so this is read first. Only what is needed for that is parsed:

- PNG: ISO/IEC 15948, chunks IHDR and IEND.
- JPEG: ITU-T T.81, the frame header and the end marker.
- BMP: BITMAPFILEHEADER and BITMAPINFOHEADER.
- TIFF: TIFF 6.0, first directory.
- WebP: RFC 9649, chunks VP8, VP8L and VP8X.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from edge_runtime.errors import DamagedImageError, InputError, NotAnImageError

EXIF_BYTES = 64 * 1024  # bytes: more of EXIF data than these is not looked at


class Header(NamedTuple):
    """What a picture says of itself."""

    format: str  # PNG, JPEG, BMP, TIFF or WebP
    width: int  # pixels
    height: int  # pixels
    plain: bool  # 8 bits a channel and no alpha: a decoder's own gray will do
    complete: bool  # the end of the data is there
    orientation: int = 1  # as EXIF counts, 1 to 8; read only where the picture is not plain


def read_header(data: bytes) -> Header:
    """Parse the header of an encoded picture.

    Raises NotAnImageError where no known format begins so, DamagedImageError where the header itself is broken.
    """
    for signature, parse in _PARSERS:
        if data.startswith(signature):
            try:
                header = parse(data)
            except InputError:
                raise
            except (struct.error, LookupError, ValueError) as error:
                raise DamagedImageError("the picture is truncated or broken: its header cannot be read") from error
            if header.width < 1 or header.height < 1:
                raise DamagedImageError(f"the picture is broken: its header says {header.width} x {header.height}")
            return header
    raise NotAnImageError("this is no picture: PNG, JPEG, BMP, TIFF and WebP are read")


_IHDR = struct.Struct(">12x4sIIBB")


def _png(data: bytes) -> Header:
    name, width, height, depth, colour = _IHDR.unpack_from(data)
    if name != b"IHDR":
        raise ValueError("no IHDR")
    chunks = _png_chunks(data) if depth > 8 or colour > 2 else {}
    has_alpha = bool(colour & 4) or b"tRNS" in chunks  # a chunk that makes entries of a palette transparent
    # The closing chunk has no data, so a whole file ends in this; some writers add bytes behind it.
    complete = data.endswith(b"IEND\xaeB`\x82") or b"IEND\xaeB`\x82" in data[-1024:]
    if depth <= 8 and not has_alpha:
        return Header("PNG", width, height, True, complete)
    at = chunks.get(b"eXIf", 0)
    return Header("PNG", width, height, False, complete, _orientation(data[at : at + EXIF_BYTES]) if at else 1)


def _png_chunks(data: bytes) -> dict[bytes, int]:
    """Where the data of each chunk before the pixels begins, by the chunk's name."""
    chunks: dict[bytes, int] = {}
    at = 8
    while at + 8 <= len(data) and len(chunks) < 1000:
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            break
        chunks[name] = at + 8
        at += length + 12
    return chunks


def _jpeg(data: bytes) -> Header:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker")
        while data[at] == 0xFF:  # fill bytes
            at += 1
        marker = data[at]
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a length
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame header
            depth, height, width = struct.unpack_from(">BHH", data, at + 2)
            complete = data.rfind(b"\xff\xd9") > at
            return Header("JPEG", width, height, depth == 8, complete)
        if marker in (0xD9, 0xDA):
            raise ValueError("no frame before the scan")
        at += max(2, length)


def _bmp(data: bytes) -> Header:
    (offset,) = struct.unpack_from("<I", data, 10)
    size, width, height, _, bits, compression = struct.unpack_from("<IiiHHI", data, 14)
    if size == 12:  # the OS/2 header has 16-bit sides
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    height = abs(height)  # negative: rows from the top
    packed = (width * bits + 31) // 32 * 4 * height if compression == 0 else 1
    return Header("BMP", width, height, bits <= 24, len(data) >= offset + packed)


def _tiff(data: bytes) -> Header:
    tags = _tiff_tags(data)
    width, height = tags[_TIFF_WIDTH][0], tags[_TIFF_HEIGHT][0]
    bits, extra = max(tags.get(_TIFF_BITS, (1,))), tags.get(_TIFF_EXTRA_SAMPLES, ())
    plain = bits <= 8 and not extra and set(tags.get(_TIFF_SAMPLE_FORMAT, ())) <= {1}
    starts = tags.get(_TIFF_STRIPS, tags.get(_TIFF_TILES, ()))
    # A file without sizes is odd and readable: only where they are there can an end be missing.
    sizes = tags.get(_TIFF_STRIP_BYTES, tags.get(_TIFF_TILE_BYTES, (0,) * len(starts)))
    ends = [start + size for start, size in zip(starts, sizes, strict=False)]
    complete = bool(ends) and max(ends) <= len(data)
    return Header("TIFF", width, height, plain, complete)  # OpenCV turns these upright itself


def _tiff_tags(data: bytes) -> dict[int, tuple[int, ...]]:
    """The first directory's values by their tag, of those in `_TIFF_TAGS`."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, at + 2 + 12 * min(count, 256), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        if code is None or number > len(data):
            continue
        size = struct.calcsize(order + code) * number
        start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        if tag in _TIFF_TAGS:
            tags[tag] = struct.unpack_from(f"{order}{number}{code}", data, start)
    return tags


def _orientation(exif: bytes) -> int:
    """EXIF data is a TIFF directory; what is broken in it turns nothing."""
    try:
        return _tiff_tags(exif.removeprefix(b"Exif\0\0")).get(_TIFF_ORIENTATION, (1,))[0]
    except (struct.error, LookupError):
        return 1


_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_EXTRA_SAMPLES = 256, 257, 258, 338
_TIFF_ORIENTATION, _TIFF_SAMPLE_FORMAT = 274, 339
_TIFF_STRIPS, _TIFF_STRIP_BYTES, _TIFF_TILES, _TIFF_TILE_BYTES = 273, 279, 324, 325
_TIFF_TAGS = {
    *(_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_EXTRA_SAMPLES, _TIFF_ORIENTATION, _TIFF_SAMPLE_FORMAT),
    *(_TIFF_STRIPS, _TIFF_STRIP_BYTES, _TIFF_TILES, _TIFF_TILE_BYTES),
}


def _big_tiff(data: bytes) -> Header:
    raise NotAnImageError("this is a BigTIFF, which is not read: save it as TIFF or PNG")


def _webp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 4)
    kind = data[12:16]
    has_alpha = False
    if data[8:12] != b"WEBP":
        raise ValueError("no WebP")
    if kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height, has_alpha = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    elif kind == b"VP8X":
        has_alpha = bool(data[20] & 0x10)
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    else:
        raise ValueError("no WebP")
    at = data.rfind(b"EXIF") if has_alpha and kind == b"VP8X" else -1
    orientation = _orientation(data[at + 8 : at + 8 + EXIF_BYTES]) if at > 0 else 1
    return Header("WebP", width, height, not has_alpha, len(data) >= length + 8, orientation)


_PARSERS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"II+\0", _big_tiff),
    (b"MM\0+", _big_tiff),
    (b"RIFF", _webp),
)
