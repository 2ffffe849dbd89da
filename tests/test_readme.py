"""The README says what is true now."""

import re

from benchmarks import parity, tables
from edge_runtime.bundles.bundle import DEFAULT, load_bundle
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = tables.REPORT.read_text(encoding="utf-8")


def test_the_tables_hold_the_figures_that_were_written():
    assert {place["name"] for page in (README, REPORT) for place in re.finditer(tables.PLACE, page)} == set(
        tables.TABLES
    )
    for page in (README, REPORT):
        assert tables.fill(page) == page, "python -m benchmarks tables"


def test_the_default_model_loses_nothing_in_int8():
    assert parity.lapses(tables.read("parity.json")["models"][DEFAULT]) == []


def test_the_cards_hold_the_figures_that_were_written():
    for name, path in tables.cards().items():
        text = path.read_text(encoding="utf-8")
        assert tables.fill_card(name, text) == text, "python -m benchmarks tables"


def test_every_link_and_picture_is_there():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", tables.REPORT, *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"\]\(([^):]+)\)", text):
            path, _, heading = name.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), name
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE) if heading else []
            assert not heading or heading in [each.lower().replace(" ", "-") for each in headings], name
        for name in re.findall(r"`((?:edge_runtime|tests|train|samples|requirements|benchmarks)/[\w./-]*)`", text):
            assert (ROOT / name).exists(), name


def test_every_picture_of_the_results_is_shown():
    for picture in tables.RESULTS.glob("*.png"):
        assert picture.name in README + REPORT, picture.name


def test_every_command_is_named(run_cli):
    commands = re.findall(r"^  (\S+) ", run_cli("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert {"classify", "batch-classify", "doctor"} <= set(commands)
    for command in commands:
        assert f"edge-digits {command}" in README, command


def test_the_figures_are_the_shipped_models():
    for name in ("parity.json", "real.json"):
        for model, found in tables.read(name)["models"].items():
            assert found["model"] == load_bundle(model).file("tflite_int8").sha256, f"measure {name} again"
