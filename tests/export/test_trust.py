"""How much the digits and numbers of a page can be trusted."""

import numpy as np
import pytest

from edge_runtime.page import Page
from edge_runtime.segmentation.check import find_trust
from edge_runtime.types import Box, Digit, Status
from export.trust import find_limits, fit, judge


def test_the_regression_finds_which_digits_are_right():
    random = np.random.default_rng(1)
    features = np.column_stack([np.ones(4000), random.normal(3, 2, 4000), random.normal(0, 1, 4000)])
    chance = 1 / (1 + np.exp(-(2 * features[:, 1] - 5)))  # the last one does not matter
    weights = fit(features, (random.random(4000) < chance).astype(np.float64))
    assert weights == pytest.approx([-5, 2, 0], abs=0.6)
    assert np.abs(find_trust(features, weights) - chance).mean() < 0.03


class Shown:
    """Reads what an image of one pixel stands for: the number of a page, and the trust in it."""

    def __init__(self, pages):
        self.pages = pages

    def read(self, image, expect):
        text, trust = self.pages[int(image[0, 0])]
        digits = (
            Digit(int(each), 0.9, (), Box(30 * at, 0, 20, 40), Status.OK, trust=trust if at == 0 else 1.0)
            for at, each in enumerate(text)
        )
        return Page(tuple(digits), 400, 50)


def test_a_limit_is_the_least_trust_at_which_few_enough_numbers_are_wrong():
    pages = [("12", 0.9)] * 18 + [("34", 0.8)] + [("56", 0.7)] + [("7", 0.6)]
    true = ["12"] * 18 + ["35", "56", "8"]  # the numbers with a trust of 0.8 and 0.6 are wrong
    reader, images = Shown(pages), (np.full((1, 1), number, np.uint8) for number in range(len(true)))
    judged = [
        each for image, text in zip(images, true, strict=True) for each in judge(reader.read(image, "page"), text)
    ]
    limits = {limit["max_error"]: limit for limit in find_limits(judged)}
    assert limits[0.01]["least_trust"] == 0.9
    assert limits[0.05]["least_trust"] == 0.7  # 1 of 20 is wrong
    assert limits[0.1]["least_trust"] == 0.6
    assert limits[0.05]["coverage"] == pytest.approx(20 / 21, abs=1e-4)
