"""Formats against the trained network: what is counted, what is refused, and that a lapse ends the command with 1."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest

from benchmarks import disagreements, keras_model, parity, tables
from benchmarks.__main__ import benchmarks
from benchmarks.parity import Outputs
from edge_runtime.backends import tflite_graph
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.cli.run import finish
from edge_runtime.errors import FileError
from train.network import build
from train.recipes import RECIPES

TRUE = np.arange(10)


def says(*labels, height=4.0):
    """What a format says that reads ten digits as `labels`."""
    return Outputs(1000, np.eye(10)[list(labels)] * height)


def test_a_format_is_held_against_the_labels_and_the_trained_network():
    found = parity.measure(
        {"tflite_int8": says(0, 1, 2, 3, 4, 5, 6, 7, 8, 8), "keras": says(1, 1, 2, 3, 4, 5, 6, 7, 8, 9)}, TRUE
    )
    assert found["reference"] == "keras"
    int8 = found["formats"]["tflite_int8"]
    assert (int8["accuracy"], int8["agreement"]) == (0.9, 0.8)
    assert int8["interval"] == pytest.approx([0.596, 0.982], abs=1e-3)  # R: prop.test(9, 10, correct = FALSE)
    assert int8["logits"] == {"largest": 4.0, "mean": pytest.approx(4 * 4 / 100)}
    assert (int8["against_reference"]["first_only"], int8["against_reference"]["second_only"]) == (1, 1)


def test_without_the_trained_network_the_float_file_stands_for_it():
    both = {"tflite_int8": says(*TRUE), "tflite_float": says(*TRUE)}
    assert parity.measure(both, TRUE)["reference"] == "tflite_float"
    alone = parity.measure({"tflite_int8": says(*TRUE)}, TRUE)
    assert alone["reference"] is None
    assert alone["formats"]["tflite_int8"]["agreement"] is None
    assert len(parity.lapses(alone)) == 1


@pytest.mark.parametrize(("lost", "other", "lapses"), [(5, 10, 0), (6, 10, 1), (0, 11, 1), (6, 11, 2)])
def test_five_of_ten_thousand_may_be_lost_and_ten_may_differ(lost, other, lapses):
    int8 = {"accuracy": (9943 - lost) / 10_000, "agreement": (10_000 - other) / 10_000}
    formats = {"keras": {"accuracy": 0.9943, "agreement": 1.0}, "tflite_int8": int8}
    assert len(parity.lapses({"reference": "keras", "formats": formats})) == lapses


@pytest.mark.parametrize(("labels", "steps", "lapses"), [(1.0, 1, 0), (0.9999, 1, 1), (1.0, 2, 1)])
def test_numpy_may_be_one_step_off_and_never_read_otherwise(labels, steps, lapses):
    assert len(parity.numpy_lapses({"numpy": {"labels": labels, "steps": steps}})) == lapses


def test_logits_of_keras_are_those_before_its_last_activation(tmp_path, drawn_digits):
    network = build(RECIPES["single-layer"])
    network.save(tmp_path / "model.keras")
    digits, _ = drawn_digits
    logits = keras_model.logits(tmp_path / "model.keras", digits)
    wanted = network.predict(digits.astype(np.float32), verbose=0)
    assert RECIPES["single-layer"].layers[-1].activation == "sigmoid"
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), wanted, atol=1e-5)


@pytest.fixture
def own_bundle(tmp_path):
    """A copy of the default bundle's manifest."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    shutil.copy(load_bundle().folder / "manifest.json", folder)
    return folder


def test_the_keras_file_is_that_of_the_run_or_of_the_bundle(tmp_path, own_bundle):
    bundle = load_bundle(own_bundle)
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.keras").write_bytes(b"run")
    assert keras_model.find(bundle) is None
    (own_bundle / "model.keras").write_bytes(b"own")
    (run / "metrics.json").write_text(json.dumps(bundle.manifest["training"] | {"more": 1}))
    assert keras_model.find(bundle, [run]) == run / "model.keras"
    (run / "metrics.json").write_text(json.dumps(bundle.manifest["training"] | {"seed": 77}))
    assert keras_model.find(bundle, [run]) == own_bundle / "model.keras"  # of another run
    (run / "metrics.json").unlink()
    with pytest.raises(FileError, match="not a finished run"):
        keras_model.find(bundle, [run])


def test_the_image_shows_the_digits_that_are_read_differently(tmp_path):
    digits = np.zeros((10, 28, 28), np.uint8)
    digits[:, 8:20, 8:20] = 255
    same, other = says(*TRUE), says(0, 1, 2, 3, 4, 5, 6, 7, 9, 8)
    ink = []
    for name, found in (("none", {"keras": same}), ("two", {"keras": same, "tflite_int8": other})):
        count = disagreements.draw("ann", digits, TRUE, found, tmp_path / f"{name}.png")
        picture = cv2.imread(str(tmp_path / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        ink.append((count, int((picture < 10).sum())))
    assert [count for count, _ in ink] == [0, 2]
    assert ink[1][1] > ink[0][1] + 2 * 30 * 30  # two black squares


@pytest.mark.long("runs a whole benchmark")
@pytest.mark.usefixtures("little_data")
def test_a_bundle_of_the_users_own_is_measured_and_a_lapse_ends_with_1(few, tmp_path, monkeypatch, capfd):
    """Its float files are made for that."""
    mine = tmp_path / "mine"
    shutil.copytree(load_bundle("ann-nano").folder, mine, ignore=shutil.ignore_patterns("model_float.*"))
    before = {path: path.stat().st_mtime_ns for path in tables.RESULTS.rglob("*")}
    monkeypatch.setattr(parity, "STEPS", -1)
    out = tmp_path / "out"
    assert finish(benchmarks, "benchmarks", ["parity", "--model", str(mine), "--out", str(out)]) == 1
    said = capfd.readouterr()
    assert f"error: {mine}: NumPy gives LiteRT's label for 100.00% of the digits" in said.err
    found = json.loads((out / "parity.json").read_text())["models"][str(mine)]
    assert set(found["formats"]) == {"keras", "tflite_float", "tflite_int8", "onnx_float", "onnx_int8"}
    assert all(each["agreement"] > 0.98 for each in found["formats"].values())
    assert re.search(r"tflite_int8 +[\d,]+ bytes  9\d\.\d\d% \(95 %: ", said.out)
    assert re.search(r"NumPy backend +LiteRT's label for 100.00% of the digits; .* by [01] at most", said.out)
    (picture,) = out.glob("disagreements-mine-*.png")
    assert picture.stat().st_size > 1000
    assert {path: path.stat().st_mtime_ns for path in tables.RESULTS.rglob("*")} == before
    other = tmp_path / "other.keras"
    build(RECIPES["single-layer"]).save(other)
    with pytest.raises(FileError, match="not the network"):
        parity.outputs(load_bundle(mine), other, few.test_images[:10])


@pytest.mark.parametrize(("name", "count"), [("ann", 1000), ("cnn", 200)])
def test_numpy_gives_the_labels_of_litert(few, name, count):
    assert parity.without_interpreter(load_bundle(name), few.test_images[:count]) == {
        "labels": 1.0,
        "steps": pytest.approx(0, abs=1),
    }


def test_a_network_of_unsupported_operators_has_no_figures_of_numpy(few, monkeypatch):
    monkeypatch.delitem(tflite_graph.READERS, tflite_graph.CONV_2D)
    assert parity.without_interpreter(load_bundle("cnn"), few.test_images[:10]) is None


@pytest.mark.long("runs a whole benchmark")
def test_the_default_model_alone_is_held_to_its_targets(monkeypatch, capfd, tmp_path, few):
    figures = {
        "reference": "keras",
        "formats": {
            "keras": {"accuracy": 0.99, "agreement": 1.0, "bytes": 1, "interval": (0, 1)},
            "tflite_int8": {"accuracy": 0.98, "agreement": 0.9, "bytes": 1, "interval": (0, 1)},
        },
        "numpy": None,
        "png_files": 0.98,
        "calibration_error": 0.0,
    }
    for each in figures["formats"].values():
        each |= {"logits": {"largest": 0, "mean": 0}, "against_reference": {"p": 1}}
    monkeypatch.setattr("benchmarks.options.load_mnist", lambda path: few)
    monkeypatch.setattr(keras_model, "make_floats", lambda opened: None)
    monkeypatch.setattr(parity, "formats", lambda *_: (figures, {"tflite_int8": says(*few.test_labels)}))
    for model, code in (("ann", 1), ("ann-nano", 0)):
        assert finish(benchmarks, "benchmarks", ["parity", "--model", model, "--out", str(tmp_path)]) == code
    said = capfd.readouterr().err
    assert "error: ann: tflite_int8 reads 1.00% fewer" in said
    assert "error: ann: tflite_int8 agrees with keras on 90.00%" in said
    assert "ann-nano: " not in said
