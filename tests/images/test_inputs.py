"""One call from anything image-like to digits, whatever holds the pixels."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import edge_runtime
from edge_runtime import Classifier, Reader, classify, read_gray, read_page
from edge_runtime.errors import DamagedImageError, FileError, InputError, NotAnImageError, TooLargeError, UsageError
from edge_runtime.images.inputs import as_gray
from edge_runtime.limits import FILE_BYTES
from edge_runtime.normalise import normalise
from edge_runtime.page import Page
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Box, Digit, Status

DRAWN = draw_page(["2074"], (400, 140), 60, 3, Appearance(ink=(160, 40, 30), paper=(200, 225, 235)))
BGR = DRAWN.image
PNG = cv2.imencode(".png", BGR)[1].tobytes()


class Wrapped:
    """An array of another library."""

    def __init__(self, pixels):
        self._pixels = pixels

    def __array__(self, dtype=None, copy=None):
        return self._pixels


class Slow(io.RawIOBase):
    """A pipe or a connection: each read gives less than was asked for."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._data.readinto(memoryview(buffer)[:1000])


def pil(mode):
    image = Image.fromarray(np.ascontiguousarray(BGR[..., ::-1]))
    if mode == "transparent":
        ink = image.convert("L").point(lambda level: 255 if level < 140 else 0)
        image = Image.new("RGBA", image.size, (0, 0, 0, 0))
        image.putalpha(ink)
        return image
    return image.convert(mode)


def transparent_level(mode):
    """Black ink on a black paper that is transparent, as a PNG says it with tRNS."""
    levels = np.where(np.asarray(pil("L")) < 140, 1, 0).astype(np.uint8)
    file = io.BytesIO()
    image = Image.fromarray(levels)
    if mode == "P":
        image.putpalette([0, 0, 0, 0, 0, 0])
    image.save(file, "PNG", transparency=0)
    return Image.open(file)


FORMS = {
    "bytes": lambda: PNG,
    "bytearray": lambda: bytearray(PNG),
    "memoryview": lambda: memoryview(PNG),
    "BytesIO": lambda: io.BytesIO(PNG),
    "a file that comes in parts": lambda: Slow(PNG),
    "BGR": lambda: BGR,
    "BGR, not contiguous": lambda: np.asfortranarray(BGR),
    "BGRA": lambda: np.dstack([BGR, np.full(BGR.shape[:2], 255, np.uint8)]),
    "gray": lambda: cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY),
    "gray, by columns": lambda: np.asfortranarray(cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)),
    "gray, every second pixel": lambda: cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY).repeat(2, 0).repeat(2, 1)[::2, ::2],
    "gray, turned by half": lambda: np.rot90(
        np.ascontiguousarray(np.rot90(cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY), 2)), 2
    ),
    "gray, turned by a quarter": lambda: np.ascontiguousarray(cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY).T).T,
    "gray with one channel": lambda: cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)[..., np.newaxis],
    "16 bits": lambda: BGR.astype(np.uint16) * 257,
    "floats from 0 to 1": lambda: BGR.astype(np.float32) / 255,
    "a mask of bool": lambda: cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY) < 140,
    "a mask of 0 and 1": lambda: (cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY) < 140).astype(np.uint8),
    "an array of another library": lambda: Wrapped(BGR),
    "PIL RGB": lambda: pil("RGB"),
    "PIL L": lambda: pil("L"),
    "PIL 1": lambda: pil("1"),
    "PIL P": lambda: pil("P"),
    "PIL CMYK": lambda: pil("CMYK"),
    "PIL YCbCr": lambda: pil("YCbCr"),
    "PIL I;16": lambda: Image.fromarray(np.asarray(pil("L")).astype(np.uint16) * 257),
    "PIL F": lambda: pil("F"),
    "PIL RGBA": lambda: pil("RGBA"),
    "PIL LA": lambda: pil("LA"),
    "PIL La": lambda: pil("LA").convert("La"),
    "PIL RGBa": lambda: pil("RGBA").convert("RGBa"),
    "PIL transparent": lambda: pil("transparent"),
    "PIL L with a transparent level": lambda: transparent_level("L"),
    "PIL P with a transparent colour": lambda: transparent_level("P"),
    "PIL from a file": lambda: Image.open(io.BytesIO(PNG)),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_an_image_is_read(name):
    assert read_page(FORMS[name]()).text == DRAWN.text


def test_files_are_read_by_name_by_path_and_open(tmp_path):
    path = tmp_path / "note.png"
    path.write_bytes(PNG)
    with path.open("rb") as file:
        assert read_page(str(path)).text == read_page(path).text == read_page(file).text == DRAWN.text


def test_the_order_of_channels_is_what_the_caller_says():
    """Blue ink on yellow paper differs in gray by which channel is called blue."""
    rgb = np.ascontiguousarray(BGR[..., ::-1])
    np.testing.assert_array_equal(as_gray(rgb, "rgb"), as_gray(BGR))
    assert (as_gray(rgb) != as_gray(BGR)).any()
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(as_gray(alpha, channels="rgb"), as_gray(BGR))
    np.testing.assert_array_equal(as_gray(pil("RGB")), as_gray(BGR))
    with pytest.raises(UsageError, match="'bgr' or 'rgb'"):
        read_page(rgb, channels="grb")


def test_a_pil_image_is_turned_as_its_file_is(tmp_path):
    turned = Image.Exif()
    turned[274] = 6
    pil("RGB").transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=turned.tobytes(), quality=95)
    with Image.open(tmp_path / "turned.jpg") as image:
        assert as_gray(image).shape == as_gray(tmp_path / "turned.jpg").shape == BGR.shape[:2]
        assert read_page(image).text == DRAWN.text


def test_one_digit_is_classified_with_a_decision(tmp_path):
    photo = cv2.imencode(".png", 255 - draw_digit(7, 3, 80))[1].tobytes()
    digit = classify(photo)
    assert (digit.label, digit.status, digit.reason) == (7, Status.OK, "")
    blank = classify(np.full((50, 50), 200, np.uint8))
    assert (blank.label, blank.status, blank.reason) == (None, Status.REJECTED, "blank")
    strict = Reader(Classifier("ann-nano"), max_error=0.001)
    assert classify(photo, strict).confidence == strict.read(photo).digits[0].confidence


def test_an_image_that_is_not_normalised_cannot_slip_into_a_classifier(tmp_path):
    """Black on white and 28x28: it looks like a normalised digit, but is not."""
    for label in range(10):
        path = tmp_path / f"{label}.png"
        cv2.imwrite(str(path), 255 - draw_digit(label, 5))
        gray = read_gray(path)
        assert gray.shape == (28, 28)
        for image in (path, gray, path.read_bytes(), normalise(gray)):
            result = Classifier().classify(image)
            assert (int(result.label), result.label.shape) == (label, ())
            assert result.confidence > 0.9
        expected = Classifier().classify_normalised(normalise(gray)).probabilities
        np.testing.assert_array_equal(Classifier().classify(path).probabilities, expected)


def test_several_images_are_classified_in_one_call(drawn_digits):
    images, labels = drawn_digits
    classifier = Classifier()
    stack = classifier.classify(255 - images)  # dark on light
    assert (stack.label == labels).mean() >= 0.9
    listed = classifier.classify([255 - image for image in images])
    np.testing.assert_array_equal(listed.probabilities, stack.probabilities)
    assert classifier.classify([]).probabilities.shape == (0, 10)


WRONG = {
    "nothing": (None, UsageError, "not NoneType"),
    "a number": (7, UsageError, "not int"),
    "a folder": (Path("/"), FileError, "folder"),
    "no bytes": (b"", FileError, "no bytes"),
    "bytes of no image": (b"no image" * 10, NotAnImageError, "not an image"),
    "half a file": (PNG[: len(PNG) // 2], DamagedImageError, "truncated"),
    "too many bytes": (bytes(FILE_BYTES + 1), TooLargeError, "at most"),
    "a text file": (io.StringIO("no image"), UsageError, "'rb'"),
    "a file read before": (io.BytesIO(), FileError, "seek"),
    "an endless file": (open("/dev/zero", "rb"), TooLargeError, "at most"),  # noqa: PTH123, SIM115
    "rows of numbers": ([[0, 255], [255, 0]], UsageError, "not list"),
    "an empty array": (np.zeros((0, 5), np.uint8), UsageError, "an image is an array"),
    "an array of text": (np.array([["a", "b"]]), UsageError, "an image is an array"),
    "an array of five dimensions": (np.zeros((1, 1, 1, 1, 1), np.uint8), UsageError, "an image is an array"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_image_is_refused_in_one_line(name):
    image, kind, text = WRONG[name]
    with pytest.raises(kind, match=text) as raised:
        read_page(image)
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises((UsageError, InputError)):
        Classifier().classify(image)


def test_a_pil_image_that_cannot_be_decoded_is_a_damaged_one():
    with pytest.raises(DamagedImageError, match="PIL cannot decode"):
        read_page(Image.open(io.BytesIO(PNG[: len(PNG) // 2])))


def test_whatever_a_pil_decoder_raises_is_a_damaged_image(monkeypatch):
    image = pil("RGB")
    monkeypatch.setattr(image, "convert", lambda mode: (_ for _ in ()).throw(IndexError("index out of range")))
    with pytest.raises(DamagedImageError, match="index out of range"):
        read_page(image)


def test_damaged_exif_turns_nothing():
    image = pil("RGB")
    image.info["exif"] = b"Exif\0\0no header"
    assert read_page(image).text == DRAWN.text


def test_a_name_is_not_taken_for_several_images():
    with pytest.raises(UsageError, match="call read for one"):
        Reader(Classifier()).read_many("note.png")


# What a page gives back


def test_a_page_goes_into_json_and_tells_everything():
    page = read_page(BGR)
    found = json.loads(json.dumps(page.to_dict()))
    assert list(found) == ["text", "status", "numbers", "digits", "marks", "rejected", "dropped", "turns", "image"]
    assert (found["text"], found["image"]) == (DRAWN.text, [400, 140])
    assert [each["label"] for each in found["digits"]] == list(DRAWN.text)
    assert [each["box"] for each in found["digits"]] == [list(digit.box) for digit in page.digits]
    doubtful = Digit(3, 0.5, (), Box(1, 2, 3, 4), Status.REJECTED, "low-confidence")
    mark = Digit(None, 0.0, (), Box(5, 6, 7, 8), Status.REJECTED, "separator", None)
    found = Page((doubtful,), 20, 30, (mark,)).to_dict()
    assert (found["text"], found["digits"]) == ("?", [])
    assert found["rejected"] == [
        {"label": "3", "confidence": 0.5, "box": [1, 2, 3, 4], "row": 0, "reason": "low-confidence"}
    ]
    assert found["dropped"] == [{"box": [5, 6, 7, 8], "reason": "separator"}]


def test_a_page_draws_its_digits_over_the_image():
    page = read_page(BGR)
    drawn = page.draw(BGR)
    assert (drawn.shape, drawn.dtype) == (BGR.shape, np.uint8)
    green = (drawn[..., 1] > drawn[..., 0] + 50) & (drawn[..., 1] > drawn[..., 2] + 50)
    for digit in page.digits:
        assert green[digit.box.y, digit.box.x : digit.box.x + digit.box.width].all()
    rgb = np.ascontiguousarray(BGR[..., ::-1])
    np.testing.assert_array_equal(page.draw(rgb, channels="rgb"), drawn[..., ::-1])
    assert np.abs(page.draw(PNG).astype(int) - drawn).max() <= 1  # a decoder rounds luma otherwise
    with pytest.raises(UsageError, match="400 x 140 pixels, not 100 x 100"):
        page.draw(np.zeros((100, 100), np.uint8))


def test_the_package_knows_its_version(run_cli):
    assert run_cli("--version").stdout.split()[-1] == edge_runtime.__version__
