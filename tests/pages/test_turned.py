"""Pages that lie on their side."""

import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.page import Page
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Box, Digit, Status

DIGITS = tuple(
    Digit(label, 0.9, (), Box(x, 100, 20, 40), Status.OK) for label, x in ((1, 50), (2, 75), (3, 175), (4, 200))
)


def test_boxes_of_a_turned_page_are_those_of_the_image():
    upright = Page(DIGITS, 400, 300)
    for turns in range(4):
        turned = upright.turn(turns)
        assert (turned.width, turned.height) == ((400, 300) if turns % 2 == 0 else (300, 400))
        assert turned.text == "12 34"
        image = np.zeros((300, 400), np.uint8)
        box = upright.digits[0].box
        image[box.y : box.y + box.height, box.x : box.x + box.width] = 1
        box = turned.digits[0].box
        rotated = np.rot90(image, turns)
        assert rotated[box.y : box.y + box.height, box.x : box.x + box.width].all()
        assert rotated.sum() == box.width * box.height
        assert turned.turn(-turns) == upright


@pytest.mark.parametrize("turns", [1, 3])
def test_a_page_on_its_side_is_read(turns):
    drawn = draw_page(["31745", "26493"], (300, 400), 48, 3)
    read = Reader(Classifier()).read(np.ascontiguousarray(np.rot90(drawn.image, turns)), "page")
    assert (read.text, read.turns) == ("31745\n26493", turns)
