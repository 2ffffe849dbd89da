"""The honest "I don't know": what is rejected, for which reason, and what --max-error promises."""

import json
import shutil

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.decide import Reason, decide
from edge_runtime.errors import UsageError
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.types import Classification, Status
from tests.conftest import ROOT

TABLE = [
    {"max_error": 0.001, "min_confidence": 0.999, "coverage": 0.9},
    {"max_error": 0.01, "min_confidence": 0.0, "coverage": 1.0},
]


@pytest.fixture
def bundle(tmp_path):
    """Returns a copy of a shipped bundle with other thresholds."""

    def copy(**thresholds):
        folder = shutil.copytree(load_bundle().folder, tmp_path / "bundle")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["thresholds"] = thresholds
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return copy


def said(*rows):
    """A classification with these ten probabilities for each digit."""
    shares = np.array(rows, np.float32)
    return Classification(shares.argmax(1), shares.max(1), shares)


def shares(label, probability, others=0.0):
    row = np.full(10, others)
    row[label] = probability
    return row


def test_the_first_reason_counts():
    result = said(shares(3, 0.99), shares(3, 0.3), shares(3, 0.5, 0.05), shares(3, 0.3), shares(3, 0.3))
    blank = np.array([False, False, False, False, True])
    small = np.array([False, False, False, True, True])
    found = decide(blank, small, result, 0.9)
    assert found.reasons == ["", Reason.NOT_A_DIGIT, Reason.LOW_CONFIDENCE, Reason.TOO_SMALL, Reason.BLANK]
    assert found.statuses == [Status.OK] + [Status.REJECTED] * 4
    assert found.labels == [3, 3, 3, 3, None]


def test_a_bundle_says_how_likely_no_digit_may_be(bundle):
    result = said(shares(3, 0.9), shares(3, 0.9))
    never = np.zeros(2, bool)
    assert decide(never, never, result, 0.5, np.array([0.2, 0.1])).reasons == ["", Reason.NOT_A_DIGIT]
    grays = [draw_digit(label, seed, 40, bend=0.12) for label in range(10) for seed in range(10)]
    readers = Reader(Classifier()), Reader(Classifier(bundle(max_non_digit=1e-5)))
    none = [sum(page.digits[0].reason == "not-a-digit" for page in reader.read_many(grays)) for reader in readers]
    assert none[1] > none[0] + 10


def test_an_image_of_a_few_pixels_is_too_small():
    picture = np.full((5, 4), 255, np.uint8)
    picture[1:4, 2] = 0
    digit = Reader(Classifier()).read(picture).digits[0]
    assert (digit.status, digit.reason) == (Status.REJECTED, "too-small")


def scribbles():
    """A star, a spiral, a house, a tree, a cross in a circle: nobody's digits."""
    way = np.linspace(0, 6 * np.pi, 60)
    spiral = np.stack([50 + 2.2 * way * np.cos(way), 50 + 2.2 * way * np.sin(way)], 1)
    strokes = [
        [[(50, 8), (75, 90), (8, 38), (92, 38), (25, 90), (50, 8)]],
        [spiral],
        [[(15, 90), (15, 45), (50, 10), (85, 45), (85, 90), (15, 90)], [(40, 90), (40, 65), (60, 65), (60, 90)]],
        [[(50, 95), (50, 10)], [(20, 45), (50, 20), (80, 45)], [(15, 65), (50, 38), (85, 65)]],
        [[(10, 10), (90, 90)], [(90, 10), (10, 90)], [(50, 5), (95, 50), (50, 95), (5, 50), (50, 5)]],
    ]
    for each in strokes:
        picture = np.full((100, 100), 230, np.uint8)
        for points in each:
            cv2.polylines(picture, [np.rint(points).astype(np.int32)], False, (30,), 6, cv2.LINE_AA)
        yield picture


def test_drawings_of_other_things_are_rejected_and_digits_are_not():
    reader = Reader(Classifier())
    pages = reader.read_many(scribbles())
    assert [page.digits[0].status for page in pages] == [Status.REJECTED] * 5
    assert "not-a-digit" in {page.digits[0].reason for page in pages}
    digits = reader.read_many(draw_digit(label, seed, 60) for label in range(10) for seed in range(5))
    assert sum(page.digits[0].status is Status.OK for page in digits) >= 45


def test_noise_is_rejected():
    random = np.random.default_rng(2)
    pages = Reader(Classifier()).read_many(random.integers(0, 256, (50, 40, 40), np.uint8))
    assert sum(page.digits[0].status is Status.REJECTED for page in pages) >= 49


def test_a_lower_error_rejects_more(bundle):
    classifier = Classifier(bundle(by_error=TABLE))
    grays = [draw_digit(label, seed, 40, bend=0.09) for label in range(10) for seed in range(5)]
    kept = [
        sum(page.digits[0].status is Status.OK for page in Reader(classifier, max_error).read_many(grays))
        for max_error in (0.001, 0.5)
    ]
    assert kept[0] < kept[1]


def test_the_threshold_is_the_next_stricter_one(bundle):
    found = load_bundle(bundle(by_error=TABLE))
    assert found.threshold(0.001).min_confidence == found.threshold(0.009).min_confidence == 0.999
    assert found.threshold(0.01).min_confidence == found.threshold(1).min_confidence == 0.0


@pytest.mark.parametrize("max_error", [0, -0.1, 1.1, float("nan"), 0.0009])
def test_an_error_that_cannot_be_kept_to_is_refused(bundle, max_error):
    with pytest.raises(UsageError):
        Reader(Classifier(bundle(by_error=TABLE)), max_error)


def test_a_bundle_without_a_table_says_so(bundle):
    with pytest.raises(UsageError, match="no table of error rates"):
        Reader(Classifier(bundle()), 0.01)


@pytest.mark.parametrize("command", ["classify", "read"])
def test_every_command_tells_what_max_error_means(run_cli, command):
    sample = ROOT / "samples" / "4-black-on-white.bmp"
    done = run_cli(command, "--max-error", "0.005", sample)
    assert "of the validation digits, and at most 0.005 of these were wrong" in done.stderr
    refused = run_cli(command, "--max-error", "0.0000001", sample, code=2)
    assert len(refused.stderr.splitlines()) == 1
    assert "was validated down to" in refused.stderr


def test_a_batch_tells_what_max_error_means_and_counts_what_it_kept(run_cli):
    options = ["--output", "results.csv", "--max-error", "0.005", "--jobs", "1"]
    done = run_cli("batch-classify", ROOT / "samples", *options)
    assert "of the validation digits" in done.stderr
    assert "% of the images that could be read" in done.stdout
