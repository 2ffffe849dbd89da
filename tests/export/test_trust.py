"""How much the digits and numbers of a page can be trusted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundles.bundle import PAGES, load_page_bundle
from edge_runtime.errors import ModelError
from edge_runtime.page import Page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.segmentation.trust import FEATURES, READINGS, Trust, always, load_trust
from edge_runtime.types import Box, Digit, Status
from export.fit_trust import fit
from export.trust import add, find_limits, judge


def test_the_fit_finds_which_digits_are_right():
    random = np.random.default_rng(1)
    features = np.column_stack([random.normal(3, 2, 6000), random.normal(0, 1, 6000), np.ones(6000)])
    chance = 1 / (1 + np.exp(-3 * np.abs(features[:, 0] - 3) + 5))  # the others do not matter
    trust = fit(features, (random.random(6000) < chance).astype(np.float64))
    assert np.abs(trust.find(features) - chance).mean() < 0.1


def test_a_constant_trust_does_not_depend_on_the_features():
    features = np.random.default_rng(1).normal(0, 9, (5, len(FEATURES)))
    assert always(0.9).find(features) == pytest.approx([0.9] * 5)


def test_weights_are_read_back_and_others_are_refused(tmp_path):
    folder = Path(shutil.copytree(PAGES, tmp_path / "pages"))
    weights = {name: always(chance) for name, chance in zip(READINGS, (0.1, 0.5, 0.9), strict=True)}
    add(load_page_bundle(folder), weights, {})
    found = load_trust(load_page_bundle(folder))
    for name in READINGS:
        for part, wanted in zip(found[name], weights[name], strict=True):
            assert part == pytest.approx(wanted)
    add(load_page_bundle(folder), weights | {"map": Trust(np.full((26, 16), np.nan), np.zeros(17))}, {})
    with pytest.raises(ModelError, match=r"not finite: run python -m export\.trust"):
        PageNetwork(load_page_bundle(folder))
    for name in ("longer", "../model.keras"):
        manifest = load_page_bundle(folder).manifest
        changed = {"path": name} if "/" in name else {"bytes": manifest["trust"]["weights"]["bytes"] + 4}
        text = json.dumps(manifest | {"trust": {"weights": manifest["trust"]["weights"] | changed}})
        (folder / "manifest.json").write_text(text)
        with pytest.raises(ModelError, match=r"the size of|outside its folder"):
            PageNetwork(load_page_bundle(folder))


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
