"""Resizing that is the same on every processor, held against what it means."""

import cv2
import numpy as np
import pytest

from edge_runtime.resize import linear, smaller


@pytest.mark.parametrize(("before", "after"), [((37, 23), (20, 12)), ((21, 20), (20, 19)), ((60, 7), (20, 2))])
def test_each_pixel_is_the_mean_of_what_it_covers(before, after):
    gray = np.random.default_rng(1).integers(0, 256, before, dtype=np.uint8)
    fine = np.kron(gray, np.ones(after, np.int64))  # each pixel as many as the other side has: whole blocks again
    height, width = after
    blocks = fine.reshape(height, before[0], width, before[1]).sum((1, 3))
    area = before[0] * before[1]
    assert (smaller(gray, width, height) == (2 * blocks + area) // (2 * area)).all()


def test_a_large_picture_is_reduced_as_a_small_one_is():
    gray = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (600, 400), dtype=np.uint8), (0, 0), 9)
    parts = smaller(gray[:200, :300], 75, 50), smaller(gray, 100, 150)[:50, :75]
    assert np.abs(parts[0].astype(int) - parts[1]).max() <= 1


def test_linear_stays_within_a_level_of_the_straight_line():
    ramp = np.tile(np.arange(0, 200, 20, dtype=np.uint8), (3, 1))
    grown = linear(ramp, 40, 6)
    truth = np.clip((np.arange(40) + 0.5) / 4 - 0.5, 0, 9) * 20
    assert grown.shape == (6, 40)
    assert np.abs(grown - truth).max() <= 1
