"""TIFF 6.0, with all pages.

Each page is written to a new file for OpenCV, with one directory that holds only checked tags, and the strips or tiles.
So OpenCV sees only values that were checked.
"""

import struct
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, InputError, NotAnImageError, TooLargeError
from edge_runtime.images.formats import jpeg, opencv
from edge_runtime.images.formats.encoded import Encoded, Pixels

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_SIZES, _PLANES = 266, 273, 274, 277, 278, 279, 284
_T4, _T6, _PREDICTOR, _MAP = 292, 293, 317, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 322, 323, 324, 325
_EXTRA, _FORMAT, _TABLES, _SUBSAMPLING, _POSITIONING, _REFERENCE = 338, 339, 347, 530, 531, 532

_BYTE, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 3, 4, 5, 7
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "II", _UNDEFINED: "B"}
_MOST = {  # the tags that are read, and the maximum number of values
    **dict.fromkeys((_SUBFILE, _WIDTH, _HEIGHT, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _ORIENTATION, _SAMPLES), 1),
    **dict.fromkeys((_ROWS, _PLANES, _T4, _T6, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _POSITIONING), 1),
    **dict.fromkeys((_STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES), limits.TIFF_PARTS),
    **dict.fromkeys((_BITS, _EXTRA, _FORMAT), 8),
    _SUBSAMPLING: 2,
    _REFERENCE: 6,
    _MAP: 3 << 8,
    _TABLES: 1 << 16,
}
_COPIED = {  # tags that are copied for OpenCV, with their types
    **dict.fromkeys((_FILL_ORDER, _PREDICTOR, _MAP, _EXTRA, _SUBSAMPLING, _POSITIONING), _SHORT),
    **dict.fromkeys((_T4, _T6), _LONG),
    _TABLES: _UNDEFINED,
    _REFERENCE: _RATIONAL,
}

_NONE, _LZW, _OLD_JPEG, _JPEG, _PACKED = 1, 5, 6, 7, 32773
_FAX, _DEFLATE = (2, 3, 4), (8, 32946)
_READ = (_NONE, *_FAX, _LZW, _JPEG, _PACKED, *_DEFLATE)
_NAMES = {34661: "JBIG", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}
_WHITE, _BLACK, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 5, 6, 8
_CHANNELS = {_WHITE: 1, _BLACK: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3}
_UNSIGNED, _SIGNED, _FLOAT, _VOID = 1, 2, 3, 4
_DEPTHS = {_UNSIGNED: (1, 4, 8, 10, 12, 14, 16, 32, 64), _SIGNED: (8, 16, 32, 64), _FLOAT: (32, 64)}
_ISOLATED = {_LZW: limits.LZW_BYTES, **dict.fromkeys(_DEFLATE, limits.DEFLATED_BYTES)}
_LESSER = 1 | 4  # bits of NewSubfileType: a reduced version or a mask of another page
_PART_BYTES = 1 << 20  # bytes: larger parts of uncompressed pixels are split
_PART_SEGMENTS = 16  # segments of the JPEG stream of a part, which has few
_TILE_AREA = 1 << 20  # pixels: a tile up to this size may be larger than its image

Tags = dict[int, tuple[int, ...]]


def images(data: bytes) -> Iterator[Encoded]:
    """Parse a TIFF file page by page; raises InputError, or struct.error if it is truncated."""
    if data[2:4] in (b"+\0", b"\0+"):
        raise NotAnImageError("this is a BigTIFF, which is not supported: save it as TIFF or PNG")
    order = "<" if data[:2] == b"II" else ">"
    places, note, failure = _pages(data, order)
    count = len(places) + (failure is not None)
    used = 0  # bytes of pixel data of the pages so far
    for number, place in enumerate(places, 1):
        try:
            page, size = _page(data, order, _tags(data, order, place))
            used += size
            if used > len(data):  # otherwise a small file could cost as much as 1,000 large ones
                raise DamagedImageError("the TIFF is broken: its pages share their pixels")
        except (InputError, struct.error) as error:
            if isinstance(error, struct.error):
                error = DamagedImageError("the TIFF is truncated or broken: a part of it lies beyond its end")
            if count == 1:
                raise error from None
            page = Encoded(1, 1, 0, partial(_refuse, error))
        yield page._replace(page=number, pages=count, note=note if number == count else "")
    if failure:
        raise DamagedImageError(f"page {count}: {failure}" if count > 1 else failure)


def _refuse(error: InputError) -> Pixels:
    raise error


def _pages(data: bytes, order: str) -> tuple[list[int], str, str | None]:
    """Return the offset of the directory of each page, a note on skipped pages, and the error of the next one."""
    places: list[int] = []
    lesser, seen = 0, set[int]()
    (at,) = struct.unpack_from(order + "I", data, 4)
    while at:
        if at in seen:
            return places, "", "the TIFF is broken: its pages form a loop"
        if len(seen) == limits.PAGES:
            return places, f"the file has more pages: the first {len(places):,} were read", None
        seen.add(at)
        try:
            (entries,) = struct.unpack_from(order + "H", data, at)
            if entries > limits.TIFF_ENTRIES:
                return places, "", f"the TIFF is broken: a page's directory has {entries:,} entries"
            kind = 0
            for tag, value in struct.iter_unpack(order + "H6xI", data[at + 2 : at + 2 + 12 * entries]):
                kind |= value if tag == _SUBFILE else 0
            (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * entries)
        except struct.error:
            return places, "", "the TIFF is truncated or broken: a page's directory lies beyond its end"
        if places and kind & _LESSER:
            lesser += 1
        else:
            places.append(at)
        at = following
    if not places:
        return places, "", "the TIFF is broken: it has no page"
    return places, f"{lesser} smaller versions or masks of pages were left out" if lesser else "", None


def _tags(data: bytes, order: str, at: int) -> Tags:
    """Return the values of a directory by tag, for the tags in `_MOST`; raises DamagedImageError or struct.error."""
    (entries,) = struct.unpack_from(order + "H", data, at)
    tags: Tags = {}
    seen = set[int]()
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        if tag in seen:
            raise DamagedImageError(f"the TIFF is broken: its tag {tag} is repeated")
        seen.add(tag)
        if tag not in _MOST:
            continue
        kinds = {_TABLES: (_UNDEFINED,), _REFERENCE: (_RATIONAL,)}.get(tag, (_BYTE, _SHORT, _LONG))
        if kind not in kinds or not 1 <= number <= _MOST[tag]:
            raise DamagedImageError(f"the TIFF is broken: its tag {tag} has {number:,} values of type {kind}")
        code = order + _CODES[kind] * number if kind == _RATIONAL else f"{order}{number}{_CODES[kind]}"
        inline = struct.calcsize(code) <= 4
        start = entry + 8 if inline else struct.unpack_from(order + "I", data, entry + 8)[0]
        tags[tag] = struct.unpack_from(code, data, start)
    return tags


class _Layout(NamedTuple):
    """The pixel format of a page and its parts (strips or tiles)."""

    width: int
    height: int
    bits: int
    samples: int
    format: int
    photometric: int
    compression: int
    tiled: bool
    part_width: int
    part_height: int
    separate: bool  # each sample has separate parts
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes in a decompressed row of a part."""
        return (self.part_width * self.bits * (1 if self.separate else self.samples) + 7) // 8


def _page(data: bytes, order: str, tags: Tags) -> tuple[Encoded, int]:
    """Check a page; returns it and the number of bytes of its pixel data."""
    layout = _layout(data, tags)
    width, height, bits, compression = layout.width, layout.height, layout.bits, layout.compression
    work = 0
    if compression == _JPEG:
        work = _check_jpeg(data, tags, layout)
    raw = layout.row_bytes * layout.part_height * len(layout.sizes)
    compressed = sum(layout.sizes)
    if compression in _DEFLATE and compressed > raw + raw // 8 + 64 * len(layout.sizes) + limits.SLACK_BYTES:
        raise DamagedImageError("the TIFF is broken: it has more data than its pixels need")
    if not layout.tiled and compression == _NONE and layout.photometric != _YCBCR and not layout.separate:
        layout = _cut(layout)
    file = _file(data, order, tags, layout)
    part, sample = layout.part_width * layout.part_height, (bits + 7) // 8
    deep, opaque = layout.photometric <= _RGB and bits > 8 and layout.samples != 2, _EXTRA not in tags
    if not deep:  # OpenCV lets libtiff convert each part to RGBA
        space = 4 * part + layout.row_bytes * layout.part_height
        size, flags = (1, opencv.GRAY) if opaque and layout.format == _UNSIGNED else (4, opencv.ALL)
    else:  # OpenCV reads the samples, with a second copy if it unpacks them
        space = part * layout.samples * sample * (2 if bits in (10, 12, 14) else 1)
        colour = opaque and layout.format == _UNSIGNED and bits <= 16 and layout.samples == 3
        size, flags = (2, opencv.DEEP) if colour else (layout.samples * sample, opencv.ALL)
    space += work + max(layout.sizes)
    (turn,) = tags.get(_ORIENTATION, (1,))
    page = Encoded(
        width,
        height,
        opencv.cost(width * height * size, space) + len(file),
        partial(opencv.decode, file, "TIFF", width, height, flags),
        turn if 1 <= turn <= 8 else 1,
        exact=compression != _JPEG,
        isolate=file if compressed > _ISOLATED.get(compression, compressed) else b"",
    )
    return page, compressed


def _layout(data: bytes, tags: Tags) -> _Layout:
    """Check the tags that describe the pixels; raises InputError."""
    if not {_WIDTH, _HEIGHT} <= tags.keys():
        raise DamagedImageError("the TIFF is broken: it has no size")
    ((width,), (height,), (samples,)) = tags[_WIDTH], tags[_HEIGHT], tags.get(_SAMPLES, (1,))
    bits, formats = set(tags.get(_BITS, (1,))), set(tags.get(_FORMAT, (_UNSIGNED,)))
    ((compression,), (planes,)) = tags.get(_COMPRESSION, (_NONE,)), tags.get(_PLANES, (1,))
    (photometric,) = tags.get(_PHOTOMETRIC, (_RGB if samples > 2 else _BLACK,))
    depth, form = max(bits), max(formats)
    if not width or not height or planes not in (1, 2):
        raise DamagedImageError("the TIFF is broken: its header is invalid")
    if compression == _OLD_JPEG:
        raise NotAnImageError("this is a TIFF with old-style JPEG compression, which is not supported: save it again")
    if compression not in _READ:
        name = _NAMES.get(compression, f"kind {compression}")
        raise NotAnImageError(f"this is a TIFF with {name} compression, which is not supported: save it with LZW")
    form = _UNSIGNED if form == _VOID else form
    if (
        len(bits) > 1
        or len(formats) > 1
        or depth not in _DEPTHS.get(form, ())
        or not _CHANNELS.get(photometric, 99) <= samples <= 4
        or (depth == 1 and samples > 1)
        or (depth == 4 and photometric != _PALETTE)
        or (photometric > _RGB and depth > (16 if photometric == _CMYK else 8))
        or (photometric == _PALETTE and len(tags.get(_MAP, ())) != 3 << depth)
        or (compression in _FAX and depth > 1)
        or (compression == _JPEG and depth != 8)
        or (planes == 2 and samples > 1 and depth != 8)
    ):
        kind = f"{samples} samples of {depth} bits, format {form}, photometric {photometric}"
        raise NotAnImageError(f"this is a TIFF of a kind that is not supported ({kind}): save it as PNG")
    separate = planes == 2 and samples > 1
    tiled = _TILE_WIDTH in tags or _TILE_HEIGHT in tags
    if tiled:
        ((across,), (down,)) = tags.get(_TILE_WIDTH, (0,)), tags.get(_TILE_HEIGHT, (0,))
        area = (width + 15) // 16 * 16 * ((height + 15) // 16 * 16)
        if across % 16 or down % 16 or not across or not down or across * down > max(area, _TILE_AREA):
            raise DamagedImageError(f"the TIFF is broken: it has tiles of {across:,} x {down:,} pixels")
    else:
        across, down = width, min(tags.get(_ROWS, (height,))[0], height)
        if not down:
            raise DamagedImageError("the TIFF is broken: its strips have no rows")
    offsets = tags.get(_TILES if tiled else _STRIPS, ())
    parts = -(-width // across) * -(-height // down) * (samples if separate else 1)
    sizes = tags.get(_TILE_SIZES if tiled else _STRIP_SIZES, ())
    layout = _Layout(
        *(width, height, depth, samples, form, photometric, compression, tiled, across, down, separate, offsets, sizes)
    )
    if not sizes and parts == len(offsets) == 1 and compression == _NONE:  # unusual but readable
        layout = layout._replace(sizes=(layout.row_bytes * down,))
    if parts > limits.TIFF_PARTS:
        raise TooLargeError(f"the TIFF has {parts:,} strips or tiles; at most {limits.TIFF_PARTS:,} are decoded")
    if not len(offsets) == len(layout.sizes) == parts:
        raise DamagedImageError("the TIFF is broken: the number of its strips or tiles is invalid")
    if any(start + size > len(data) for start, size in zip(offsets, layout.sizes, strict=True)):
        raise DamagedImageError("the TIFF is truncated: its end is missing")
    if sum(layout.sizes) > len(data):
        raise DamagedImageError("the TIFF is broken: its strips or tiles overlap")
    return layout


def _cut(layout: _Layout) -> _Layout:
    """Split one large strip of uncompressed pixels into smaller strips, which need less memory."""
    row, height = layout.row_bytes, layout.height
    rows = max(1, _PART_BYTES // row)
    if len(layout.sizes) > 1 or rows >= height or layout.sizes[0] < row * height:
        return layout
    tops = range(0, height, rows)
    offsets = tuple(layout.offsets[0] + row * top for top in tops)
    sizes = tuple(row * min(rows, height - top) for top in tops)
    return layout._replace(part_height=rows, offsets=offsets, sizes=sizes)


def _check_jpeg(data: bytes, tags: Tags, layout: _Layout) -> int:
    """Compare the JPEG stream of each part with the page; returns the memory in bytes for decoding a part."""
    if _TABLES in tags:
        jpeg.read(bytes(tags[_TABLES]), _PART_SEGMENTS, tables_only=True)
    work = 0
    for start, size in zip(layout.offsets, layout.sizes, strict=True):
        stream = jpeg.read(data[start : start + size], _PART_SEGMENTS)
        if (
            stream.progressive
            or stream.components != (1 if layout.separate else layout.samples)
            or stream.width > layout.part_width
            or stream.height > layout.part_height
        ):
            raise DamagedImageError("the TIFF is broken: a JPEG stream in it does not match its header")
        work = max(work, stream.work)
    return work


def _file(data: bytes, order: str, tags: Tags, layout: _Layout) -> bytes:
    """Write a TIFF file of one page."""
    entries: Tags = {
        _WIDTH: (layout.width,),
        _HEIGHT: (layout.height,),
        _BITS: (layout.bits,) * layout.samples,
        _COMPRESSION: (layout.compression,),
        _PHOTOMETRIC: (layout.photometric,),
        _SAMPLES: (layout.samples,),
        _PLANES: (2 if layout.separate else 1,),
        _FORMAT: (layout.format,) * layout.samples,
        (_TILES if layout.tiled else _STRIPS): layout.offsets,
        (_TILE_SIZES if layout.tiled else _STRIP_SIZES): layout.sizes,
    }
    if layout.tiled:
        entries |= {_TILE_WIDTH: (layout.part_width,), _TILE_HEIGHT: (layout.part_height,)}
    else:
        entries[_ROWS] = (layout.part_height,)
    kinds = dict.fromkeys((_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANES, _FORMAT), _SHORT) | _COPIED
    entries |= {tag: tags[tag] for tag in _COPIED if tag in tags}
    packed: dict[int, bytes] = {}
    for tag, values in entries.items():
        code = _CODES[kinds.get(tag, _LONG)][0]
        try:
            packed[tag] = struct.pack(f"{order}{len(values)}{code}", *values)
        except struct.error:
            raise DamagedImageError(f"the TIFF is broken: the value of its tag {tag} is too large") from None
    body = 8 + 2 + 12 * len(entries) + 4 + sum(len(each) for each in packed.values() if len(each) > 4)
    offsets, at = [], body
    for size in layout.sizes:
        offsets.append(at)
        at += size
    tag = _TILES if layout.tiled else _STRIPS
    packed[tag] = struct.pack(f"{order}{len(offsets)}I", *offsets)
    directory, beyond, at = [], [], 8 + 2 + 12 * len(entries) + 4
    for tag in sorted(packed):
        kind, value = kinds.get(tag, _LONG), packed[tag]
        number = len(entries[tag]) // (2 if kind == _RATIONAL else 1)
        directory.append(struct.pack(order + "HHI", tag, kind, number))
        if len(value) > 4:
            directory.append(struct.pack(order + "I", at))
            beyond.append(value)
            at += len(value)
        else:
            directory.append(value.ljust(4, b"\0"))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    view = memoryview(data)
    parts = (view[start : start + size] for start, size in zip(layout.offsets, layout.sizes, strict=True))
    return b"".join((head, *directory, bytes(4), *beyond, *parts))
