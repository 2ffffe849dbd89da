"""How sure a network may be taken to be: temperature, thresholds, calibration error."""

import numpy as np
import pytest

from benchmarks.statistics import calibration_error
from edge_runtime.decide import decide
from edge_runtime.types import Classification
from export import confidence


def answers(heat, count=20_000, seed=0):
    """Logits that are `heat` times as large as they ought to be, (count, 11), and labels drawn by the right ones."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (count, 11))
    logits[:, 10] = -8  # these are digits
    weights = np.exp(logits)
    chosen = (weights.cumsum(1) / weights.sum(1, keepdims=True) < random.random((count, 1))).sum(1)
    labels = np.minimum(chosen, 9)
    return logits * heat, labels


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5])
def test_the_temperature_that_a_network_is_too_hot_by_is_found(heat):
    assert confidence.fit_temperature(*answers(heat)) == pytest.approx(heat, rel=0.03)


def test_a_threshold_keeps_to_its_error_and_covers_what_it_says():
    logits, labels = answers(3.0)
    found = confidence.measure(logits, labels)
    weights = np.exp(logits / found.temperature)
    shares = weights / weights.sum(1, keepdims=True)
    sure, right = shares[:, :10].max(1), shares[:, :10].argmax(1) == labels
    assert len(found.by_error) > 3
    for each in found.by_error:
        accepted = (sure >= each.min_confidence) & (shares[:, 10] <= found.max_non_digit * sure)
        assert accepted.mean() == pytest.approx(each.coverage, abs=1e-3)
        assert (~right[accepted]).mean() <= each.max_error + 1e-4
    coverages = [each.coverage for each in found.by_error]
    assert coverages == sorted(coverages)
    accepted = (sure >= found.min_confidence) & (shares[:, 10] <= found.max_non_digit * sure)
    assert accepted.mean() == pytest.approx(confidence.KEPT, abs=1e-3)
    assert (sure < found.min_confidence).mean() == pytest.approx(0.7 * (1 - confidence.KEPT), abs=1e-3)


def test_a_table_ends_where_all_is_accepted():
    logits = np.full((1000, 10), -20.0)
    labels = np.arange(1000) % 10
    logits[np.arange(1000), labels] = np.linspace(-19, 0, 1000)
    found = confidence.measure(logits, labels)
    assert [tuple(each) for each in found.by_error] == [(0.0001, 0.0, 1.0)]
    weights = np.exp(logits).astype(np.float32)
    shares = weights / weights.sum(1, keepdims=True)
    result = Classification(shares.argmax(1), shares.max(1), shares)
    never = np.zeros(1000, bool)
    assert "not-a-digit" not in decide(never, never, result, 0.0, found.max_non_digit).reasons


def test_what_is_taken_for_no_digit_is_never_covered():
    logits = np.zeros((100, 11))
    labels = np.arange(100) % 10
    logits[np.arange(100), labels] = 9
    logits[:20, 10] = 12
    assert confidence.measure(logits, labels).by_error[-1].coverage == 0.8


def test_calibration_error_is_the_gap_between_sure_and_right():
    sure = np.repeat([0.95, 0.55], 100)
    right = np.concatenate([np.arange(100) < 90, np.arange(100) < 55])
    assert calibration_error(sure, right) == pytest.approx(0.5 * 0.05)
    assert calibration_error(np.ones(10), np.ones(10, bool)) == 0
