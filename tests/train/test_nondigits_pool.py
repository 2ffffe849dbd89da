"""Drawn non-digits: they repeat, they have ink, and a network learns from them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.normalise import normalise
from tests.train.test_augmentation import drawn
from train import fit
from train.data import epochs
from train.data.epochs import nondigit_count
from train.data.mnist import Mnist
from train.data.pool import ImagePool
from train.recipes import RECIPES, Dense
from train.synthetic import letters
from train.synthetic.nondigits import NonDigits

LIKE_DIGITS = set("OoIlSsZzBgqb")


@pytest.fixture(scope="module")
def nondigits() -> NonDigits:
    return NonDigits(drawn(), np.arange(10), 3, 100)


@pytest.fixture(scope="module")
def first(nondigits: NonDigits) -> np.ndarray:
    """Their first epoch."""
    return nondigits.epoch(0)


@pytest.mark.long("draws whole epochs")
def test_an_epoch_repeats_and_the_next_differs(nondigits: NonDigits, first: np.ndarray) -> None:
    assert first.dtype == np.uint8 and first.shape == (100, 28, 28)
    assert np.array_equal(first, NonDigits(drawn(), np.arange(10), 3, 100).epoch(0))
    assert (first != nondigits.epoch(1)).any((1, 2)).mean() > 0.9


def test_every_kind_is_drawn_and_is_what_the_runtime_would_show(nondigits: NonDigits, first: np.ndarray) -> None:
    assert sum(count for _, count, _ in nondigits.kinds()) == len(first)
    assert all(count > 0 for _, count, _ in nondigits.kinds())
    assert first.any((1, 2)).mean() > 0.97
    same = [np.array_equal(normalise(picture), picture) for picture in first]
    assert np.mean(same) > 0.5  # deformed ones need not be centred once more to the pixel


def test_letters_that_look_like_digits_are_left_out() -> None:
    assert not LIKE_DIGITS & set(letters.LETTERS)
    assert len(letters.LETTERS) == 52 - len(LIKE_DIGITS)


def test_fonts_have_all_letters_in_several_styles() -> None:
    assert len(letters.printed()) > 10 * len(letters.LETTERS)


@pytest.mark.long("draws whole epochs")
def test_a_pool_keeps_others_apart_from_digits(nondigits: NonDigits, first: np.ndarray, tmp_path: Path) -> None:
    with ImagePool(tmp_path, nondigits, 1) as pool:
        assert np.array_equal(pool.epoch(0), first)
    assert 0 < nondigits.judged < nondigits.size
    assert pool.folder != ImagePool(tmp_path, NonDigits(drawn(), np.arange(10), 3, 101), 1).folder


@pytest.mark.long("trains a network")
def test_a_network_learns_what_is_no_digit(few: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "NONDIGITS_DRAWN", 10)
    recipe = dataclasses.replace(
        RECIPES["ann-small"], layers=(Dense(64, "relu", norm=True), Dense(11, "softmax")), distil=None, nondigits=0.2,
        batch=100, nondigit_epochs=1,
    )  # fmt: skip
    assert nondigit_count(recipe, 2_000) == 500
    model, result = fit.train(recipe, few, fit.Plan(epochs=3, pool=tmp_path))
    assert result.validation is not None and result.validation.accuracy > 0.7
    unseen = NonDigits(drawn(), np.arange(10), 99, 150).epoch(0)
    none = model.predict(unseen.astype(np.float32), verbose=0).argmax(1) == 10
    digits = model.predict(few.test_images.astype(np.float32), verbose=0).argmax(1) == 10
    assert none.mean() > 0.5
    assert digits.mean() < 0.2
