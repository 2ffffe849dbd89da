"""The tables of the README, the documentation and the report say what is true now."""

import re

import pytest

from benchmarks import parity, tables
from benchmarks.__main__ import benchmarks
from edge_runtime.bundles.bundle import DEFAULT, load_bundle
from edge_runtime.errors import FileError


def test_the_tables_hold_the_figures_that_were_written():
    texts = {page: page.read_text(encoding="utf-8") for page in tables.PAGES}
    shown = {place["name"] for text in texts.values() for place in re.finditer(tables.PLACE, text)}
    assert shown == set(tables.TABLES)
    for page, text in texts.items():
        assert tables.fill(text) == text, f"{page.name}: python -m benchmarks tables"


def test_the_default_model_loses_nothing_in_int8():
    assert parity.lapses(tables.read("parity.json")["models"][DEFAULT]) == []


def test_the_cards_hold_the_figures_that_were_written():
    for name, path in tables.cards().items():
        text = path.read_text(encoding="utf-8")
        assert tables.fill_card(name, text) == text, "python -m benchmarks tables"


def test_a_table_without_figures_is_an_error_that_names_the_benchmark(monkeypatch, tmp_path):
    page = "<!-- table: form-fields -->\n<!-- end -->"
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    with pytest.raises(FileError, match=r"forms\.json is missing .*: run python -m benchmarks forms"):
        tables.fill(page)
    (tmp_path / "forms.json").write_text('{"models": {}}')
    with pytest.raises(FileError, match=r"form-fields has no figures .*: run python -m benchmarks forms"):
        tables.fill(page)
    (tmp_path / "real.json").write_text('{"models": {}}')
    with pytest.raises(FileError, match=r"others of ann has no figures .*: run python -m benchmarks parity --real"):
        tables.fill_card("ann", "<!-- table: others -->\n<!-- end -->")


def test_each_table_names_the_benchmark_that_measures_it():
    assert {"demo", "demo-read", "demo-models"} == tables.TABLES.keys() - tables.MEASURED_BY.keys()
    for benchmark in tables.MEASURED_BY.values():
        assert benchmark.split()[0] in benchmarks.commands


def test_every_image_of_the_results_is_shown():
    text = "".join(page.read_text(encoding="utf-8") for page in tables.PAGES)
    for picture in tables.RESULTS.glob("*.png"):
        assert picture.name in text, picture.name


def test_the_figures_are_the_shipped_models():
    for name in ("parity.json", "real.json"):
        for model, found in tables.read(name)["models"].items():
            assert found["model"] == load_bundle(model).file("tflite_int8").sha256, f"measure {name} again"
