"""What a border or a shadow beside a number changes in its digits: nothing."""

from benchmarks import beside
from edge_runtime import Classifier, Reader


def test_a_border_or_a_shadow_changes_no_digit():
    reader = Reader(Classifier())
    changed = beside.measure(lambda gray: reader.read(gray, "page"), 20, ("border", "shadow"))
    assert changed == {"border": 0.0, "shadow": 0.0}
