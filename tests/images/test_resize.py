"""Resizing that is the same on every processor, held against what it means."""

import numpy as np
import pytest

from edge_runtime.images.light import divide_by_paper
from edge_runtime.images.resize import resize_area, resize_linear


@pytest.mark.parametrize(("before", "after"), [((37, 23), (20, 12)), ((21, 20), (20, 19)), ((60, 7), (20, 2))])
def test_each_pixel_is_the_mean_of_what_it_covers(before, after):
    gray = np.random.default_rng(1).integers(0, 256, before, dtype=np.uint8)
    fine = np.kron(gray, np.ones(after, np.int64))  # each pixel as many as the other side has: whole blocks again
    height, width = after
    blocks = fine.reshape(height, before[0], width, before[1]).sum((1, 3))
    area = before[0] * before[1]
    assert (resize_area(gray, width, height) == (2 * blocks + area) // (2 * area)).all()


@pytest.mark.parametrize(
    ("before", "after"),
    [((401, 300), (180, 113)), ((1600, 1400), (333, 1399)), ((3000, 2990), (7, 9)), ((30_000, 2), (400, 2))],
)
def test_a_large_image_is_reduced_as_a_small_one_is(before, after):
    """In bands, and where the sums fit 32 bits no more."""
    gray = np.random.default_rng(2).integers(0, 256, before, dtype=np.uint8)
    down, across = (covered(*sides) for sides in zip(before, after, strict=True))
    sums = np.rint(down @ gray @ across.T).astype(np.int64)  # whole numbers below 2**53
    assert (resize_area(gray, after[1], after[0]) == (2 * sums + gray.size) // (2 * gray.size)).all()


def covered(before, after):
    """How much each of `after` pixels covers of each of `before`, in units of 1/after."""
    edges = np.arange(after + 1) * before
    return np.diff(np.clip(edges[:, None] - np.arange(before) * after, 0, after), axis=0).astype(np.float64)


def test_whole_pixels_are_their_mean():
    gray = np.random.default_rng(3).integers(0, 256, (600, 800), dtype=np.uint8)
    means = gray.reshape(200, 3, 400, 2).mean((1, 3))
    assert np.abs(resize_area(gray, 400, 200) - means).max() <= 0.5


def test_linear_stays_within_a_level_of_the_straight_line():
    ramp = np.tile(np.arange(0, 200, 20, dtype=np.uint8), (3, 1))
    grown = resize_linear(ramp, 40, 6)
    truth = np.clip((np.arange(40) + 0.5) / 4 - 0.5, 0, 9) * 20
    assert grown.shape == (6, 40)
    assert np.abs(grown - truth).max() <= 1


def test_light_is_the_rounded_share_of_paper():
    gray, paper = (plane.astype(np.uint8) for plane in np.mgrid[0:256, 0:256])
    above, below = (np.minimum(plane.astype(np.float64) + 8, 255) for plane in (gray, paper))
    assert (divide_by_paper(gray, paper, 8, 128) == np.minimum(np.rint(128 * above / below), 255)).all()
