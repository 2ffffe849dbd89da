"""Images of one digit: what is beside it is not read, and several digits are not taken for one."""

import json

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.images.files import to_gray
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Status

PAPER = 240


@pytest.fixture(scope="module")
def reader():
    """A reader with the default model."""
    return Reader(Classifier())


def drawn(text, size=(160, 160), height=80, seed=1):
    """Return a drawn number, gray."""
    return to_gray(draw_page([text], size, height, seed).image)


def ring(gray):
    """Draw a ring around the middle."""
    height, width = gray.shape
    return cv2.ellipse(gray.copy(), (width // 2, height // 2), (width * 9 // 20, height * 9 // 20), 0, 0, 360, 60, 3)


def box(gray):
    """Draw a box around the middle."""
    height, width = gray.shape
    return cv2.rectangle(gray.copy(), (8, 8), (width - 9, height - 9), 60, 3)


def border(gray):
    """Draw a dark line at the left edge."""
    changed = gray.copy()
    changed[:, :6] = 50
    return changed


def shadow(gray):
    """Darken the lower right half."""
    rows, columns = np.indices(gray.shape)
    shade = cv2.GaussianBlur((rows + columns > sum(gray.shape) // 2).astype(np.float32), (0, 0), 4)
    return (gray * (1 - 0.45 * shade)).astype(np.uint8)


@pytest.mark.parametrize("add", [ring, box, border, shadow])
def test_what_is_beside_a_digit_is_not_read(reader, add):
    images = [drawn(str(label), seed=label) for label in range(10)]
    plain = [page.digits[0].label for page in reader.read_many(images)]
    assert plain == [*range(10)]
    digits = [page.digits[0] for page in reader.read_many(map(add, images))]
    accepted = [(label, digit.label) for label, digit in enumerate(digits) if digit.status is Status.OK]
    assert len(accepted) >= 8
    assert [pair for pair in accepted if pair[0] != pair[1]] == []


@pytest.mark.parametrize("text", ["42", "17", "90210"])
def test_several_digits_are_not_taken_for_one(reader, text):
    (digit,) = reader.read(drawn(text, (110 * len(text), 160))).digits
    assert (digit.label, digit.status, digit.reason) == (None, Status.REJECTED, "several-digits")


@pytest.mark.parametrize("label", [2, 3, 5, 8])
@pytest.mark.parametrize("size", [60, 150, 300])
def test_read_gives_the_digit_that_classify_gives(reader, label, size):
    image = drawn(str(label), (size, size), size // 2, seed=label)
    (digit,) = reader.read(image).digits
    page = reader.read(image, "page")
    assert (str(digit.label), digit.status) == (page.text, page.status) == (str(label), Status.OK)


def test_an_empty_cell_has_no_digit(reader):
    cell = np.full((60, 60), PAPER, np.uint8)
    cell[:, :3] = 60
    assert reader.read(cell).digits[0].status is Status.REJECTED
    assert reader.read(cell, "page").text == ""


def test_small_and_larger_images_keep_their_order(reader):
    images = [
        drawn(str(label), (side, side), side // 2, label) for label, side in enumerate((40, 150, 44, 44, 200, 90))
    ]
    assert [page.digits[0].label for page in reader.read_many(images)] == [0, 1, 2, 3, 4, 5]


def test_the_number_of_digits_is_printed(run_cli, tmp_path):
    cv2.imwrite(str(tmp_path / "five.png"), drawn("90210", (550, 160)))
    cv2.imwrite(str(tmp_path / "one.png"), drawn("7"))
    first, second = map(json.loads, run_cli("classify", "--json", "five.png", "one.png").stdout.splitlines())
    assert (first["label"], first["error"]) == ("", "several-digits")
    assert first["note"] == "5 digits found; `edge-digits read` reads them all"
    assert (second["label"], second["status"], "note" in second) == ("7", "ok", False)
    assert "5 digits found" in run_cli("classify", "five.png").stdout
    done = run_cli("batch-classify", ".", "--output", "labels.csv")
    assert "1 partly read, for example: five.png: 5 digits found" in done.stdout + done.stderr
