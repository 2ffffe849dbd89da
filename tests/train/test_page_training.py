"""Pages: how samples are drawn, varied and learnt from, and how the network is exported."""

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pytest

from edge_runtime.backends import litert, numpy_int8
from edge_runtime.bundles.bundle import PAGE, PAGE_OUTPUTS, Shapes, load_bundle, load_page_bundle
from edge_runtime.errors import ModelError
from edge_runtime.segmentation.outputs import CELL, CELLS, SQUARE, TILE, Kind, split
from export.logits import logits_model, outputs
from export.pipeline import export_run
from export.tflite import convert_int8
from tests.conftest import skip
from train.__main__ import main
from train.augmentation.pages import vary
from train.data import writers
from train.errors import FontError
from train.network import build
from train.recipes import RECIPES, Hourglass
from train.synthetic.page_samples import DIGIT_0, OTHER, SIDE, STRUCK, PageDrawer, PageSamples
from train.synthetic.page_targets import IGNORED, SQUARES, make_targets
from train.synthetic.scenes import fonts
from train.tasks import pages as task

SMALL = Hourglass(widths=(8, 12, 16), repeats=(1, 0, 1), dilations=(1, 1, 2))


@pytest.fixture(scope="module")
def drawer(drawn_digits):
    """Draws samples of fifty drawn digits, whose writers are unknown."""
    try:
        fonts.print_fonts()
    except FontError as error:
        skip(str(error))
    return PageDrawer(*drawn_digits, None, 6)


@pytest.fixture(scope="module")
def samples(drawer):
    """Six samples."""
    return drawer.epoch(3)


def plain(height=40, turns=0):
    """One sample with a 7 of a height in one cell, a struck number and other ink."""
    truth = np.zeros((1, TILE, TILE), np.uint8)
    truth[0, 64:72, 64:68] = DIGIT_0 + 7
    truth[0, 100:102] = OTHER
    truth[0, 120:122, 8:16] = STRUCK
    heights = np.zeros((1, TILE // CELL, TILE // CELL), np.uint8)
    heights[0, 8, 8] = height
    return PageSamples(np.zeros((1, TILE, TILE), np.uint8), truth, heights, np.full(1, turns, np.uint8))


def parts(targets):
    """Kinds, labels, heights and turns of one sample's targets."""
    kinds, labels, heights, turns = np.split(targets[0], [SQUARES, SQUARES + CELLS, SQUARES + 2 * CELLS])
    side, cells = TILE // SQUARE, TILE // CELL
    return kinds.reshape(side, side), labels.reshape(cells, cells), heights.reshape(cells, cells), int(turns[0])


def test_samples_repeat_with_their_epoch_and_are_read_back(drawer, samples, tmp_path):
    again = drawer.epoch(3)
    assert all(np.array_equal(one, other) for one, other in zip(samples, again, strict=True))
    assert not np.array_equal(drawer.epoch(4).images, samples.images)
    with (tmp_path / "epoch.npz").open("wb") as file:
        drawer.save(file, samples)
    stored = drawer.read(tmp_path / "epoch.npz")
    assert all(np.array_equal(one, other) for one, other in zip(samples, stored, strict=True))


def test_the_truth_of_a_sample_has_digits_with_heights(samples):
    assert samples.images.shape == samples.truth.shape == (6, SIDE, SIDE)
    digits = samples.truth >= DIGIT_0
    assert 0 < digits.sum() < digits.size / 2
    assert samples.truth.max() <= DIGIT_0 + 9
    cells = digits.reshape(6, SIDE // CELL, CELL, SIDE // CELL, CELL).any((2, 4))
    assert np.array_equal(samples.heights > 0, cells)


def test_targets_are_the_kinds_of_squares_and_the_labels_of_cells():
    kinds, labels, heights, turns = parts(make_targets(plain(turns=3)))
    assert set(kinds[32:36, 32:34].ravel()) == {Kind.DIGIT}
    assert set(kinds[50]) == {Kind.OTHER}
    assert kinds[60, 4] == Kind.OTHER  # struck out
    assert kinds[0, 0] == Kind.BACKGROUND
    assert labels[8, 8] == 7 and (labels == IGNORED).sum() == CELLS - 1
    assert heights[8, 8] == 40 and turns == 3


@pytest.mark.parametrize(("height", "known"), [(6, False), (10, True), (79, True)])
def test_digits_too_small_to_be_read_have_no_truth_but_their_height(height, known):
    kinds, labels, heights, _ = parts(make_targets(plain(height)))
    assert bool(kinds[33, 33] == Kind.DIGIT) is known
    assert bool(kinds[33, 33] == IGNORED) is not known
    assert bool(labels[8, 8] == 7) is (10 <= height < 72)
    assert heights[8, 8] == height


def test_a_varied_sample_keeps_its_truth(samples):
    varied = vary(samples, np.random.default_rng(0))
    assert varied.images.shape == varied.truth.shape == (6, TILE, TILE)
    assert varied.images.dtype == np.uint8
    cells = (varied.truth >= DIGIT_0).reshape(6, TILE // CELL, CELL, TILE // CELL, CELL).any((2, 4))
    assert np.array_equal(varied.heights > 0, cells)
    turned = [vary(samples, np.random.default_rng(seed)).turns for seed in range(12)]
    assert any((turns != samples.turns).any() for turns in turned)


def test_writers_of_validation_digits_are_not_trained_on(mnist):
    fitted, validation = writers.fit_part(mnist), writers.validation_part(mnist)
    if fitted.writers is None or validation.writers is None:
        pytest.skip("this is not the published MNIST")
    assert not set(fitted.writers) & set(validation.writers)
    assert len(fitted.images) == len(fitted.labels) == len(fitted.writers) > 20_000


def test_the_exported_network_gives_the_logits_of_the_trained_one_on_every_backend(samples):
    keras.utils.set_random_seed(1)
    network = build(dataclasses.replace(RECIPES["pages"], layers=(SMALL,)))
    random = np.random.default_rng(0)
    for variable in network.variables:
        if "moving_variance" in variable.path:
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
    tiles = np.ascontiguousarray(samples.images[:, :TILE, :TILE])
    tiles[0, 0, :2] = 0, 255
    exported = logits_model(network, tiles[:2]).model
    found = outputs(exported, tiles[:2])
    assert found.shape == (2, *PAGE_OUTPUTS)
    model = convert_int8(exported, tiles)
    first, second = (module.load(model, 1, Shapes(PAGE, PAGE_OUTPUTS)) for module in (litert, numpy_int8))
    raw = first.run(tiles[:2])
    assert np.array_equal(raw, second.run(tiles[:2]))
    given = (raw.astype(np.float32) - first.zero_point) * first.scale
    assert np.abs(given - found).mean() < 0.1 * found.std()


def test_outputs_are_split_into_squares_and_cells():
    rows = np.zeros((1, *PAGE_OUTPUTS), np.float32)
    rows[0, 0, 4:8] = 1, 2, 3, 4  # the second square of the first block
    rows[0, 64, 8:12] = 5, 6, 7, 8  # the third square of the first block of the second row
    rows[0, 4096 + 33] = np.arange(16)  # the second cell of the second row
    tiles = split(rows)
    assert tiles.kinds[0, 0, 1].tolist() == [1, 2, 3, 4]
    assert tiles.kinds[0, 3, 0].tolist() == [5, 6, 7, 8]
    assert tiles.cells[0, 1, 1].tolist() == list(range(16))


def test_bundles_of_digits_and_of_pages_are_told_apart():
    with pytest.raises(ModelError, match="256x256"):
        load_page_bundle(load_bundle().folder)


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data")
def test_a_training_of_pages_has_its_metrics_and_is_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(RECIPES, "pages", dataclasses.replace(RECIPES["pages"], layers=(SMALL,), batch=4))
    for name, value in {"DRAWN": 16, "BLOCK": 8, "JUDGED": 6, "CALIBRATION": 12}.items():
        monkeypatch.setattr(task, name, value)
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    assert main(["pages", "--epochs", "2", "--out", str(run), "--pool", str(tmp_path / "pool")]) == 0
    assert "intersection over union" in capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["samples"] == {"drawn": 32, "judged": 6}
    assert set(metrics["test_iou"]) == {kind.name.lower() for kind in Kind}
    assert metrics["started_from"] is None
    assert {path.name for path in run.iterdir()} >= {"model.keras", "history.csv", "pages.png", "summary.txt"}
    more = ["--from", str(run), "--processes", "2", "--out", str(tmp_path / "more"), "--pool", str(tmp_path / "pool")]
    assert main(["pages", "--epochs", "2", *more]) == 0
    metrics = json.loads((tmp_path / "more" / "metrics.json").read_text())
    assert metrics["processes"] == 2
    assert metrics["started_from"] == hashlib.sha256((run / "model.keras").read_bytes()).hexdigest()
    trained = [keras.models.load_model(folder / "model.keras").get_weights() for folder in (run, tmp_path / "more")]
    assert all(np.isfinite(weights).all() for weights in trained[1])
    assert any(not np.array_equal(one, other) for one, other in zip(*trained, strict=True))
    # The gate is for trained networks.
    monkeypatch.setattr(task, "LIMITS", task.Limits(loss=1.0, agreement=0.0))
    export_run(run, bundle, tell=lambda line: None)
    found = load_page_bundle(bundle)
    assert found.shapes == Shapes(PAGE, PAGE_OUTPUTS)
    assert found.file("tflite_int8").size < 300_000
    assert (bundle / "MODEL_CARD.md").read_text().startswith("# pages")


@pytest.mark.usefixtures("little_data")
def test_a_training_that_cannot_begin_with_a_network_says_so(tmp_path, capsys):
    assert main(["hidden-100", "--from", str(tmp_path), "--epochs", "1", "--out", str(tmp_path / "run")]) == 1
    assert "model.keras cannot be" in capsys.readouterr().err
