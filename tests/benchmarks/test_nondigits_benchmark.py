"""The benchmark of non-digits: what it draws, what it counts, and when it reports a missed target."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import nondigits
from edge_runtime.errors import FileError
from edge_runtime.synthetic.digits import draw_digit
from train.data.mnist import Mnist

KEPT = {"MNIST test": {"kept": 0.995, "error": 0.001}}


@pytest.fixture(scope="module")
def drawn() -> Mnist:
    """Forty drawn digits in the place of MNIST's."""
    labels = np.tile(np.arange(10, dtype=np.uint8), 4)
    images = np.stack([draw_digit(int(label), seed) for seed, label in enumerate(labels)])
    return Mnist(images, labels, images, labels)


def test_digits_are_kept_and_noise_and_blanks_are_rejected_with_the_reasons(drawn):
    images = {"blanks": nondigits.blanks(40), "noise": nondigits.noises(40)}
    found = nondigits.measure("ann", drawn, images, None, lambda line: None)
    assert found["kept"]["MNIST test"]["kept"] > 0.8
    for figures in found["rejected"].values():
        assert figures["images"] == 40
        assert figures["rejected"] > 0.9
        assert sum(figures["reasons"].values()) == pytest.approx(figures["rejected"])
    kept = [at["sets"]["MNIST test"]["kept"] for at in found["by_error"]]
    assert kept == sorted(kept)
    assert len(kept) == len(nondigits.MAX_ERRORS)


def test_drawn_images_repeat_and_differ():
    for draw in (nondigits.blanks, nondigits.noises):
        first, again = draw(8), draw(8)
        assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
        assert len({image.tobytes() for image in first}) == 8


def test_missed_targets_are_reported():
    shares = {"blanks": 0.99, "noise": 0.98, "Fashion-MNIST": 1.0, "letters": 0.84}
    rejected = {kind: {"rejected": share} for kind, share in shares.items()}
    assert [line.split()[3] for line in nondigits.lapses({"kept": KEPT, "rejected": rejected})] == [
        "noise;",
        "letters;",
    ]
    fewer = {"MNIST test": {"kept": 0.98, "error": 0.0}}
    assert len(nondigits.lapses({"kept": fewer, "rejected": {}})) == 1


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(nondigits, "FASHION", tmp_path / "none.gz")
    monkeypatch.setattr(nondigits, "FONTS", Path(tmp_path))
    with pytest.raises(FileError, match="apt-get install dataset-fashion-mnist fonts-breip"):
        nondigits.check()


@pytest.mark.long("runs a whole benchmark")
def test_what_was_accepted_is_drawn(tmp_path):
    digits = [255 - draw_digit(label, 1, 40) for label in range(10)]
    assert nondigits.draw_accepted("ann", digits, tmp_path / "a.png") >= 8
    assert (tmp_path / "a.png").stat().st_size > 1000
