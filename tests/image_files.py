"""Image files that we draw or write byte by byte: small intact ones of every format, and hostile ones.

`intact()` are what the fuzz test begins with; each function in `ATTACKS` is one known way to make a decoder take memory
or time, or see another image than a check did.
"""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

from edge_runtime.synthetic.digits import draw_digit

DIGIT = 255 - draw_digit(3, seed=1, size=48)


# PNG


def chunk(name, data=b""):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def ihdr(width, height, depth=8, colour=0, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(*chunks):
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks, chunk(b"IEND")))


def zeros(count, level=9):
    """`count` zero bytes, deflated."""
    packer = zlib.compressobj(level)
    block = bytes(min(count, 1 << 20))
    parts = [packer.compress(block) for _ in range(count // len(block))]
    return b"".join((*parts, packer.compress(bytes(count % len(block))), packer.flush()))


def blank_png(width, height, depth=8, colour=0, interlaced=0):
    """A whole PNG of zeros."""
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    if interlaced:
        passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, dx, y, dy in passes]
        raw = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 < rows)
    else:
        raw = height * (1 + (width * bits + 7) // 8)
    return png(ihdr(width, height, depth, colour, interlaced), chunk(b"IDAT", zeros(raw)))


class Bits:
    """Bits from the lowest of each byte, as deflate and VP8L have them."""

    def __init__(self):
        self.value = self.count = 0

    def put(self, value, count):
        self.value |= value << self.count
        self.count += count

    def code(self, value, count):
        """A Huffman code of deflate: from its highest bit."""
        for bit in reversed(range(count)):
            self.put(value >> bit & 1, 1)

    def bytes(self):
        return self.value.to_bytes((self.count + 7) // 8, "little")


def empty_blocks(size):
    """About `size` bytes of deflate blocks that hold nothing and each define a new code, the slowest that there is."""
    bits = Bits()
    for _ in range(8):  # so they end with a byte
        bits.put(0b100, 3)
        bits.put(0, 10)
        bits.put(14, 4)
        lengths = {18: 1, 1: 1}
        for symbol in (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1):
            bits.put(lengths.get(symbol, 0), 3)
        for zeros_ in (138, 118):
            bits.code(1, 1)
            bits.put(zeros_ - 11, 7)
        bits.code(0, 3)
    eight = bits.bytes()
    return eight * (size // len(eight))


def slow_deflate(data, size):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = packer.compress(data) + packer.flush() + struct.pack(">I", zlib.adler32(data))
    return b"\x78\x9c" + empty_blocks(size) + end


def png_length_of_4_gib():
    data = bytearray(png(ihdr(60, 60), chunk(b"IDAT", zeros(60 * 61))))
    data[33] ^= 0x80
    return bytes(data)


def png_length_of_1_gib_in_a_text():
    return png(ihdr(60, 60), struct.pack(">I", 1 << 30) + b"tEXtabc", chunk(b"IDAT", zeros(60 * 61)))


def png_bomb_of_2500_megapixels():
    return png(ihdr(50_000, 50_000), chunk(b"IDAT", zeros(1000)))


def png_rgba_of_16_bits_and_50_megapixels():
    return png(ihdr(7000, 7000, 16, 6), chunk(b"IDAT", zeros(1 << 20)))


def png_rgba_of_16_bits_and_8_megapixels():
    return blank_png(3200, 2500, 16, 6)


def png_rgb_of_16_bits_and_24_megapixels():
    return blank_png(6000, 4000, 16, 2)


def png_rgb_of_50_megapixels():
    return blank_png(8000, 6200, 8, 2)


def png_rgb_of_50_megapixels_interlaced():
    return blank_png(8000, 6200, 8, 2, 1)


def png_palette_with_alpha_of_25_megapixels():
    head = [ihdr(5000, 5000, 8, 3), chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(256))]
    return png(*head, chunk(b"IDAT", zeros(5001 * 5000)))


def png_one_pixel_wide():
    return blank_png(1, 1 << 20)


def png_one_pixel_wide_and_50_million_high():
    return png(ihdr(1, 50_000_000), chunk(b"IDAT", zeros(1 << 20)))


def png_of_a_million_empty_idats():
    return png(ihdr(8, 8), chunk(b"IDAT") * 1_000_000, chunk(b"IDAT", zeros(72)))


def png_of_60000_empty_idats():
    return png(ihdr(8, 8), chunk(b"IDAT") * 60_000, chunk(b"IDAT", zeros(72)))


def png_with_compressed_text_bombs():
    bomb = zeros(1 << 26)
    texts = [chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iTXt", b"a\0\1\0\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb)]
    return png(ihdr(8, 8), *texts * 4, chunk(b"IDAT", zeros(72)), *texts)


def png_of_60000_texts():
    return png(ihdr(8, 8), chunk(b"tEXt", b"a\0b") * 60_000, chunk(b"IDAT", zeros(72)))


def png_of_60000_exif_chunks():
    exif = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 275, 3, 1, 8) * 40
    return png(ihdr(8, 8), chunk(b"eXIf", exif) * 60_000, chunk(b"IDAT", zeros(72)))


def png_animation_of_a_large_canvas():
    frames = [chunk(b"acTL", struct.pack(">II", 1000, 0))]
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 7000, 7000, 0, 0, 1, 1, 0, 0))
    frames += [control, chunk(b"IDAT", zeros(7001 * 7000))]
    frames += [control, chunk(b"fdAT", bytes(4) + frames[-1][8:-4])] * 20
    return png(ihdr(7000, 7000), *frames)


def png_of_slow_deflate_in_a_small_image():
    return png(ihdr(28, 28), chunk(b"IDAT", slow_deflate(bytes(29 * 28), 30_000_000)))


def png_of_slow_deflate_in_12_megapixels():
    return png(ihdr(4000, 3000, 8, 2), chunk(b"IDAT", slow_deflate(bytes(12001 * 3000), 30_000_000)))


def png_of_slow_deflate_below_the_limit():
    return png(ihdr(4000, 3000, 8, 2), chunk(b"IDAT", slow_deflate(bytes(12001 * 3000), 5_900_000)))


def png_with_two_headers():
    return png(ihdr(8, 8), ihdr(7000, 7000, 16, 6), chunk(b"IDAT", zeros(72)))


def png_palette_too_long():
    return png(ihdr(8, 8, 2, 3), chunk(b"PLTE", bytes(768)), chunk(b"IDAT", zeros(24)))


def png_without_its_palette():
    return png(ihdr(8, 8, 8, 3), chunk(b"IDAT", zeros(72)))


# JPEG


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def frame(width, height, factors=((1, 1),), marker=0xC0, depth=8):
    body = struct.pack(">BHHB", depth, height, width, len(factors))
    for index, (across, down) in enumerate(factors):
        body += bytes((index + 1, across << 4 | down, 0))
    return segment(marker, body)


def scan(components, first=0, last=63, approximation=0, data=b""):
    body = bytes((len(components),)) + b"".join(bytes((index, 0)) for index in components)
    return segment(0xDA, body + bytes((first, last, approximation))) + data


# One table for DC and AC each, in which the code 0 stands for no difference or for the end of a block.
TABLES = segment(0xDB, bytes((0,)) + bytes((1,)) * 64) + b"".join(
    segment(0xC4, bytes((kind,)) + bytes((1,)) + bytes(15) + bytes((0,))) for kind in (0x00, 0x10)
)


def jpeg(*parts):
    return b"".join((b"\xff\xd8", *parts, b"\xff\xd9"))


def jpeg_noise(width, height, quality, progressive=False):
    """Noise in all three components, the hardest to compress."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    flags = {
        cv2.IMWRITE_JPEG_QUALITY: quality,
        cv2.IMWRITE_JPEG_PROGRESSIVE: progressive,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    return cv2.imencode(".jpg", noise, [int(each) for pair in flags.items() for each in pair])[1].tobytes()


def jpeg_of_65535_x_65535():
    return jpeg(TABLES, frame(65535, 65535), scan([1], data=bytes(100)))


def jpeg_height_in_a_dnl():
    return jpeg(TABLES, frame(65535, 0), scan([1], data=bytes(100)), segment(0xDC, struct.pack(">H", 65535)))


def jpeg_of_50_megapixels_and_no_data():
    return jpeg(TABLES, frame(8000, 6200, [(1, 1)] * 3), scan([1, 2, 3], data=bytes(10)))


def jpeg_of_500_empty_scans():
    scans = [scan([1], 1, 63, 0, bytes(4)) for _ in range(500)]
    return jpeg(TABLES, frame(4000, 3000, [(1, 1)], 0xC2), scan([1], 0, 0, 0, bytes(4)), *scans)


def jpeg_of_30_empty_scans():
    scans = [scan([1], 1, 63, 0, bytes(4)) for _ in range(30)]
    return jpeg(TABLES, frame(4000, 3000, [(1, 1)], 0xC2), scan([1], 0, 0, 0, bytes(4)), *scans)


def jpeg_of_30_full_scans():
    """Each block of each scan has its end as a code of its own."""
    blocks = 12_000_000 // 64
    scans = [scan([1], 1, 63, 0, bytes(blocks // 8 + 1)) for _ in range(30)]
    return jpeg(TABLES, frame(4000, 3000, [(1, 1)], 0xC2), scan([1], 0, 0, 0, bytes(blocks // 8 + 1)), *scans)


def jpeg_progressive_of_4_components_and_50_megapixels():
    return jpeg(TABLES, frame(8000, 6200, [(1, 1)] * 4, 0xC2), scan([1, 2, 3, 4], 0, 0, 0, bytes(4)))


def jpeg_in_scans_of_a_component_each():
    scans = [scan([index], data=bytes(4)) for index in (1, 2, 3)]
    return jpeg(TABLES, frame(6000, 4000, [(1, 1)] * 3), *scans)


def jpeg_progressive_noise_of_12_megapixels():
    return jpeg_noise(4000, 3000, 75, progressive=True)


def jpeg_noise_of_12_megapixels():
    return jpeg_noise(4000, 3000, 95)


def jpeg_with_two_frames():
    return jpeg(TABLES, frame(8, 8), frame(60000, 60000), scan([1], data=bytes(10)))


def jpeg_with_a_frame_after_the_scan():
    return jpeg(TABLES, frame(8, 8), scan([1], data=bytes(10)), frame(60000, 60000), scan([1], data=bytes(10)))


def jpeg_with_arithmetic_coding():
    return jpeg(TABLES, frame(4000, 3000, marker=0xC9), scan([1], data=bytes(1000)))


def jpeg_of_12_bits():
    return jpeg(TABLES, frame(64, 64, marker=0xC1, depth=12), scan([1], data=bytes(10)))


def jpeg_restart_after_every_block():
    blocks = 200_000
    data = b"".join(b"\x3f\xff" + bytes((0xD0 + index % 8,)) for index in range(blocks - 1)) + b"\x3f"
    return jpeg(TABLES, segment(0xDD, struct.pack(">H", 1)), frame(4000, 3200), scan([1], data=data))


def jpeg_restart_without_markers():
    return jpeg(TABLES, segment(0xDD, struct.pack(">H", 1)), frame(4000, 3000), scan([1], data=bytes(10)))


def jpeg_of_odd_sampling():
    return jpeg(TABLES, frame(8000, 6000, [(4, 1), (1, 4), (1, 1)]), scan([1, 2, 3], data=bytes(10)))


def jpeg_of_a_million_tables():
    return jpeg(TABLES * 200_000, frame(8, 8), scan([1], data=bytes(10)))


def jpeg_of_a_million_comments():
    return jpeg(segment(0xFE, b"") * 1_000_000, TABLES, frame(8, 8), scan([1], data=bytes(10)))


def jpeg_of_fill_bytes():
    return jpeg(b"\xff" * 30_000_000 + TABLES, frame(8, 8), scan([1], data=bytes(10)))


def jpeg_with_a_hostile_exif():
    exif = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 274, 3, 1 << 30, 8) * 5000
    return jpeg(segment(0xE1, b"Exif\0\0" + exif[:65000]), TABLES, frame(8, 8), scan([1], data=bytes(10)))


# BMP


def bmp(width, height, bits=8, compression=0, data=b"", size=40, colours=0, offset=None):
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    header += bytes(max(0, size - 40))
    palette = bytes(4 << bits) if bits <= 8 else b""
    offset = 14 + len(header) + len(palette) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + header + palette + data


def bmp_of_50_megapixels_and_no_data():
    return bmp(8000, 6200, 8, 1, b"\0\1")


def bmp_rle_of_nothing():
    return bmp(4000, 3000, 8, 1, b"\0\2\0\0" * 7_000_000)


def bmp_rle_4_of_nothing():
    return bmp(4000, 3000, 4, 2, b"\0\2\0\0" * 7_000_000)


def bmp_of_32_bits_and_50_megapixels():
    return bmp(8000, 6200, 32, 0, bytes(1000))


def bmp_of_the_smallest_height():
    return bmp(8, -(1 << 31), 8, 1)


def bmp_palette_of_4_billion():
    return bmp(8, 8, 8, 0, bytes(64), colours=0xFFFFFFFF)


def bmp_header_of_2_gib():
    return bmp(8, 8, 8, 0, bytes(64), size=40)[:14] + struct.pack("<I", 0x7FFFFFF0) + bytes(2000)


# TIFF


def tiff(*pages, order="<"):
    """pages: dictionaries, or lists of (tag, values) or (tag, values, type), and bytes that lie behind the directory.

    A value PIXELS becomes the place of those bytes. Types: 3 for values below 65,536, else 4.
    """
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    for number, (entries, pixels) in enumerate(pages):
        entries = list(entries.items()) if isinstance(entries, dict) else entries
        directory = 2 + 12 * len(entries) + 4
        beyond, body = bytearray(), bytearray(struct.pack(order + "H", len(entries)))
        packed = []
        for tag, values, *kind in entries:
            values = (values,) if isinstance(values, int) else tuple(values)
            kind = kind[0] if kind else 4 if any(value > 65535 or value == PIXELS for value in values) else 3
            packed.append([tag, kind, values])
        start = (
            len(out)
            + directory
            + sum(len(values) * CODES[kind][1] for _, kind, values in packed if len(values) * CODES[kind][1] > 4)
        )
        for tag, kind, values in packed:
            code = CODES[kind][0]
            values = [start if value == PIXELS else value for value in values]
            data = struct.pack(f"{order}{len(values)}{code}", *values)
            body += struct.pack(order + "HHI", tag, kind, len(values))
            if len(data) > 4:
                body += struct.pack(order + "I", len(out) + directory + len(beyond))
                beyond += data
            else:
                body += data.ljust(4, b"\0")
        end = start + len(pixels)
        body += struct.pack(order + "I", 0 if number == len(pages) - 1 else end)
        out += body + beyond + pixels
    return bytes(out)


PIXELS = -1
CODES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 7: ("B", 1), 9: ("i", 4)}


def gray_tiff(width, height, pixels, **tags):
    """The usual tags of a gray image in one strip, and others by their numbers: t259=5."""
    entries = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: PIXELS, 277: 1, 278: height, 279: len(pixels)}
    entries |= {int(name[1:]): value for name, value in tags.items()}
    return entries, pixels


def tiff_with_two_widths():
    entries, pixels = gray_tiff(10, 10, bytes(100))
    return tiff((sorted([*entries.items(), (256, 60_000)], key=lambda each: each[0]), pixels))


def tiff_width_of_a_signed_type():
    entries, pixels = gray_tiff(10, 10, bytes(100))
    return tiff(([(256, 10, 9), *list(entries.items())[1:]], pixels))


def tiff_of_a_tile_of_268_megapixels():
    entries, pixels = gray_tiff(10, 10, bytes(100))
    rest = {tag: value for tag, value in entries.items() if tag not in (273, 278, 279)}
    return tiff((rest | {322: 16_368, 323: 16_368, 324: PIXELS, 325: 100}, pixels))


def tiff_tag_of_30_million_values():
    data = bytearray(tiff(gray_tiff(10, 10, bytes(30_000_000))))
    entry = 10 + 12 * 5
    data[entry : entry + 12] = struct.pack("<HHII", 273, 4, 7_000_000, 200)
    return bytes(data)


def tiff_of_250_copies_of_a_long_tag():
    entries, pixels = gray_tiff(10, 10, bytes(100))
    return tiff(([*entries.items(), *[(320, [0] * 20_000)] * 250], pixels))


def tiff_of_65535_entries():
    return b"II*\0" + struct.pack("<IH", 8, 65535) + struct.pack("<HHII", 700, 1, 1, 0) * 65535 + bytes(4)


def tiff_of_overlapping_directories():
    """A thousand directories of 65,535 entries each, in the same bytes."""
    size = 2 + 12 * 65_535
    data = bytearray(b"\xff" * (8 + 4 * 1100 + size))
    data[:8] = b"II*\0" + struct.pack("<I", 8)
    for index in range(1000):
        struct.pack_into("<I", data, 8 + 4 * index + size, 8 + 4 * (index + 1))
    return bytes(data)


def tiff_jpeg_of_many_segments():
    rows = 30_000
    strip = jpeg(segment(0xFE, b"") * 200, TABLES, frame(8, 1), scan([1], data=bytes(2)))
    entries, pixels = gray_tiff(8, rows, strip * rows, t259=7, t278=1)
    data = bytearray(tiff((entries | {273: [PIXELS] * rows, 279: [len(strip)] * rows}, pixels)))
    place = len(data) - len(pixels) - 6 * rows  # places, and sizes as shorts behind them
    struct.pack_into(f"<{rows}I", data, place, *(len(data) - len(pixels) + index * len(strip) for index in range(rows)))
    return bytes(data)


def tiff_loop_of_pages():
    data = bytearray(tiff(gray_tiff(10, 10, bytes(100)), gray_tiff(10, 10, bytes(100))))
    (second,) = struct.unpack_from("<I", data, 10 + 12 * 9)
    struct.pack_into("<I", data, second + 2 + 12 * 9, 8)
    return bytes(data)


def tiff_of_pages_that_share_their_pixels():
    pixels = zeros(1 << 20)
    tags = [{256: 4096, 257: 4096, 258: 8, 259: 8, 262: 1, 273: 0, 278: 4096, 279: len(pixels)} for _ in range(100)]
    data = tiff(*((entries, b"") for entries in tags))
    for entries in tags:
        entries[273] = len(data)
    return tiff(*((entries, b"") for entries in tags)) + pixels


def tiff_of_100000_pages():
    page = struct.pack("<H", 0)
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + b"".join(page + struct.pack("<I", 8 + 6 * (index + 1) if index < 99_999 else 0) for index in range(100_000))
    )


def tiff_deflate_bomb():
    return tiff(gray_tiff(60_000, 60_000, zeros(1 << 24), t259=8))


def tiff_of_4_doubles_and_50_megapixels():
    tags = {"t258": [64] * 4, "t277": 4, "t262": 2, "t339": [3] * 4, "t338": 1}
    return tiff(gray_tiff(8000, 6200, zeros(1 << 20), t259=8, **tags))


def tiff_rgb_in_one_strip_of_20_megapixels():
    return tiff(gray_tiff(5000, 4000, zeros(60_000_000), t259=8, t258=[8] * 3, t277=3, t262=2))


def tiff_gray_in_one_strip_of_24_megapixels():
    return tiff(gray_tiff(6000, 4000, zeros(24_000_000), t259=8))


def tiff_not_compressed_in_one_strip_of_30_megapixels():
    return tiff(gray_tiff(6000, 5000, bytes(30_000_000)))


def tiff_16_bits_of_24_megapixels():
    return tiff(gray_tiff(6000, 4000, zeros(48_000_000), t259=8, t258=16))


def tiff_of_slow_deflate():
    pixels = slow_deflate(bytes(36_000_000), 20_000_000)
    return tiff(gray_tiff(4000, 3000, pixels, t259=8, t258=[8] * 3, t277=3, t262=2))


def tiff_lzw_of_clear_codes():
    """A clear code before every value: 9 bits each, from the highest."""
    four = int("".join(f"{256 << 9 | 7:018b}" for _ in range(4)), 2).to_bytes(9, "big")
    return tiff(gray_tiff(4000, 3000, four * 3_000_000, t259=5))


def tiff_jpeg_of_another_size():
    inner = jpeg(TABLES, frame(60_000, 60_000), scan([1], data=bytes(10)))
    return tiff(gray_tiff(16, 16, inner, t259=7))


def tiff_jpeg_of_the_old_kind():
    return tiff(gray_tiff(16, 16, bytes(100), t259=6, t513=8, t514=100))


def tiff_of_overlapping_strips():
    rows = 10_000
    entries, pixels = gray_tiff(100, rows, bytes(30_000_000), t278=1)
    entries |= {273: [PIXELS] * rows, 279: [30_000_000] * rows}
    return tiff((entries, pixels))


def tiff_of_65536_strips():
    rows = 65_535
    entries, pixels = gray_tiff(100, rows, bytes(6_553_500), t278=1, t273=[PIXELS] * rows, t279=[100] * rows)
    return tiff((entries, pixels))


def tiff_fax_of_50_megapixels():
    return tiff(gray_tiff(8000, 6200, bytes(100), t258=1, t259=4))


def tiff_fax_3_of_noise():
    noise = np.random.default_rng(0).bytes(5_000_000)
    return tiff(gray_tiff(6000, 4000, noise, t258=1, t259=3))


def tiff_fax_4_of_noise():
    noise = np.random.default_rng(0).bytes(5_000_000)
    return tiff(gray_tiff(6000, 4000, noise, t258=1, t259=4))


def tiff_strips_of_no_rows():
    return tiff(gray_tiff(10, 10, bytes(100), t278=0))


def big_tiff():
    return b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + bytes(100)


# WebP


def riff(*chunks):
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp(pixels=DIGIT, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", **options)
    return file.getvalue()


def vp8x(width, height, flags=0):
    return b"VP8X", struct.pack("<B3x", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def vp8l_of_many_codes(width, height, groups):
    """A lossless image that takes another set of codes for each 4x4 pixels: 6 KB of tables each, from 20 bits."""
    bits = Bits()
    bits.put(0x2F, 8)
    bits.put(width - 1, 14)
    bits.put(height - 1, 14)
    bits.put(0, 1 + 3 + 1 + 1)  # no alpha, version 0, no transform, no colour cache
    bits.put(1, 1 + 3)  # sets of codes differ, for each 4x4 pixels
    bits.put(0, 1)  # of the image that tells which: no colour cache
    for size in (280, 256):  # green and red, the low and the high byte of a set's number: codes of 8 bits each
        bits.put(0, 1)
        bits.put(19 - 4, 4)
        for symbol in (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, *range(9, 16)):
            bits.put(1 if symbol in (0, 8) else 0, 3)
        bits.put(0, 1)
        bits.put((1 << 256) - 1, size)
    for _ in range(3):  # blue, alpha, distance: one symbol, 0, of no bits
        bits.put(1, 4)
    flip = [int(f"{value:08b}"[::-1], 2) for value in range(256)]
    stream = [flip[index & 255] | flip[index >> 8] << 8 for index in range(groups)]
    count = -(-width // 4) * -(-height // 4)
    numbers = struct.pack(f"<{groups}H", *stream) * (count // groups + 1)
    # Five codes of one symbol each, 20 bits in all; two sets are 5 bytes.
    sets = int("0001" * 10, 2).to_bytes(5, "little") * (groups // 2 + 1)
    head, shift = bits.value, bits.count
    rest = int.from_bytes(numbers[: 2 * count] + sets, "little")
    return (head | rest << shift).to_bytes((shift + 8 * (2 * count + len(sets))) // 8 + 16, "little")


def webp_of_many_codes():
    return riff((b"VP8L", vp8l_of_many_codes(2048, 2048, 65_536)))


def webp_alpha_of_many_codes():
    alpha = vp8l_of_many_codes(2048, 2048, 65_536)[5:]  # without the header
    lossy = webp(np.zeros((2048, 2048), np.uint8))
    at = lossy.index(b"VP8 ")
    (size,) = struct.unpack_from("<I", lossy, at + 4)
    return riff(vp8x(2048, 2048, 0x10), (b"ALPH", b"\1" + alpha), (b"VP8 ", lossy[at + 8 : at + 8 + size]))


def webp_canvas_of_280_terapixels():
    inner = webp()[12:]
    (size,) = struct.unpack_from("<I", inner, 4)
    return riff(vp8x(1 << 24, 1 << 24), (inner[:4], inner[8 : 8 + size]))


def webp_animation_on_a_giant_canvas():
    inner = webp()[12:]
    place = bytes(6) + struct.pack("<I", DIGIT.shape[1] - 1)[:3] + struct.pack("<I", DIGIT.shape[0] - 1)[:3] + bytes(4)
    return riff(vp8x(1 << 14, 1 << 14, 2), (b"ANIM", bytes(6)), *[(b"ANMF", place + inner)] * 3)


def webp_of_16383_x_16383():
    lossy = bytearray(webp(DIGIT))
    at = lossy.index(b"\x9d\x01\x2a")
    struct.pack_into("<HH", lossy, at + 3, 0x3FFF, 0x3FFF)
    return bytes(lossy)


def webp_of_a_million_chunks():
    inner = webp()[12:]
    (size,) = struct.unpack_from("<I", inner, 4)
    return riff(vp8x(48, 48), *[(b"XXXX", b"")] * 1_000_000, (inner[:4], inner[8 : 8 + size]))


def webp_of_two_images():
    inner = webp()[12:]
    (size,) = struct.unpack_from("<I", inner, 4)
    return riff(vp8x(48, 48), *[(inner[:4], inner[8 : 8 + size])] * 2)


# GIF


def gif(width, height, data, canvas=None, frames=1, least=8):
    across, down = canvas or (width, height)
    blocks = b"".join(bytes((len(data[at : at + 255]),)) + data[at : at + 255] for at in range(0, len(data), 255))
    image = b"," + struct.pack("<HHHHBB", 0, 0, width, height, 0, least) + blocks + b"\0"
    return b"GIF89a" + struct.pack("<HHBBB", across, down, 0x80, 0, 0) + bytes(6) + image * frames + b";"


def gif_canvas_of_65535_x_65535():
    return gif(4, 4, b"\0\1\2\0\0\0\0\0\0\0\0", canvas=(65535, 65535))


def gif_of_65535_x_65535():
    return gif(65535, 65535, bytes(1000))


def gif_of_clear_codes():
    return gif(4000, 3000, b"\x24\x49\x92" * 10_000_000, least=2)


def gif_of_one_long_run():
    """Every code is one more than the last: strings as long as they get."""
    bits, width = Bits(), 9
    bits.put(256, 9)
    bits.put(0, 9)
    for code in range(258, 4096):
        bits.put(code, width)
        if code + 1 == 1 << width and width < 12:
            width += 1
    for _ in range(9000):
        bits.put(4095, 12)
    return gif(5000, 5000, bits.bytes())


def gif_of_blocks_of_one_byte():
    start = gif(4000, 3000, b"")
    return start[: start.index(b",") + 11] + b"\1\0" * 15_000_000 + b"\0;"


def gif_of_100000_frames():
    return gif(4, 4, b"\0\1\2\0\0\0\0\0\0\0\0", frames=100_000)


# The rest


def pnm_of_25_gigapixels():
    return b"P5\n500000 50000\n255\n" + bytes(100)


def pnm_plain_of_16_million_numbers():
    return b"P2\n4000 4000\n255\n" + b"7 " * 16_000_000


def pnm_of_long_comments():
    return b"P5\n" + b"#" * 30_000_000 + b"\n8 8\n255\n" + bytes(64)


def pnm_of_many_comments():
    return b"P5\n" + b"#\n" * 1_000_000 + b"8 8\n255\n" + bytes(64)


def jp2(pixels=DIGIT):
    return cv2.imencode(".jp2", pixels)[1].tobytes()


def jpeg_2000_of_4_billion_x_4_billion():
    data = bytearray(jp2())
    at = data.index(b"\xff\x51")
    struct.pack_into(">II", data, at + 6, 0xFFFFFFFF, 0xFFFFFFFF)
    return bytes(data)


def jpeg_2000_of_tiles_of_one_pixel():
    data = bytearray(jp2())
    at = data.index(b"\xff\x51")
    struct.pack_into(">II", data, at + 6, 6000, 4000)
    struct.pack_into(">II", data, at + 22, 1, 1)
    return bytes(data)


def pdf(box=(0, 0, 200, 200), content=b"", pages=1, objects=b"", resources=b""):
    """A document without a table of references, which readers rebuild."""
    kids = b" ".join(b"%d 0 R" % (10 + index) for index in range(pages))
    parts = [b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"]
    parts.append(b"2 0 obj<</Type/Pages/Kids[" + kids + b"]/Count %d>>endobj\n" % pages)
    sides = b" ".join(b"%g" % side for side in box)
    for index in range(pages):
        parts.append(
            b"%d 0 obj<</Type/Page/Parent 2 0 R/MediaBox[%s]/Resources<<%s>>/Contents 3 0 R>>endobj\n"
            % (10 + index, sides, resources)
        )
    parts.append(b"3 0 obj<</Length %d>>stream\n" % len(content) + content + b"\nendstream endobj\n")
    return b"".join((*parts, objects, b"trailer<</Root 1 0 R>>\n%%EOF\n"))


def pdf_page_of_a_square_kilometre():
    return pdf(box=(0, 0, 2_834_645, 2_834_645))


def pdf_page_of_no_size():
    return pdf(box=(5, 5, 5, 5))


def pdf_of_5000_pages():
    return pdf(pages=5000)


def pdf_of_forms_that_draw_each_other():
    """Ten levels, each drawing the next one ten times."""
    objects = b""
    for level in range(10):
        content = b"/F Do " * 10 if level < 9 else b"0 0 100 100 re f"
        objects += (
            b"%d 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 200 200]" % (5000 + level)
            + b"/Resources<</XObject<</F %d 0 R>>>>/Length %d>>stream\n" % (5001 + level, len(content))
            + content
            + b"\nendstream endobj\n"
        )
    return pdf(content=b"/F Do", objects=objects, resources=b"/XObject<</F 5000 0 R>>")


def pdf_with_an_image_of_268_megapixels():
    packed = zeros(1 << 28)
    image = (
        b"5000 0 obj<</Type/XObject/Subtype/Image/Width 16384/Height 16384/BitsPerComponent 8/ColorSpace/DeviceGray"
        b"/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    ) + packed
    return pdf(
        content=b"200 0 0 200 0 0 cm /F Do",
        objects=image + b"\nendstream endobj\n",
        resources=b"/XObject<</F 5000 0 R>>",
    )


def pdf_of_a_million_curves():
    return pdf(content=b"0 0 m 50 200 150 0 200 200 c S\n" * 1_000_000)


def pdf_of_500_pages_that_each_take_long():
    return pdf(pages=500, content=b"0 0 m 50 200 150 0 200 200 c S\n" * 3_000)


def jpeg_xl():
    return b"\xff\x0a" + bytes(100)


# Intact files, small ones of every format


def saved(format, pixels=DIGIT, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def encoded(suffix, pixels=DIGIT, *flags):
    return cv2.imencode(suffix, pixels, list(flags))[1].tobytes()


COLOUR = np.dstack([DIGIT, DIGIT // 2, 255 - DIGIT])
ALPHA = np.dstack([COLOUR, 255 - DIGIT])


def animation(format, **options):
    frames = [Image.fromarray(np.roll(DIGIT, 8 * index, 1)) for index in range(3)]
    file = io.BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:], duration=100, **options)
    return file.getvalue()


def turned(format, **options):
    exif = Image.Exif()
    exif[274] = 6
    return saved(format, exif=exif.tobytes(), **options)


def intact_png():
    yield encoded(".png")
    yield encoded(".png", COLOUR)
    yield encoded(".png", ALPHA)
    yield encoded(".png", DIGIT.astype(np.uint16) * 257)
    yield turned("PNG")
    yield animation("PNG")
    palette = Image.fromarray(DIGIT).quantize(4)
    file = io.BytesIO()
    palette.save(file, "PNG", transparency=0)
    yield file.getvalue()
    yield blank_png(20, 20, 8, 2, 1)


def intact_jpeg():
    yield encoded(".jpg")
    yield encoded(".jpg", COLOUR)
    yield encoded(".jpg", COLOUR, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    yield encoded(".jpg", COLOUR, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    yield turned("JPEG")
    file = io.BytesIO()
    Image.fromarray(COLOUR).convert("CMYK").save(file, "JPEG")
    yield file.getvalue()


def intact_bmp():
    yield encoded(".bmp")
    yield encoded(".bmp", COLOUR)
    yield encoded(".bmp", ALPHA)
    yield bmp(16, 16, 8, 1, (b"\x10\7" + b"\0\0") * 15 + b"\x10\7\0\1")
    yield bmp(16, 16, 4, 2, (b"\x10\x12" + b"\0\0") * 15 + b"\x10\x12\0\1")
    yield bmp(16, 16, 1, 0, bytes(64))
    yield bmp(16, 16, 16, 0, bytes(512))


def intact_tiff():
    yield encoded(".tiff")
    yield encoded(".tiff", COLOUR)
    yield encoded(".tiff", DIGIT.astype(np.uint16) * 257)
    yield encoded(".tiff", DIGIT.astype(np.float32))
    yield saved("TIFF", COLOUR, compression="tiff_lzw")
    yield saved("TIFF", COLOUR, compression="tiff_adobe_deflate")
    yield saved("TIFF", COLOUR, compression="jpeg")
    yield saved("TIFF", DIGIT, compression="packbits")
    for fax in ("group3", "group4"):
        file = io.BytesIO()
        Image.fromarray(DIGIT).convert("1").save(file, "TIFF", compression=fax)
        yield file.getvalue()
    yield animation("TIFF")
    tile = {322: 64, 323: 32, 324: PIXELS, 325: 2048}
    yield tiff(({256: 50, 257: 20, 258: 8, 259: 1, 262: 1, 277: 1, **tile}, bytes(range(256)) * 8))
    yield tiff(gray_tiff(20, 20, bytes(range(200)) * 2), gray_tiff(8, 8, bytes(64)), order=">")


def intact_webp():
    yield webp(COLOUR, quality=80)
    yield webp(COLOUR, lossless=True)
    yield webp(ALPHA, quality=80)
    yield webp(ALPHA, lossless=True)
    yield animation("WEBP")
    yield turned("WEBP")


def intact_gif():
    yield saved("GIF")
    yield saved("GIF", COLOUR)
    yield saved("GIF", interlace=1, transparency=0)
    yield animation("GIF")


def intact_pnm():
    yield encoded(".pgm")
    yield encoded(".ppm", COLOUR)
    yield encoded(".pbm", (DIGIT > 128).astype(np.uint8))
    yield encoded(".pgm", DIGIT.astype(np.uint16) * 257)
    yield b"P2 # text\n4 3\n15\n" + b"1 2 3 15\n" * 3
    yield b"P3\n2 2\n255\n" + b"1 2 3 255 0 0\n" * 2
    yield b"P1\n4 3\n0101 1 0 1 0\n1111"


def intact_jpeg_2000():
    yield jp2()
    yield jp2(COLOUR)
    yield saved("JPEG2000", COLOUR, no_jp2=True)
    yield saved("JPEG2000", ALPHA, irreversible=True)


def intact_heic():
    import pillow_heif

    for pixels in (COLOUR, ALPHA):
        file = io.BytesIO()
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, quality=80)
        yield file.getvalue()
    several = pillow_heif.from_pillow(Image.fromarray(COLOUR))
    several.add_from_pillow(Image.fromarray(np.roll(COLOUR, 10, 1)))
    file = io.BytesIO()
    several.save(file, quality=50)
    yield file.getvalue()


def intact_avif():
    yield saved("AVIF", COLOUR)
    yield saved("AVIF", ALPHA)
    yield animation("AVIF")


def intact_pdf():
    file = io.BytesIO()
    pages = [Image.fromarray(DIGIT), Image.fromarray(COLOUR)]
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:])
    yield file.getvalue()
    yield pdf(content=b"10 10 m 100 180 l 5 w S 0 0 100 100 re f")
    yield pdf(box=(0, 0, 100, 50), pages=3)


INTACT = {
    "PNG": intact_png,
    "JPEG": intact_jpeg,
    "BMP": intact_bmp,
    "TIFF": intact_tiff,
    "WebP": intact_webp,
    "GIF": intact_gif,
    "PNM": intact_pnm,
    "JPEG 2000": intact_jpeg_2000,
    "HEIC": intact_heic,
    "AVIF": intact_avif,
    "PDF": intact_pdf,
}

ATTACKS = {
    name: make
    for name, make in list(globals().items())
    if name.startswith(("png_", "jpeg_", "bmp_", "tiff_", "webp_", "gif_", "pnm_", "pdf_")) and name != "jpeg_noise"
}
