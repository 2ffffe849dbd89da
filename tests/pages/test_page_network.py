"""The page network: maps of pages, and what they change in a reading."""

import json
import shutil

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.bundles.bundle import PAGES, load_page_bundle
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.explain import draw_stages
from edge_runtime.find.selected_ink import select_ink
from edge_runtime.images.files import to_gray
from edge_runtime.page_check import SCALES
from edge_runtime.segmentation.maps import FINEST, map_again, map_page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.segmentation.outputs import CELL, HEIGHT, SMALL, SQUARE, TILE, Kind, Tiles
from edge_runtime.segmentation.trust import always
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Status

SURE = 12.0  # a logit


class Scripted(PageNetwork):
    """Takes dark pixels for ink of one kind, with the same labels and height everywhere."""

    def __init__(self, kind=Kind.DIGIT, small=False, height=0.0):
        super().__init__(backend="fake")
        self.kind, self.small, self.height, self.tiles = kind, small, height, 0
        self.trust = {name: always(0.98) for name in self.trust}
        self.limits = []

    def run(self, tiles):
        self.tiles += len(tiles)
        squares, cells = TILE // SQUARE, TILE // CELL
        dark = tiles.reshape(len(tiles), squares, SQUARE, squares, SQUARE).min((2, 4)) < 128
        kinds = np.zeros((len(tiles), squares, squares, len(Kind)), np.float32)
        kinds[..., Kind.BACKGROUND] = SURE * ~dark
        kinds[..., self.kind] = SURE * dark
        found = np.zeros((len(tiles), cells, cells, 16), np.float32)
        found[..., SMALL] = SURE if self.small else -SURE
        found[..., HEIGHT] = self.height
        return Tiles(kinds, found)


@pytest.fixture(scope="module")
def page():
    """A drawn page of two rows, gray."""
    return to_gray(draw_page(["2074", "63"], (480, 300), 60, 3).image)


@pytest.fixture(scope="module")
def classifier():
    """The default model."""
    return Classifier()


def read(gray, classifier, pages):
    return Reader(classifier, pages=pages).read(gray, "page")


def test_a_page_whose_digits_the_map_shows_is_read_as_without_a_map(page, classifier):
    found, plain = read(page, classifier, Scripted()), read(page, classifier, False)
    assert found.text == plain.text == "2074\n63"
    assert found.status is plain.status is Status.OK


def test_ink_that_the_map_takes_for_something_else_is_not_read(page, classifier):
    network = Scripted(Kind.OTHER)
    network.trust = PageNetwork().trust
    found = read(page, classifier, network)
    assert [digit for digit in found.digits if digit.status is Status.OK] == []
    assert found.text == ""


class Unsure(Scripted):
    """Takes dark pixels for marks, and is not sure of it."""

    def run(self, tiles):
        found = super().run(tiles)
        return found._replace(kinds=np.minimum(found.kinds, 2.5))


def test_what_may_be_a_slash_or_a_one_is_not_lost(page, classifier):
    found = read(page, classifier, Unsure(Kind.MARK))
    seen = {str(digit.reason) for digit in found.dropped} | {digit.reason for digit in found.digits}
    assert "unread" in seen
    assert found.status is Status.REJECTED


class GrayIsOther(Scripted):
    """Takes black pixels for ink of digits, and gray ones for other ink."""

    def run(self, tiles):
        found = super().run(tiles)
        darkest = tiles.reshape(len(tiles), TILE // SQUARE, SQUARE, TILE // SQUARE, SQUARE).min((2, 4))
        gray = ((darkest > 40) & (darkest < 128))[..., np.newaxis]
        return found._replace(kinds=np.where(gray, np.eye(4, dtype=np.float32)[Kind.OTHER] * SURE, found.kinds))


def test_a_leaning_stroke_that_was_left_out_between_digits_is_not_lost(classifier):
    page = np.full((160, 400), 255, np.uint8)
    for x in (100, 165):
        cv2.putText(page, "8", (x, 110), cv2.FONT_HERSHEY_SIMPLEX, 2.5, 0, 5)
    cv2.line(page, (148, 112), (168, 54), 70, 5)
    found = read(page, classifier, GrayIsOther())
    assert found.text == "818"
    assert read(page, classifier, Scripted()).text == "818"


def test_a_page_that_is_known_to_be_upright_is_not_turned(classifier):
    upside_down = np.rot90(to_gray(draw_page(["3474"], (480, 160), 60, 3).image), 2)
    reader = Reader(classifier)
    assert reader.read(upside_down, "page").turns == 2
    assert reader.read_all(upside_down)[0].turns == 0


class More(Scripted):
    """Shows one more digit, left of the second row of `page`."""

    def run(self, tiles):
        tiles = super().run(tiles)
        tiles.kinds[:, 52:68, 4:12] = np.eye(4)[Kind.DIGIT] * SURE
        return tiles


def test_a_digit_that_only_the_map_shows_is_marked_and_the_page_is_not_ok(page, classifier):
    found = read(page, classifier, More())
    assert "?" in found.text
    assert found.status is Status.REJECTED
    assert {digit.reason for digit in found.digits if digit.label is None} == {"unread"}
    assert read(page, classifier, Scripted()).status is Status.OK


def test_a_doubtful_page_is_read_from_all_of_its_ink_and_at_other_scales(page, classifier):
    sure, unsure = Scripted(), Scripted()
    unsure.trust["clear"] = always(0.02)
    (once,), again = (Reader(classifier, pages=each).read_all(page)[1] for each in (sure, unsure))
    assert len(again) == 2 + len(SCALES)
    for digits in (once, *again):
        assert [digit.label for digit in digits] == [2, 0, 7, 4, 6, 3]
    assert unsure.tiles > sure.tiles


def test_the_map_of_another_scale_shows_the_same_digits(page):
    network = Scripted()
    first = map_page(page, network.run)
    for times in (0.7, 1.3):
        other = map_again(page, first, times, network.run)
        assert other.scale / first.scale == pytest.approx(times, rel=0.1)
        assert other.digits.sum() / other.scale**2 == pytest.approx(first.digits.sum() / first.scale**2, rel=0.15)
    blank = np.full_like(page, 255)
    same, empty = (
        map_again(page, first, 1.0, network.run),
        map_again(blank, map_page(blank, network.run), 1.3, network.run),
    )
    assert [same, empty] == [None, None]


def test_the_stages_of_a_page_show_its_map(page, classifier):
    reader = Reader(classifier, pages=More())
    found = reader.find(page)
    drawing = draw_stages(page, found, reader.decide(found))
    assert max(drawing.shape[:2]) <= 1600
    green = (drawing == (60, 150, 30)).all(2)
    without = draw_stages(page, found._replace(page=None), reader.decide(found))
    assert green.sum() > 1000 > (without == (60, 150, 30)).all(2).sum()


def test_the_stages_of_a_page_whose_digits_are_all_dropped_are_drawn(page, classifier):
    network = Scripted()
    network.trust = {name: always(0.05) for name in network.trust}
    reader = Reader(classifier, pages=network)
    found = reader.find(page)
    assert len(found.digits) == 6
    assert reader.decide(found).digits == ()
    assert draw_stages(page, found, reader.decide(found)).shape[0] <= 1600


def test_the_map_of_a_page_covers_it_at_every_scale():
    for height, width in ((10, 10), (28, 28), (200, 3000), (3000, 200), (480, 640), (1080, 1920)):
        gray = np.full((height, width), 255, np.uint8)
        cv2.circle(gray, (width // 2, height // 2), max(1, min(height, width) // 4), 0, -1)
        for small in (False, True):
            network = Scripted(small=small)
            found = map_page(gray, network.run)
            rows, columns = found.digits.shape
            assert rows >= height * found.scale - 1 and columns >= width * found.scale - 1
            middle = found.digits[int(height * found.scale / 2), int(width * found.scale / 2)]
            assert middle > 0.9
            assert max(found.digits.shape) <= FINEST // SQUARE


def test_low_digits_are_looked_at_again_at_the_scale_that_they_need():
    network = PageNetwork()
    for size, height in (((1920, 1080), 60), ((1200, 1600), 100), ((640, 480), 32)):
        drawn = to_gray(draw_page(["31415926", "2718281"], size, height, 5).image)
        found = map_page(drawn, network.run)
        assert 18 <= height * found.scale * SQUARE <= 48


def test_large_digits_are_looked_at_again_at_a_coarser_scale():
    gray = np.full((480, 640), 255, np.uint8)
    cv2.putText(gray, "7", (200, 400), cv2.FONT_HERSHEY_SIMPLEX, 14, 0, 40)
    coarse, usual = (map_page(gray, Scripted(height=height).run).scale for height in (3.0, 0.0))
    assert coarse < usual


@pytest.mark.parametrize("negative", [False, True])
def test_the_ink_of_digits_does_not_depend_on_a_shadow_or_on_polarity(page, negative):
    network = Scripted()
    found = map_page(page, network.run)
    plain = select_ink(page, found)
    light = np.linspace(0.5, 1.0, page.shape[1])[np.newaxis]
    other = (page * light).astype(np.uint8)
    changed = select_ink(255 - other if negative else other, found)
    assert plain.mask.any()
    both = ((plain.mask > 0) & (changed.mask > 0)).sum() / ((plain.mask > 0) | (changed.mask > 0)).sum()
    assert both > 0.9


def test_a_page_without_digits_has_no_ink(page):
    assert not select_ink(page, map_page(page, Scripted(Kind.OTHER).run)).strength.any()


def test_wrong_arrays_and_a_reader_without_a_network_are_refused(page, classifier):
    with pytest.raises(UsageError, match="256"):
        PageNetwork().run(np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(UsageError, match="no page network"):
        Reader(classifier, pages=False).compare(page)


@pytest.mark.parametrize("trust", [{}, {"weights": [1]}, {"weights": {"path": "x"}}, 3])
def test_a_manifest_with_invalid_weights_is_refused(trust, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(PAGES, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"trust": trust}))
    with pytest.raises(ModelError, match="trust"):
        PageNetwork(load_page_bundle(folder))


def test_the_network_keeps_to_its_size():
    for kind in ("tflite_int8", "onnx_int8"):
        assert load_page_bundle().file(kind).size <= 300_000


def test_a_blank_page_and_a_tiny_one_are_read_as_nothing(classifier):
    for shape in ((480, 640), (1, 1), (5, 400)):
        assert read(np.full(shape, 200, np.uint8), classifier, True).text == ""
