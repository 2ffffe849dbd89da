"""Augmented training digits: the same for the same seed, always different otherwise, and still the same digit."""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime.normalise import BOX, normalise
from train.augmentation.augment import CHUNK, Augmenter
from train.augmentation.chance import CANVAS
from train.augmentation.settings import MILD, STRONG, Augmentation

SHARES = [field.name for field in fields(Augmentation) if field.name.endswith("_share")]
CLEAN = Augmentation(**dict.fromkeys(SHARES, 0.0))


def drawn() -> np.ndarray:
    """The ten digits, drawn by OpenCV and normalised: uint8 (10, 28, 28)."""
    digits = []
    for value in range(10):
        page = np.zeros((64, 64), np.uint8)
        cv2.putText(page, str(value), (16, 50), cv2.FONT_HERSHEY_SIMPLEX, 1.7, 255, 4, cv2.LINE_AA)
        digits.append(normalise(page))
    return np.stack(digits)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return drawn()


def test_same_seed_and_epoch_give_the_same_bytes(digits):
    labels = np.arange(10)
    once, again = (Augmenter(digits, 7, labels).epoch(3) for _ in range(2))
    assert once.dtype == np.uint8 and once.shape == digits.shape
    assert np.array_equal(once, again)


def test_an_epoch_does_not_depend_on_those_before(digits):
    augmenter = Augmenter(digits, 7)
    augmenter.epoch(1)
    assert np.array_equal(augmenter.epoch(5), Augmenter(digits, 7).epoch(5))


def test_every_epoch_seed_and_copy_is_another(digits):
    copies = np.repeat(digits[3:4], CHUNK + 20, axis=0)
    augmenter = Augmenter(copies, 0, augmentation=CLEAN)
    made = np.concatenate([augmenter.epoch(0), augmenter.epoch(1), Augmenter(copies, 1, augmentation=CLEAN).epoch(0)])
    assert len(np.unique(made.reshape(len(made), -1), axis=0)) == len(made)


def test_the_source_is_left_alone(digits):
    before = digits.copy()
    Augmenter(digits, 0, np.arange(10), Augmentation(flag_share=1, bar_share=1, wave_share=1, curl_share=1)).epoch(0)
    assert np.array_equal(digits, before)


def test_a_mild_deformation_stays_nearer(digits):
    copies = np.repeat(digits, 60, axis=0)
    far = [
        np.abs(Augmenter(copies, 2, augmentation=how).epoch(0) - copies.astype(int)).mean() for how in (MILD, STRONG)
    ]
    assert far[0] < 0.8 * far[1]


def test_deformed_digits_are_normalised_and_never_blank(digits):
    made = Augmenter(np.repeat(digits, 60, axis=0), 2).epoch(0)
    assert made.any((1, 2)).all()
    for digit in made:
        rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) < BOX


@pytest.mark.parametrize("how", [CLEAN, MILD, STRONG], ids=["clean", "mild", "strong"])
def test_a_digit_stays_itself(digits, how):
    """The mean of many deformations of a digit looks more like that digit than like any other."""
    count = 120
    made = Augmenter(np.repeat(digits, count, axis=0), 4, augmentation=how).epoch(0)
    means = made.reshape(10, count, -1).mean(1)
    alike = np.corrcoef(means, digits.reshape(10, -1))[:10, 10:]
    assert np.array_equal(alike.argmax(1), np.arange(10))
    assert alike.diagonal().min() > 0.5


def test_no_deformation_gives_nearly_the_digit(digits):
    still = replace(
        CLEAN,
        **dict.fromkeys(("rotation", "slant", "aspect", "balance"), 0.0),
        **dict.fromkeys(("ripple", "bend", "width"), (0.0, 0.0)),
        **dict.fromkeys(("size", "sharpness"), (1.0, 1.0)),
    )
    made = Augmenter(digits, 0, augmentation=still).epoch(0)
    assert np.abs(made.astype(int) - digits).mean() < 10


@pytest.mark.long("draws digits of every kind")
@pytest.mark.parametrize("share", SHARES)
def test_each_kind_of_dirt_shows(digits, share):
    """With one kind on every digit, many pictures differ from those without it."""
    one = np.zeros((28, 28), np.uint8)
    one[4:24, 13:16] = 255
    some = np.repeat([one, digits[7], digits[9]], 20, axis=0)
    labels = np.repeat([1, 7, 9], 20)
    plain = Augmenter(some, 1, labels, CLEAN).raw_images(0, 60)
    dirty = Augmenter(some, 1, labels, replace(CLEAN, **{share: 1.0})).raw_images(0, 60)
    assert dirty.dtype == np.uint8 and dirty.shape == (60, CANVAS, CANVAS)
    assert (plain != dirty).any((1, 2)).sum() >= 15


def test_strokes_are_added_only_to_their_digits(digits):
    how = Augmentation(flag_share=1, bar_share=1, wave_share=1, curl_share=1)
    others = [value for value in range(10) if value not in (1, 7, 9)]
    with_labels = Augmenter(digits[others], 0, np.array(others), how)
    no_sevens = Augmenter(digits[others], 0, np.zeros(len(others), int), how)
    assert np.array_equal(with_labels.epoch(0), no_sevens.epoch(0))


def test_wrong_digits_are_refused(digits):
    with pytest.raises(ValueError, match="uint8"):
        Augmenter(digits.astype(np.float32), 0)
    with pytest.raises(ValueError, match="labels"):
        Augmenter(digits, 0, np.arange(9))


def test_deforming_needs_no_tensorflow():
    heavy = "[name for name in ('tensorflow', 'keras') if name in sys.modules]"
    code = f"import sys, train.augmentation.augment; print({heavy})"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
