"""Sets of pages and scenes: which images count, and as what."""

import numpy as np

from benchmarks import generated
from benchmarks.generated import score, score_without
from benchmarks.labelled import labelled
from benchmarks.pages import score_scenes
from benchmarks.trusted import at_limits, count_numbers
from edge_runtime.page import Page
from edge_runtime.segmentation.network import Limit
from edge_runtime.types import Box, Digit, Status
from tests.conftest import skip
from train.errors import FontError
from train.synthetic.kind_pages import BLANK_KINDS, SHAPE, draw_without
from train.synthetic.scenes import fonts
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.scene import World
from train.synthetic.scenes.writers import load_writers


def page(text):
    digits = (Digit(int(each), 0.9, (), Box(40 * at, 0, 30, 40), Status.OK) for at, each in enumerate(text))
    return Page(tuple(digits), 400, 50)


def test_scenes_are_scored_by_digits_rows_and_images_that_give_digits_without_any(tmp_path):
    (tmp_path / "scenes" / "images").mkdir(parents=True)
    (tmp_path / "scenes" / "labels.csv").write_text("filename,label\na.png,1.2 3|45\nb.png,67\nc.png,\nd.png,\n")
    (scenes,) = labelled(tmp_path)
    assert (scenes.name, scenes.paths[0]) == ("scenes", tmp_path / "scenes" / "images" / "a.png")
    texts = {"a.png": "12345", "b.png": "67", "c.png": "8", "d.png": ""}
    found = score_scenes(lambda path: page(texts[path.name]), scenes, "fake", lambda line: None)
    assert found == {
        "images": 2, "digits": 7, "digit_error": 1 / 7, "silent": 0.5, "blank": 2, "blank_with_digits": 1,
    }  # fmt: skip


def test_generated_pages_are_scored_by_digits_marks_and_doubt():
    found = [page("12"), page("34"), page("7"), page("")]
    assert score(found, ("1.2", "34\n5", "", "")) == {
        "pages": 4, "exact": 0.5, "with_marks": 0.25, "silent": 0.5, "accepted": 0.75,
    }  # fmt: skip
    images = (np.full((1, 1), number, np.uint8) for number in (2, 3))
    assert score_without(lambda image: found[int(image[0, 0])], images) == {"images": 2, "with_digits": 0.5}


def test_numbers_are_accepted_by_their_trust():
    assert count_numbers("12 7.5\n- 31") == 3
    judged = [(0.99, True), (0.9, True), (0.6, False)]
    limits = [Limit(0.01, 0.95), Limit(0.1, 0.9), Limit(0.5, 0.5)]
    assert [(each["accepted"], each["wrong"]) for each in at_limits(judged, 4, limits)] == [
        (0.25, 0.0), (0.5, 0.0), (0.75, 1 / 3),
    ]  # fmt: skip


def test_generated_pages_repeat_and_have_kinds_without_digits(drawn_digits):
    try:
        fonts.print_fonts()
    except FontError as error:
        skip(str(error))
    world = World(load_writers(*drawn_digits), Fields(1))
    one, again, other = (generated.draw("boxes", number, world) for number in (1, 1, 2))
    assert np.array_equal(one.image, again.image) and one.text == again.text
    assert not np.array_equal(one.image, other.image)
    assert one.image.shape == SHAPE
    assert generated.digits_of(one.text)
    assert all(not generated.digits_of(generated.draw(kind, 0, world).text) for kind in BLANK_KINDS)
    assert draw_without(2, world, 1).shape == SHAPE
