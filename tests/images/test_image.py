"""Picture files of every format, depth and fault, through the public doors."""

import io
import os
import struct
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge_runtime import decode_gray, read_gray
from edge_runtime.errors import DamagedImageError, FileError, InputError, NotAnImageError, TooLargeError
from edge_runtime.synthetic.digits import draw_digit
from tests.conftest import program

FORMATS = [".png", ".jpg", ".bmp", ".tiff", ".webp"]
DIGIT = 255 - draw_digit(3, seed=1, size=80)


def encode(suffix, pixels=DIGIT):
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


def differ(a, b):
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_format_gives_its_gray(suffix):
    for pixels in (DIGIT, cv2.cvtColor(DIGIT, cv2.COLOR_GRAY2BGR)):
        gray = decode_gray(encode(suffix, pixels))
        assert gray.dtype == np.uint8
        assert gray.shape == DIGIT.shape
        assert differ(gray, DIGIT) < 3


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [16, 12, 10])
def test_deep_samples_are_scaled_to_their_range(suffix, bits):
    deep = DIGIT.astype(np.uint16) * ((2**bits - 1) // 255)
    assert differ(decode_gray(encode(suffix, deep)), DIGIT) < 1.5


def test_what_is_drawn_on_nothing_stands_out_from_the_paper():
    shape = 255 - DIGIT
    for ink, paper in ((0, 255), (255, 0), (40, 255), (200, 0)):
        colour = np.full((*DIGIT.shape, 3), ink, np.uint8)
        gray = decode_gray(encode(".png", np.dstack([colour, shape])))
        assert gray[0, 0] == paper
        assert gray[shape == 255].mean() == pytest.approx(ink, abs=2)


def test_faint_bright_ink_on_nothing_is_laid_on_black():
    colour = np.full((*DIGIT.shape, 3), 255, np.uint8)
    gray = decode_gray(encode(".png", np.dstack([colour, (255 - DIGIT) // 3])))
    assert gray[0, 0] == 0
    assert gray.max() > 80


def test_a_palette_entry_that_is_transparent_is_no_ink():
    shape = (255 - DIGIT > 128).astype(np.uint8)
    picture = Image.fromarray(shape, "P")
    picture.putpalette([0, 0, 0, 0, 0, 0])  # both are black; only one of them is seen
    notes = PngInfo()
    notes.add_text("note", "x" * 6000)
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=0, pnginfo=notes)
    gray = decode_gray(file.getvalue())
    assert gray[shape == 0].min() == 255
    assert gray[shape == 1].max() < 10


def test_an_unused_fourth_byte_hides_nothing():
    bmp = bytearray(encode(".bmp", np.dstack([DIGIT] * 3 + [np.full_like(DIGIT, 255)])))
    offset = struct.unpack_from("<I", bmp, 10)[0]
    bmp[offset + 3 :: 4] = bytes(len(bmp[offset + 3 :: 4]))
    assert differ(decode_gray(bytes(bmp)), DIGIT) < 2


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_a_turned_photograph_comes_upright(kind, orientation, mode):
    if (kind, mode) in {("WEBP", "LA"), ("WEBP", "I;16"), ("JPEG", "LA"), ("JPEG", "RGBA"), ("JPEG", "I;16")}:
        return  # there are no such files
    alpha = np.full_like(DIGIT, 255)
    stacks = {"L": DIGIT, "LA": np.dstack([DIGIT, alpha]), "RGBA": np.dstack([DIGIT] * 3 + [alpha])}
    picture = Image.fromarray(stacks[mode] if mode in stacks else DIGIT.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif.tobytes()}
    file = io.BytesIO()
    picture.save(file, kind, **options, **({"lossless": True} if kind == "WEBP" else {}))
    turns = {1: 0, 3: 2, 6: 3, 8: 1, 2: 0, 4: 2, 5: 1, 7: 3}  # quarter turns against the clock
    expected = DIGIT[:, ::-1] if orientation in (2, 4, 5, 7) else DIGIT
    expected = np.rot90(expected, turns[orientation])
    assert differ(decode_gray(file.getvalue()), expected) < 3


# Written by another program than the one that reads them here, in the corners of each format.
CORNERS = {
    "cmyk.jpg": ["-colorspace", "CMYK"],
    "progressive.jpg": ["-interlace", "JPEG"],
    "interlaced.png": ["-interlace", "PNG"],
    "palette.png": ["-colors", "4", "-type", "Palette"],
    "bilevel.png": ["-monochrome"],
    "deep.png": ["-depth", "16", "-define", "png:bit-depth=16"],
    "alpha.png": ["-alpha", "set"],
    "lzw.tiff": ["-compress", "LZW"],
    "zip.tiff": ["-compress", "Zip"],
    "bilevel.tiff": ["-monochrome", "-compress", "None"],
    "tiled.tiff": ["-define", "tiff:tile-geometry=16x16"],
    "big-endian.tiff": ["-endian", "MSB"],
    "old.bmp": ["-define", "bmp:format=bmp3"],
    "alpha.bmp": ["-alpha", "set", "-define", "bmp:format=bmp4"],
    "lossless.webp": ["-define", "webp:lossless=true"],
    "alpha.webp": ["-alpha", "set", "-define", "webp:lossless=true"],
}


@pytest.mark.parametrize("name", CORNERS)
def test_files_of_another_encoder(name, tmp_path):
    convert = program("imagemagick")
    cv2.imwrite(str(tmp_path / "digit.png"), DIGIT)
    subprocess.run([convert, tmp_path / "digit.png", *CORNERS[name], tmp_path / name], check=True)
    assert differ(read_gray(tmp_path / name), DIGIT) < 12


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_truncated_image_is_never_read_as_a_whole_one(suffix):
    data = encode(suffix)
    for end in range(0, len(data) - 1, max(1, len(data) // 60)):
        try:
            gray = decode_gray(data[:end])
        except InputError:
            continue
        np.testing.assert_array_equal(gray, decode_gray(data))  # only padding was cut off


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF"]))
@settings(deadline=None)
def test_noise_gives_our_own_error(noise, start):
    with pytest.raises(InputError):
        decode_gray(start + noise)


def png_bomb(width, height):
    """A PNG that says it is large and holds a few bytes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_before_they_are_allocated(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_bomb(50_000, 50_000))
    with pytest.raises(TooLargeError, match=r"50,000 x 50,000 pixels; at most 50,000,000"):
        read_gray(tmp_path / "bomb.png")


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_pixel_limit_holds_for_each_format(suffix):
    with pytest.raises(TooLargeError):
        decode_gray(encode(suffix), max_pixels=DIGIT.size - 1)
    assert decode_gray(encode(suffix), max_pixels=DIGIT.size).size == DIGIT.size


def test_too_many_bytes_are_refused_unread(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(40 * 1024**3)
    with pytest.raises(TooLargeError, match="at most 33,554,432"):
        read_gray(tmp_path / "huge.png")


def test_no_file_no_image(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("seven")
    os.mkfifo(tmp_path / "pipe.png")
    for name, error in {
        "missing.png": FileError,
        "empty.png": FileError,
        "pipe.png": FileError,
        ".": FileError,
        "nul\0.png": FileError,
        "x" * 300: FileError,
        "text.png": NotAnImageError,
    }.items():
        with pytest.raises(error):
            read_gray(str(tmp_path / name) if name != "." else tmp_path)


def test_a_side_of_nothing_is_damage():
    with pytest.raises(DamagedImageError):
        decode_gray(png_bomb(0, 5))
