"""What normalise promises to any caller: the same digit whatever the paper, pen, place and size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_runtime.errors import UsageError
from edge_runtime.normalise import is_blank, normalise
from edge_runtime.synthetic.digits import draw_digit

LABELS = st.integers(0, 9)
SEEDS = st.integers(0, 10_000)


def likeness(a, b):
    """Correlation of two digits, -1..1, the best of all shifts by a pixel: the box may have moved by one."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(float(np.corrcoef(np.roll(a, shift, (0, 1)).ravel(), b.ravel())[0, 1]) for shift in shifts)


@given(LABELS, SEEDS)
def test_the_layout_is_mnists(label, seed):
    digit = normalise(draw_digit(label, seed, size=90))
    rows, columns = np.nonzero(digit)
    assert digit.max() == 255
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)  # the faintest edge may round to 0
    mass = digit.astype(float) / digit.sum()
    middles = np.arange(28) + 0.5
    assert 14 <= (mass.sum(1) * middles).sum() < 15
    assert 14 <= (mass.sum(0) * middles).sum() < 15


@given(LABELS, SEEDS)
def test_dark_on_light_is_light_on_dark(label, seed):
    digit = draw_digit(label, seed, size=60)
    np.testing.assert_array_equal(normalise(digit), normalise(255 - digit))


@given(LABELS, SEEDS, st.integers(0, 20), st.integers(0, 20))
def test_the_place_does_not_matter(label, seed, x, y):
    digit = draw_digit(label, seed, size=40)
    moved = np.zeros((60, 60), np.uint8)
    moved[y : y + 40, x : x + 40] = digit
    still = np.zeros((60, 60), np.uint8)
    still[:40, :40] = digit
    np.testing.assert_array_equal(normalise(moved), normalise(still))


@given(LABELS, SEEDS, st.integers(0, 560), st.integers(0, 400))
@settings(max_examples=30, deadline=None)
def test_a_small_digit_is_found_anywhere_on_a_photograph(label, seed, x, y):
    digit = draw_digit(label, seed, size=80)
    sheet = np.full((480, 640), 230, np.uint8)
    sheet[y : y + 80, x : x + 80] -= (digit * 0.8).astype(np.uint8)
    assert likeness(normalise(sheet), normalise(digit)) > 0.8


@given(LABELS, SEEDS, st.sampled_from([56, 112, 300, 1000]))
@settings(deadline=None)
def test_the_size_hardly_matters(label, seed, size):
    small, large = (normalise(draw_digit(label, seed, size=side)) for side in (100, size))
    assert likeness(small, large) > 0.85


@given(LABELS, SEEDS, st.integers(0, 100), st.integers(140, 255))
def test_the_levels_of_paper_and_ink_hardly_matter(label, seed, ink, paper):
    digit = draw_digit(label, seed, size=60)
    photographed = (paper - digit.astype(int) * (paper - ink) // 255).astype(np.uint8)
    assert likeness(normalise(photographed), normalise(digit)) > 0.85


@given(LABELS, SEEDS)
def test_a_normalised_digit_stays_as_it_is(label, seed):
    digit = normalise(draw_digit(label, seed, size=80))
    assert likeness(normalise(digit), digit) > 0.99


@given(LABELS, st.integers(0, 200))
@settings(deadline=None)
def test_paper_grain_and_specks_are_taken_off(label, seed):
    clean = draw_digit(label, seed, size=100, pen=0.12)
    random = np.random.default_rng(seed)
    dirty = np.clip(255.0 - clean * 0.8 + random.normal(0, 5, clean.shape) - 20, 0, 255).astype(np.uint8)
    dirty[3:5, 3:5] = 0
    assert likeness(normalise(dirty), normalise(clean)) > 0.85


@pytest.mark.parametrize("level", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 500), (700, 900)])
def test_plain_paper_is_blank(level, shape):
    assert is_blank(normalise(np.full(shape, level, np.uint8)))


def test_faint_grain_alone_is_blank():
    paper = np.random.default_rng(0).normal(200, 2, (120, 120))
    assert is_blank(normalise(paper.astype(np.uint8)))


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))))
@settings(max_examples=300, deadline=None)
def test_any_image_gives_28x28(gray):
    digit = normalise(gray)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    assert is_blank(digit) or digit.max() >= 240


@pytest.mark.parametrize("shape", [(1, 20_000), (20_000, 1), (2, 9_000)])
def test_extreme_shapes_give_28x28(shape):
    gray = np.zeros(shape, np.uint8)
    gray[:, : shape[1] // 2] = 255
    assert normalise(gray).shape == (28, 28)


def test_a_strided_and_read_only_image_is_taken_and_left_alone():
    large = cv2.resize(draw_digit(5, 3, size=100), (200, 200))
    view = large[::2, ::2]
    view.flags.writeable = False
    before = view.copy()
    np.testing.assert_array_equal(normalise(view), normalise(before))
    np.testing.assert_array_equal(view, before)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((28, 28)),
        np.zeros((28, 28), bool),
        np.zeros((28, 28), np.uint16),
        np.zeros((28, 28, 3), np.uint8),
        np.zeros((0, 5), np.uint8),
        [[0, 255]],
    ],
)
def test_what_is_no_gray_image_is_refused(image):
    with pytest.raises(UsageError, match="a gray image is a uint8 array"):
        normalise(image)
