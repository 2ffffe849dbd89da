"""Every format that is read, its pages and animations, and what is said of those that are not."""

import io
import os
import signal
import struct
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, InputError, NotAnImageError, TooLargeError
from edge_runtime.images import formats
from edge_runtime.images.files import decode_gray, decode_images, is_image_name, needs_extra, read_gray, read_images
from edge_runtime.images.formats import isolated
from edge_runtime.images.gray import stretch
from tests.conftest import ROOT
from tests.image_files import (
    DIGIT,
    INTACT,
    Bits,
    animation,
    encoded,
    gif,
    gray_tiff,
    pdf,
    riff,
    saved,
    tiff,
    tiff_loop_of_pages,
    webp,
)


def differ(a, b):
    return float(np.abs(a.astype(int) - b).mean())


def pages(*digits, **options):
    file = io.BytesIO()
    images = [Image.fromarray(each) for each in digits]
    images[0].save(file, "TIFF", save_all=True, append_images=images[1:], **options)
    return file.getvalue()


TURNS = [np.rot90(DIGIT, turns) for turns in range(3)]


@pytest.mark.parametrize("name", INTACT)
def test_each_intact_file_is_read_and_its_name_is_an_images(name):
    for data in INTACT[name]():
        found = list(decode_images(data))
        assert found
        assert [image.page for image in found] == [*range(1, len(found) + 1)]
        assert {image.pages for image in found} == {len(found)}
        for image in found:
            assert image.gray.dtype == np.uint8
            assert image.gray.ndim == 2
        np.testing.assert_array_equal(decode_gray(data), found[0].gray)
    (found,) = [each for each in formats.FORMATS if each.name == name]
    assert all(is_image_name(f"a{suffix.upper()}") for suffix in found.suffixes)
    assert not needs_extra(f"a{found.suffixes[0]}")  # the tests have all of them


@pytest.mark.parametrize(("name", "error"), [("JPEG 2000", 3), ("HEIC", 12), ("AVIF", 12)])
def test_what_is_decoded_elsewhere_is_the_same_image(name, error):
    gray = cv2.cvtColor(np.dstack([DIGIT, DIGIT // 2, 255 - DIGIT])[..., ::-1], cv2.COLOR_BGR2GRAY)
    blue_first = np.dstack([255 - DIGIT, DIGIT // 2, DIGIT])
    data = encoded(".jp2", blue_first) if name == "JPEG 2000" else next(INTACT[name]())
    assert differ(decode_gray(data), gray) < error


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_every_page_of_a_tiff_is_read(compression, tmp_path):
    (tmp_path / "scan.tif").write_bytes(pages(*TURNS, compression=compression))
    found = list(read_images(tmp_path / "scan.tif"))
    assert [image[1:] for image in found] == [(1, 3, ""), (2, 3, ""), (3, 3, "")]
    for image, turned in zip(found, TURNS, strict=True):
        np.testing.assert_array_equal(image.gray, turned)
    np.testing.assert_array_equal(read_gray(tmp_path / "scan.tif"), DIGIT)


def test_pages_are_decoded_one_at_a_time_and_a_broken_one_costs_none_before_it():
    data = bytearray(pages(*TURNS))
    at = struct.unpack_from("<I", data, 4)[0]
    for _ in range(2):  # to the third directory
        (entries,) = struct.unpack_from("<H", data, at)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * entries)
    struct.pack_into("<HHII", data, at + 2, 256, 3, 1, 0)
    found = decode_images(bytes(data))
    assert next(found).page == 1
    assert next(found).pages == 3
    with pytest.raises(DamagedImageError, match=r"^page 3: the TIFF is broken"):
        next(found)


def test_a_page_whose_pixels_are_too_many_is_named():
    data = tiff(gray_tiff(8, 8, bytes(64)), gray_tiff(20, 20, bytes(400)))
    found = decode_images(data, max_pixels=100)
    next(found)
    with pytest.raises(TooLargeError, match=r"^page 2: the image has 20 x 20 pixels; at most 100"):
        next(found)


def test_pages_that_form_a_loop_are_read_once():
    found = decode_images(tiff_loop_of_pages())
    assert [next(found).page, next(found).page] == [1, 2]
    with pytest.raises(DamagedImageError, match=r"page 3: .* loop"):
        next(found)


def test_the_thumbnail_of_a_page_is_no_page():
    small = gray_tiff(8, 8, bytes(64), t254=1)
    small = dict(sorted(small[0].items())), small[1]
    (image,) = decode_images(tiff(gray_tiff(20, 20, bytes(400)), small))
    assert image[1:] == (1, 1, "1 smaller versions or masks of pages were left out")


def test_pages_beyond_the_limit_are_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr(limits, "PAGES", 2)
    found = list(decode_images(pages(*TURNS)))
    assert [image[1:] for image in found] == [(1, 2, ""), (2, 2, "the file has more pages: the first 2 were read")]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("name", ["HEIC", "AVIF"])
def test_a_turned_photograph_of_the_extra_comes_upright(name, orientation):
    import pillow_heif

    exif = Image.Exif()
    exif[274] = orientation
    wide = np.pad(DIGIT, ((0, 0), (0, 32)), constant_values=255)
    colour = np.dstack([wide] * 3)
    if name == "AVIF":
        data = saved("AVIF", colour, quality=95, exif=exif)
    else:
        file = io.BytesIO()
        pillow_heif.encode("RGB", (80, 48), colour.tobytes(), file, quality=95, exif=exif.tobytes())
        data = file.getvalue()
    turns = {1: 0, 3: 2, 6: 3, 8: 1}  # quarter turns against the clock
    expected = np.rot90(wide, turns[orientation])
    assert decode_gray(data).shape == expected.shape
    assert differ(decode_gray(data), expected) < 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ({"t258": 16}, np.uint16),
        ({"t258": 32, "t339": 3}, np.float32),
        ({"t258": 64, "t339": 3}, np.float64),
        ({"t258": 32, "t339": 2}, np.int32),
        ({"t258": 16, "t339": 2}, np.int16),
    ],
)
def test_deep_tiffs_of_both_byte_orders(kind, values, order):
    pixels = (DIGIT.astype(np.float64) * 100).astype(np.dtype(values).newbyteorder(order)).tobytes()
    entries, pixels = gray_tiff(48, 48, pixels, **kind)
    gray = decode_gray(tiff((dict(sorted(entries.items())), pixels), order=order))
    assert differ(gray, DIGIT) < 1.5


def test_a_large_strip_is_cut_without_a_change():
    large = np.random.default_rng(0).integers(0, 256, (3000, 500), np.uint8)
    np.testing.assert_array_equal(decode_gray(tiff(gray_tiff(500, 3000, large.tobytes()))), large)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_an_animation_says_which_frame_was_read(format):
    (image,) = decode_images(animation(format, **({"lossless": True} if format == "WEBP" else {})))
    assert image[1:] == (1, 1, "animation of 3 frames: the first was read")
    assert differ(image.gray, DIGIT) < 3


def test_a_frame_of_an_animated_webp_may_be_smaller_than_the_canvas():
    inner = webp(lossless=True)[12:]
    place = bytes(6) + (47).to_bytes(3, "little") * 2 + bytes(4)
    header = b"VP8X", struct.pack("<B3x", 2) + (99).to_bytes(3, "little") * 2
    (image,) = decode_images(riff(header, (b"ANIM", bytes(6)), (b"ANMF", place + inner), (b"ANMF", place + inner)))
    np.testing.assert_array_equal(image.gray, DIGIT)


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("colours", [2, 16, 256])
def test_gif_gives_the_pixels_of_its_palette(interlaced, colours):
    picture = np.tile(DIGIT, (5, 7)) // (256 // colours) * (256 // colours)
    np.testing.assert_array_equal(decode_gray(saved("GIF", picture, interlace=interlaced)), picture)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_code_that_ends_a_gif_may_share_a_byte_with_its_last_pixel(count):
    bits = Bits()
    for code in [4, *[index % 4 for index in range(min(count, 3))]]:  # clear, and codes of 3 bits until there are 8
        bits.put(code, 3)
    for index in range(3, count):
        bits.put(index % 4, 4)
    bits.put(5, 3 if count < 3 else 4)
    assert decode_gray(gif(count, 1, bits.bytes(), least=2)).shape == (1, count)


def test_gifs_of_every_number_of_colours():
    chance = np.random.default_rng(4)
    for _ in range(50):
        colours = int(chance.choice([2, 3, 4, 8, 16, 200]))
        pixels = chance.integers(0, colours, chance.integers(1, 24, 2)).astype(np.uint8)
        levels = np.sort(chance.choice(256, colours, replace=False)).astype(np.uint8)
        picture = Image.fromarray(pixels, "P")
        picture.putpalette(np.repeat(levels, 3).tobytes())
        file = io.BytesIO()
        picture.save(file, "GIF", optimize=bool(chance.integers(2)))
        np.testing.assert_array_equal(decode_gray(file.getvalue()), stretch(levels[pixels]))


def test_what_is_transparent_in_a_gif_is_paper():
    image = Image.fromarray((DIGIT > 128).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0])
    file = io.BytesIO()
    image.save(file, "GIF", transparency=1)
    gray = decode_gray(file.getvalue())
    assert gray[DIGIT > 128].min() == 255
    assert gray[DIGIT <= 128].max() == 0


@pytest.mark.parametrize("most", [1, 15, 255, 4095, 65535])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_pnm_of_every_kind_and_depth(most, plain, channels):
    gray = np.round(DIGIT / 255 * most).astype(int)
    values = np.repeat(gray[..., None], channels, 2)
    head = b"P%d\n# drawn\n48 48 %d\n" % ((2 if channels == 1 else 3) + (0 if plain else 3), most)
    if plain:
        body = b" ".join(b"%d" % value for value in values.ravel())
    else:
        body = values.astype(">u2" if most > 255 else np.uint8).tobytes()
    assert differ(decode_gray(head + body), gray * 255 / most) < 1.5


@pytest.mark.parametrize("body", [b"P1 3 2 011 100", b"P1\n3 2\n0 1 1\n1 0 0\n", b"P4\n3 2\n\x60\x80"])
def test_pbm_is_black_on_white(body):
    np.testing.assert_array_equal(decode_gray(body), [[255, 0, 0], [0, 255, 255]])


def test_a_second_image_in_a_pnm_is_told_of():
    one = encoded(".pgm")
    assert [image.note for image in decode_images(one + one)] == ["the file has more images: the first was read"]


def test_pdf_pages_are_drawn_at_200_dpi_and_large_ones_less_finely():
    (page,) = decode_images(pdf(box=(0, 0, 72, 144), content=b"10 10 30 30 re f"))
    assert page.gray.shape == (400, 200)
    assert page.gray[-60, 60] == 0
    assert page.gray[0, 0] == 255
    (poster,) = decode_images(pdf(box=(0, 0, 2384, 3370)))  # A0
    assert poster.note == "drawn at 102 dpi because it is large"
    assert poster.gray.size <= limits.PDF_PIXELS * 1.01


def test_what_is_no_pdf_behind_its_signature():
    with pytest.raises(DamagedImageError, match="the PDF is broken"):
        decode_gray(b"%PDF-1.7\n" + bytes(1000))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\x0a" + bytes(50), "JPEG XL, which is not supported: save it as PNG or JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL, which is not supported: save it as PNG or JPEG"),
        (b"II+\0\x08\0\0\0" + bytes(50), "BigTIFF, which is not supported: save it as TIFF or PNG"),
        (b"MM\0+\0\x08\0\0" + bytes(50), "BigTIFF, which is not supported: save it as TIFF or PNG"),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(50), "not an image: a RIFF file of another kind than WebP"),
        (b"seven", "not an image: PNG, JPEG, BMP, TIFF, WebP, GIF, PNM, JPEG 2000, HEIC, AVIF, PDF are supported"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(data, said):
    with pytest.raises(NotAnImageError) as caught:
        decode_gray(data)
    assert said in str(caught.value)


def test_names_tell_what_is_read_and_what_to_do_with_the_others():
    for name in ("a.png", "B.JPEG", "c.heic", "d.PDF", "e.jp2", "f.gif", "g.pgm", "h.avif", "i.apng"):
        assert is_image_name(name)
        assert formats.advice(name) == ""
    for name in ("a.jxl", "a.svg", "a.psd", "a.dng"):
        assert not is_image_name(name)
        assert formats.advice(name).startswith("save it as ")
    for name in ("a.txt", "png", "a", ".", "a.png.txt"):
        assert not is_image_name(name)
        assert formats.advice(name) == ""


def test_without_the_extra_a_file_costs_one_line_with_the_command(tmp_path, run_cli):
    """In an environment without the libraries: none can be imported."""
    barred = tmp_path / "barred"
    barred.mkdir()
    code = "import sys\nsys.modules.update(dict.fromkeys(['pi_heif', 'PIL', 'pypdfium2']))\n"
    (barred / "sitecustomize.py").write_text(code)
    names = {"HEIC": "a.heic", "AVIF": "b.avif", "PDF": "c.pdf"}
    for name, file in names.items():
        (tmp_path / file).write_bytes(next(INTACT[name]()))
    (tmp_path / "d.png").write_bytes(encoded(".png"))
    said = run_cli("classify", *names.values(), "d.png", code=1, before=str(barred), cwd=tmp_path).stderr
    for name, file in names.items():
        command = "pip install 'edge-digits[formats]'"
        assert f"{file}: this is a file of the format {name}: to read it, {command}" in said
    assert "d.png" not in said
    asked = [*names.values(), "d.png"]
    program = f"from edge_runtime.images.files import needs_extra; print([needs_extra(n) for n in {asked}])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": f"{barred}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([command] * 3 + [""])


# The process that decodes what cannot be bounded by its header.


@pytest.fixture
def fresh():
    """No process is running yet, and none is left behind."""
    isolated._end()
    yield
    isolated._end()


def test_the_process_is_kept_for_the_next_file_and_ends_with_us(fresh):
    data = next(INTACT["AVIF"]())
    decode_gray(data)
    (process,) = isolated._idle
    decode_gray(data)
    assert [each.pid for each in isolated._idle] == [process.pid]
    isolated._end()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_crash_of_the_process_costs_one_error_and_the_next_file_is_read(fresh):
    decode_gray(pdf())
    (process,) = isolated._idle
    found = decode_images(pdf(pages=3))
    assert next(found).page == 1
    os.kill(process.pid, signal.SIGSEGV)
    with pytest.raises(DamagedImageError, match="the PDF cannot be decoded: its decoder crashed or ran out of memory"):
        next(found)
    assert decode_gray(next(INTACT["PDF"]())).size


def test_a_reader_that_stops_early_does_not_stop_the_next(fresh):
    for _ in range(3):
        assert next(decode_images(pdf(pages=3))).pages == 3
    assert len(list(decode_images(pdf(pages=3)))) == 3
    assert len(isolated._idle) == 1


def test_several_threads_decode_at_once(fresh):
    data, results = next(INTACT["AVIF"]()), []
    threads = [threading.Thread(target=lambda: results.append(decode_gray(data).sum())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1


def test_a_lossless_webp_of_some_size_is_read_in_the_process(fresh):
    large = np.tile(DIGIT, (16, 16))
    np.testing.assert_array_equal(decode_gray(webp(large, lossless=True)), large)
    assert isolated._idle
    isolated._end()
    np.testing.assert_array_equal(decode_gray(webp(lossless=True)), DIGIT)
    assert not isolated._idle


def test_interrupting_us_leaves_the_process_to_us(fresh):
    decode_gray(next(INTACT["AVIF"]()))
    (process,) = isolated._idle
    os.kill(process.pid, signal.SIGINT)
    assert decode_gray(next(INTACT["AVIF"]())).size
    assert process.alive


def test_errors_have_their_own_class_from_there_too(fresh):
    with pytest.raises(TooLargeError, match="the image has 48 x 48 pixels; at most 100 are decoded"):
        decode_gray(next(INTACT["JPEG 2000"]()), max_pixels=100)
    with pytest.raises(InputError, match="page 1: the image has 278 x 139 pixels"):
        decode_gray(pdf(box=(0, 0, 100, 50), pages=2), max_pixels=100)
