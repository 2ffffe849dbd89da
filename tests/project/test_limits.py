"""`docs/reference/limits.md` says what `limits.py` has."""

import re

from edge_runtime import limits
from edge_runtime.images.formats import FORMATS
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
VALUES = {name: value for name, value in vars(limits).items() if name.isupper()}


def written(name, value):
    """As the page writes a value: whole MiB and KiB, thousands with commas, no zero behind the point."""
    if name.endswith("_BYTES") and value % 1024 == 0:
        return f"{value >> 20} MiB" if value % (1 << 20) == 0 else f"{value >> 10} KiB"
    return f"{value:,}".removesuffix(".0")


def test_every_limit_is_on_the_page_with_its_value():
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE, re.MULTILINE))
    assert rows == {name: written(name, value) for name, value in VALUES.items()}


def test_every_format_is_on_the_page():
    for each in FORMATS:
        if each.module:
            assert f"| {' '.join(each.suffixes)} |" in PAGE, each.name


def test_every_limit_is_used():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "edge_runtime").rglob("*.py"))
    for name in VALUES:
        assert re.search(rf"limits\.{name}\b|import .*\b{name}\b", text), name
