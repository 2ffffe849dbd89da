"""The statistics beside the figures, against numbers worked out elsewhere, and the picture of sizes."""

import cv2
import numpy as np
import pytest

from benchmarks.sizes import PUBLISHED, draw
from benchmarks.statistics import mcnemar, wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # R: prop.test(right, total, correct = FALSE)
        (81, 263, 0.2552889, 0.3661999),
        (15, 148, 0.0624322, 0.1605372),
        (0, 20, 0.0, 0.1611252),
        (29, 29, 0.8830268, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=1e-4)


def labels(wrong: range) -> np.ndarray:
    """Labels of a hundred zeros, of which `wrong` are read as ones."""
    read = np.zeros(100, int)
    read[list(wrong)] = 1
    return read


def test_mcnemar_counts_only_digits_on_which_two_models_differ() -> None:
    true = np.zeros(100, int)
    found = mcnemar(labels(range(20)), labels(range(18, 24)), true)
    assert (found.first_only, found.second_only) == (4, 18)
    # 22 tosses of a fair coin with at most 4 heads: 1 + 22 + 231 + 1540 + 7315 ways, in either direction.
    assert found.p == pytest.approx(2 * 9109 / 2**22)
    assert mcnemar(labels(range(18, 24)), labels(range(20)), true).p == pytest.approx(found.p)


def test_models_that_agree_or_tie_do_not_differ() -> None:
    true = np.zeros(100, int)
    assert mcnemar(labels(range(5)), labels(range(5)), true).p == 1
    assert mcnemar(labels(range(3)), labels(range(3, 6)), true).p == 1


def test_ten_thousand_differences_do_not_overflow() -> None:
    true = np.zeros(10_000, int)
    assert mcnemar(true, true + 1, true).p < 1e-300


def test_the_image_shows_ours_and_the_published(tmp_path) -> None:
    model = {"formats": {"tflite_int8": {"bytes": 90_000, "accuracy": 0.994}}}
    draw({"small": model}, tmp_path / "one.png")
    draw(
        {"small": model, "nano": {"formats": {"tflite_int8": {"bytes": 15_000, "accuracy": 0.992}}}},
        tmp_path / "two.png",
    )
    one, two = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "two"))
    blue = [int(((picture[..., 0] > 150) & (picture[..., 2] < 90)).sum()) for picture in (one, two)]
    assert 0 < blue[0] < blue[1]
    assert {point.name for point in PUBLISHED} >= {"BitNetMCU, dense", "BitNetMCU, CNN"}
