"""The tables of the README, the documentation and the report say what is true now."""

import re

from benchmarks import parity, tables
from edge_runtime.bundles.bundle import DEFAULT, load_bundle


def test_the_tables_hold_the_figures_that_were_written():
    texts = {page: page.read_text(encoding="utf-8") for page in tables.PAGES}
    shown = {place["name"] for text in texts.values() for place in re.finditer(tables.PLACE, text)}
    assert shown == set(tables.TABLES)
    for page, text in texts.items():
        assert tables.fill(text) == text, f"{page.name}: python -m benchmarks tables"
        assert tables.NOT_YET not in text, f"{page.name} has a table without figures: run its benchmark"


def test_the_default_model_loses_nothing_in_int8():
    assert parity.lapses(tables.read("parity.json")["models"][DEFAULT]) == []


def test_the_cards_hold_the_figures_that_were_written():
    for name, path in tables.cards().items():
        text = path.read_text(encoding="utf-8")
        assert tables.fill_card(name, text) == text, "python -m benchmarks tables"
        assert tables.NOT_YET not in text, f"the card of {name} has a table without figures: run its benchmark"


def test_every_image_of_the_results_is_shown():
    text = "".join(page.read_text(encoding="utf-8") for page in tables.PAGES)
    for picture in tables.RESULTS.glob("*.png"):
        assert picture.name in text, picture.name


def test_the_figures_are_the_shipped_models():
    for name in ("parity.json", "real.json"):
        for model, found in tables.read(name)["models"].items():
            assert found["model"] == load_bundle(model).file("tflite_int8").sha256, f"measure {name} again"
