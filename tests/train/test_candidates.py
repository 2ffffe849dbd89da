"""Crops for a network with a non-digit output."""

import numpy as np

from edge_runtime import Classifier
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.types import NON_DIGIT
from train.synthetic.candidates import draw_candidates


def test_candidates_are_digits_and_what_is_none():
    labels = np.tile(np.arange(10, dtype=np.uint8), 8)
    images = np.stack([draw_digit(int(label), seed=index) for index, label in enumerate(labels)])
    found = draw_candidates(images, labels, 25, seed=1)
    assert found.images.shape == (len(found.labels), 28, 28)
    assert found.images.dtype == np.uint8
    digits = found.labels != NON_DIGIT
    assert 60 < digits.sum() < len(digits) / 2
    read = Classifier().classify_normalised(found.images[digits]).label
    assert (read == found.labels[digits]).mean() > 0.85  # the truth is the truth
    again = draw_candidates(images, labels, 25, seed=1)
    np.testing.assert_array_equal(again.images, found.images)
    np.testing.assert_array_equal(again.labels, found.labels)
