"""Points, commas, minus signs, slashes and colons of numbers; pages that are turned."""

import json

import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.marks import name_marks
from edge_runtime.page import Page
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Box, Digit, Status

# A row of digits from y = 100 to 140: "12" and "34", with 30 pixels between them.
DIGITS = tuple(
    Digit(label, 0.9, (), Box(x, 100, 20, 40), Status.OK) for label, x in ((1, 50), (2, 75), (3, 125), (4, 150))
)
POINT, COMMA, MINUS, SLASH = Box(107, 134, 6, 6), Box(106, 134, 7, 14), Box(103, 118, 16, 4), Box(103, 98, 16, 48)
UPPER, LEADING, FAR, BELOW = Box(107, 110, 6, 6), Box(28, 118, 16, 4), Box(300, 134, 6, 6), Box(60, 190, 6, 6)


def page(*boxes, digits=DIGITS):
    """A page of these digits and marks."""
    return Page(digits, 400, 300, marks=tuple(name_marks(boxes, digits)))


@pytest.mark.parametrize(
    ("boxes", "text", "value"),
    [
        ([], "1234", 1234),
        ([POINT], "12.34", 12.34),
        ([COMMA], "12,34", 12.34),
        ([MINUS], "12-34", None),
        ([LEADING], "-1234", -1234),
        ([LEADING, COMMA], "-12,34", -12.34),
        ([SLASH], "12/34", None),
        ([UPPER, POINT], "12:34", None),
        ([UPPER], "1234", 1234),
        ([FAR, BELOW], "1234", 1234),
    ],
)
def test_marks_stand_in_the_text_where_they_were_written(boxes, text, value):
    read = page(*boxes)
    assert read.text == text
    assert [number.value for number in read.numbers] == [value]
    assert read.digits_text == "1234"
    assert read.status is Status.OK


def test_marks_in_json_have_their_place():
    record = json.loads(json.dumps(page(COMMA).to_dict()))
    assert record["marks"] == [{"text": ",", "box": list(COMMA), "row": 0}]
    assert record["numbers"][0]["box"] == [50, 100, 120, 48]


def test_a_mark_after_the_last_digit_is_not_in_the_text():
    assert page(Box(175, 134, 6, 6)).text == "1234"


def test_boxes_of_a_turned_page_are_those_of_the_image():
    upright = page(COMMA)
    for turns in range(4):
        turned = upright.turn(turns)
        assert (turned.width, turned.height) == ((400, 300) if turns % 2 == 0 else (300, 400))
        assert turned.text == "12,34"
        image = np.zeros((300, 400), np.uint8)
        box = upright.digits[0].box
        image[box.y : box.y + box.height, box.x : box.x + box.width] = 1
        box = turned.digits[0].box
        rotated = np.rot90(image, turns)
        assert rotated[box.y : box.y + box.height, box.x : box.x + box.width].all()
        assert rotated.sum() == box.width * box.height
        assert turned.turn(-turns) == upright


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_is_read(turns):
    drawn = draw_page(["31745", "26493"], (300, 400), 48, 3)
    read = Reader(Classifier()).read(np.ascontiguousarray(np.rot90(drawn.image, turns)), "page")
    assert (read.text, read.turns) == ("31745\n26493", turns)
