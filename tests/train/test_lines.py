"""Lines of digits: how they are drawn, learnt from, exported, decoded and read."""

import dataclasses
import itertools
import json
from itertools import groupby, product

import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.backends import is_installed
from edge_runtime.bundles.bundle import LINE, load_bundle, load_line_bundle
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.find.ink import find_ink
from edge_runtime.find.line import line_image
from edge_runtime.images.files import to_gray
from edge_runtime.lines.ctc import decode, likelihood
from edge_runtime.lines.recognizer import LineRecognizer, to_line_reading
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import NON_DIGIT, Status
from export.errors import ParityError
from export.pipeline import export_run
from train.__main__ import main
from train.recipes import RECIPES, Conv, Pool
from train.synthetic.hands import SHAPES, redraw
from train.synthetic.lines import MOST, draw_lines
from train.tasks import lines as task

COLUMNS = 48
TOUCHING = (["36", "52"], ["2074"], ["800"])


def columns(text: str, sure: float = 9.0):
    """Logits of a line, seen in one way, whose columns are labelled so, "-" where no digit is."""
    logits = np.zeros((1, len(text), NON_DIGIT + 1), np.float32)
    for place, label in enumerate(text):
        logits[0, place, NON_DIGIT if label == "-" else int(label)] = sure
    return logits


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("------", ""),
        ("-11--2-", "12"),
        ("1-1", "11"),  # the same digit twice has a column without between
        ("111", "1"),
        ("123", "123"),
        ("3---", "3"),
        ("---3", "3"),
    ],
)
def test_columns_are_decoded(text, said):
    reading = to_line_reading(decode(columns(text)), 4)
    assert "".join(map(str, reading.digits.label)) == said
    assert len(reading.places) == len(said)
    assert reading.digits.probabilities.shape == (len(said), 10)
    assert (reading.digits.confidence > 0.9).all()


def test_a_digit_is_where_its_columns_are():
    reading = to_line_reading(decode(columns("----77----4-")), 10)
    assert reading.places.tolist() == [50.0, 105.0]


def test_what_is_missing_to_one_is_the_probability_of_no_digit():
    reading = to_line_reading(decode(columns("-5-", sure=1.0)), 4)
    weights = np.exp([1.0, *[0.0] * 10])
    assert reading.digits.probabilities.sum() == pytest.approx(1 - 1 / weights.sum(), abs=1e-5)


def test_what_is_likeliest_in_all_ways_is_read_and_lies_where_it_is():
    ways = np.concatenate([columns("--4-----7-", sure) for sure in (2.0, 2.0)] + [columns("--9---7---", 3.0)])
    ways[2, 2, 4] = 2.9  # the third way all but agrees
    reading = to_line_reading(decode(ways), 4)
    assert reading.digits.label.tolist() == [4, 7]
    assert reading.places.tolist() == [10.0, 34.0]
    assert reading.digits.confidence[0] < 0.9


def test_ways_that_see_a_digit_in_other_columns_are_as_sure_of_it():
    ways = np.concatenate([columns(text) for text in ("-3---8--", "---3--8-", "--3-8---")])
    reading = to_line_reading(decode(ways), 10)
    assert reading.digits.label.tolist() == [3, 8]
    assert (reading.digits.confidence > 0.9).all()
    assert reading.places.tolist() == [25.0, 55.0]  # the middle one of three


def test_the_likelihood_is_that_of_all_paths():
    ways = np.random.default_rng(0).dirichlet(np.ones(NON_DIGIT + 1), (2, 4))
    for labels in ([], [3], [3, 3], [3, 5], [5, 3, 5]):
        wanted = np.zeros(2)
        for path in product({*labels, NON_DIGIT}, repeat=4):
            if [label for label, _ in groupby(path) if label != NON_DIGIT] == labels:
                wanted += np.prod(ways[:, range(4), path], axis=1)
        assert np.exp(likelihood(ways, np.array(labels, int))) == pytest.approx(wanted)


@pytest.mark.parametrize("backend", ["litert", "onnx", "numpy"])
def test_every_backend_reads_the_same_from_drawn_lines(backend):
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    images = drawn(40)
    told = [said(reading) for reading in LineRecognizer(backend=backend).read(images)]
    first = [said(reading) for reading in LineRecognizer(backend="litert").read(images)]
    assert sum(a == b for a, b in zip(told, first, strict=True)) >= 37


def said(reading):
    return "".join(map(str, reading.digits.label))


def drawn(count):
    """Line images of three digits that do not touch, by the page generator's own hand."""
    images = []
    for seed in range(count):
        text = f"{seed * 37 % 1000:03}"
        page = draw_page([text], (260, 90), 50, seed, Appearance(gap=(0.1, 0.3)))
        images.append(line_image(find_ink(to_gray(page.image)).strength))
    return np.stack(images)


def test_drawn_lines_are_read():
    right = [said(reading) == f"{seed * 37 % 1000:03}" for seed, reading in enumerate(LineRecognizer().read(drawn(40)))]
    assert np.mean(right) >= 0.8


def test_a_line_does_not_depend_on_those_beside_it():
    images = drawn(9)
    reader = LineRecognizer()
    for image, together in zip(images, reader.read(images), strict=True):
        (alone,) = reader.read(image[np.newaxis])
        assert said(alone) == said(together)
        assert np.array_equal(alone.digits.probabilities, together.digits.probabilities)


def test_wrong_arrays_are_refused():
    with pytest.raises(UsageError, match=r"\(N, 32, 192\)"):
        LineRecognizer().read(np.zeros((1, 28, 28), np.uint8))
    assert LineRecognizer().read(np.zeros((0, *LINE), np.uint8)) == []


def test_a_blank_line_says_nothing():
    assert said(LineRecognizer().read(np.zeros((1, *LINE), np.uint8))[0]) == ""


def test_bundles_of_digits_and_of_lines_are_told_apart():
    with pytest.raises(ModelError, match="28x28"):
        load_bundle(load_line_bundle().folder)
    with pytest.raises(ModelError, match="32x192"):
        load_line_bundle(load_bundle().folder)


def test_the_network_for_lines_keeps_to_its_size():
    assert load_line_bundle().file("tflite_int8").size <= 400_000


def test_touching_digits_are_read_better_as_a_line_than_cut():
    classifier = Classifier()
    readers = Reader(classifier, lines=True), Reader(classifier, lines=False)
    right = [0, 0]
    for rows, seed in itertools.product(TOUCHING, range(8)):
        page = draw_page(rows, (400, 120 * len(rows)), 56, seed, Appearance(touching=1.0, gap=(-0.1, 0.0)))
        gray = to_gray(page.image)
        for number, reader in enumerate(readers):
            right[number] += reader.read(gray, "page").text == page.text
    assert right[0] > right[1]


def test_digits_read_as_a_line_know_where_they_are():
    page = draw_page(["3652"], (420, 120), 56, 4, Appearance(touching=1.0))
    found = Reader(Classifier()).read(to_gray(page.image), "page")
    assert found.text == page.text
    for digit, true in zip(found.digits, page.boxes[0], strict=True):
        middle = digit.box.x + digit.box.width / 2
        assert true.x <= middle <= true.x + true.width


def test_what_the_classifier_is_sure_of_is_held_to_its_own_threshold():
    page = draw_page(["2074", "63058"], (640, 400), 60, 3)
    classifier = Classifier()
    strict = classifier.bundle.threshold(0.001).min_confidence
    assert load_line_bundle().threshold(0.001).min_confidence > strict
    found = Reader(classifier, max_error=0.001).read(to_gray(page.image), "page")
    assert sum(digit.status is Status.OK for digit in found.digits) >= 8
    assert all(digit.confidence >= strict for digit in found.digits if digit.status is Status.OK)


class Counting(LineRecognizer):
    """Counts the lines that it is given."""

    lines = 0

    def read(self, images):
        self.lines += len(images)
        return super().read(images)


def lines_of(rows, **look):
    """How many lines of a page are read as a whole, and the share of its rows that are right."""
    page = draw_page(rows, (200, 60 * len(rows)), 40, 3, Appearance(**look))
    reader = Counting()
    text = Reader(Classifier(), lines=reader).read(to_gray(page.image), "page").text.split("\n")
    return reader.lines, sum(a == b for a, b in zip(text, page.text.split("\n"), strict=False)) / len(rows)


def test_rows_are_read_as_a_whole_where_that_helps_and_there_are_not_too_many():
    assert lines_of(["274"] * 4)[1] == 1
    assert lines_of(["36"] * 5, touching=1.0, gap=(-0.1, 0.0))[0] == 5
    assert lines_of(["36"] * 70, touching=1.0, gap=(-0.1, 0.0))[0] == 0
    assert lines_of(["274"] * 70)[1] > 0.9


# How they are drawn and learnt from


def test_lines_repeat_with_their_seed_and_differ_with_another(mnist):
    images, labels = mnist.fit_part()
    one, again, other = (draw_lines(images, labels, 30, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.images, again.images)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.images, other.images)


@pytest.mark.long("draws whole epochs")
def test_lines_hold_all_digits_and_lengths_in_order(mnist):
    drawn = draw_lines(*mnist.fit_part(), 300, 1)
    assert drawn.images.shape == (300, *LINE)
    lengths = (drawn.labels >= 0).sum(1)
    assert set(lengths) == set(range(1, MOST + 1))
    assert set(drawn.labels[drawn.labels >= 0]) == set(range(10))
    for label, length in zip(drawn.labels, lengths, strict=True):
        assert (label[:length] >= 0).all()
    assert (drawn.images.reshape(300, -1).max(1) > 128).all()


@pytest.mark.parametrize("label", SHAPES)
def test_other_hands_draw_digits_of_a_size_and_leave_the_rest(label, mnist):
    images, labels = mnist.fit_part()
    image = images[labels == label][0]
    random = np.random.default_rng(3)
    shapes = [redraw(image, label, random) for _ in range(60)]
    anew = [shape for shape in shapes if not np.array_equal(shape, image)]
    assert 0 < len(anew) < len(shapes)
    for shape in anew:
        rows = np.flatnonzero(shape.max(1) > 96)
        assert np.ptp(rows) >= 14
    assert np.array_equal(redraw(image, 3, random), image)


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data")
def test_a_training_of_lines_has_its_metrics_and_what_reads_none_is_not_exported(tmp_path, monkeypatch, capsys):
    few_layers = (Conv(8, 5, 2, "same"), Pool(2), Conv(8, 3, padding="same"), *3 * (Pool((2, 1)),))
    recipe = dataclasses.replace(RECIPES["lines"], layers=(*few_layers, RECIPES["lines"].layers[-1]))
    monkeypatch.setitem(RECIPES, "lines", recipe)
    batch = recipe.batch
    # One width: each would be compiled for itself.
    for name, value in {"DRAWN": 2 * batch, "BLOCK": batch, "JUDGED": 20, "WIDTHS": (LINE[1],)}.items():
        monkeypatch.setattr(task, name, value)
    monkeypatch.setattr(task, "CALIBRATION", 40)
    run = tmp_path / "run"
    arguments = ["lines", "--epochs", "2", "--out", str(run), "--pool", str(tmp_path / "pool")]
    assert main(arguments) == 0
    assert "generated lines" in capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["lines"] == {"drawn": 4 * batch, "judged": 20}
    assert 0 <= metrics["test_lines"] <= 1
    assert {path.name for path in run.iterdir()} >= {"model.keras", "history.csv", "lines.png", "summary.txt"}
    assert len((run / "history.csv").read_text().splitlines()) == 3
    # What has seen so few lines reads none, and its int8 form none of the same: the gate holds.
    with pytest.raises(ParityError, match="lines of validation digits"):
        export_run(run, tmp_path / "bundle", tell=lambda line: None)
    assert not (tmp_path / "bundle").exists()
