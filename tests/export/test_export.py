"""A real run goes through `python -m export`; what it must never do is written below, gate by gate."""

import dataclasses
import hashlib
import io
import json
import shutil
import signal
from contextlib import redirect_stderr, redirect_stdout

import cv2
import keras
import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from edge_runtime.backends import litert
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.classifier import Classifier
from edge_runtime.cli.run import finish
from edge_runtime.diagnostics import selftest
from edge_runtime.errors import ModelError, OutputError
from export import bundle as bundle_writer
from export import onnx as onnx_export
from export import parity, tflite
from export.__main__ import command
from export.errors import ParityError, RunError
from export.floats import command as floats_command
from export.logits import logits_model, outputs
from export.pipeline import export_run
from tests.conftest import in_place_of_mnist
from train import fit
from train.data.mnist import normalised
from train.network import build
from train.recipes import RECIPES, Conv, Dense, Pool, Recipe, Rows
from train.tasks import digits as digits_task

FILES = {"model_float.tflite", "model_int8.tflite", "model_float.onnx", "model_int8.onnx", "manifest.json"}
EPOCHS = 10
FILES |= {"MODEL_CARD.md", "errors.png", "model.keras", "golden.bin"}


def export(*arguments):
    """Run `python -m export` in this process; returns its exit code."""
    return finish(command, "python -m export", [str(argument) for argument in arguments])


def names(folder):
    return {path.name for path in folder.iterdir()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module", autouse=True)
def little_data_for_all(few):
    """Whatever is exported here finds a few digits where it looks for MNIST."""
    with in_place_of_mnist(few):
        yield


@pytest.fixture(scope="module")
def calibration(mnist):
    return normalised(mnist.train_images[:200])


@pytest.fixture(scope="module")
def run_folder(few, tmp_path_factory):
    """What `python -m train hidden-100` leaves for the export."""
    folder = tmp_path_factory.mktemp("run")
    model, result = fit.train(RECIPES["hidden-100"], few, fit.Plan(epochs=EPOCHS))
    fit.save(model, folder)
    (folder / "metrics.json").write_text(json.dumps(result.metrics()))
    return folder


@pytest.fixture(scope="module")
def exported(run_folder, tmp_path_factory):
    """The bundle of that run, and what the command printed."""
    out = tmp_path_factory.mktemp("exported") / "bundles" / "tiny"
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        assert export(run_folder, "--out", out) == 0
    return out, stdout.getvalue(), stderr.getvalue()


@pytest.fixture(scope="module")
def out(exported):
    return exported[0]


@pytest.fixture(scope="module")
def manifest(out):
    return json.loads((out / "manifest.json").read_text())


def changed_run(run_folder, folder, change):
    """A copy of the run whose network `change` has spoiled."""
    shutil.copytree(run_folder, folder)
    model = keras.models.load_model(folder / "model.keras", compile=False)
    change(model)
    model.save(folder / "model.keras")
    return folder


def sequential(*layers):
    return keras.Sequential([keras.Input((28, 28)), *layers])


# The bundle


def test_the_bundle_is_whole_and_nothing_stays_beside_it(out, manifest):
    assert names(out) == FILES
    assert names(out.parent) == {out.name}
    for file in manifest["files"].values():
        data = (out / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_command_prints_a_table_of_what_the_manifest_says(exported, manifest):
    _, stdout, stderr = exported
    rows = {line.split()[0]: line.split()[1:] for line in stdout.splitlines()}
    assert rows["keras"][1] == f"{manifest['keras']['accuracy']['mnist_test']:.2%}"
    for kind, file in manifest["files"].items():
        accuracy, agreement = file["accuracy"]["mnist_test"], file["agreement"]
        assert rows[kind] == [file["path"], f"{file['bytes']:,}", f"{accuracy:.2%}", f"{agreement:.2%}"]
    assert "converting" in stderr
    assert "Traceback" not in stderr


def test_the_manifest_says_how_the_network_was_trained(manifest, few, run_folder):
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert (manifest["format"], manifest["format_version"], manifest["name"]) == ("edge-digits bundle", 2, "hidden-100")
    assert manifest["output"]["activation"] == "sigmoid"
    assert manifest["training"]["recipe"] == "hidden-100"
    assert manifest["training"]["parameters"] == 784 * 100 + 100 + 100 * 10 + 10
    assert manifest["training"]["data_sha256"] == few.sha256
    assert manifest["keras"]["accuracy"]["mnist_test"] == pytest.approx(metrics["test_accuracy"])
    assert manifest["versions"]["tensorflow"] == manifest["training"]["versions"]["tensorflow"]


def test_later_releases_have_room_in_format_version_2(manifest):
    later = {name: manifest[name] for name in ("temperature", "thresholds")}
    assert later == {"temperature": 1.0, "thresholds": {}}


@pytest.mark.parametrize("backend", ["litert", "onnx", "numpy"])
def test_every_backend_passes_the_self_test_of_a_bundle(backend, out):
    result = selftest.check(backend, load_bundle(out))
    assert result.state is selftest.State.WORKS
    assert result.steps == 0


@pytest.mark.long("converts several networks")
def test_exporting_twice_gives_the_same_bytes(out, run_folder, tmp_path):
    export_run(run_folder, tmp_path / "again", tell=lambda line: None)
    first, second = contents(out), contents(tmp_path / "again")
    assert {name for name in first if first[name] != second.get(name)} == set()
    assert first.keys() == second.keys()


@pytest.mark.long("converts several networks")
def test_float_files_are_made_again_with_the_same_bytes_or_not_at_all(out, tmp_path, capfd):
    copy = shutil.copytree(out, tmp_path / "copy")
    floats = [copy / "model_float.tflite", copy / "model_float.onnx"]
    for path in floats:
        path.unlink()
    assert Classifier(copy).classify(np.zeros((28, 28), np.uint8)).probabilities.shape == (10,)
    with pytest.raises(ModelError, match=r"model_float\.onnx cannot be read: it is missing.*python -m export\.floats"):
        load_bundle(copy).file("onnx_float").load()
    manifest = (copy / "manifest.json").read_text()
    wanted = hashlib.sha256((out / floats[0].name).read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(manifest.replace(wanted, "0" * 64))
    assert finish(floats_command, "export.floats", [str(copy)]) == 1
    assert "gives another model_float.tflite than the manifest has" in capfd.readouterr().err
    assert names(copy) == names(out) - {path.name for path in floats}
    (copy / "manifest.json").write_text(manifest)
    assert finish(floats_command, "export.floats", [str(copy)]) == 0
    assert capfd.readouterr().out.split() == [str(path) for path in floats]
    assert contents(copy) == contents(out)
    for path in (floats[0], copy / "model.keras"):
        path.unlink()
    assert finish(floats_command, "export.floats", [str(copy)]) == 1
    assert "has no model.keras" in capfd.readouterr().err


# The files


def test_int8_tflite_is_all_integer_and_takes_pixels_as_they_are(out, manifest):
    interpreter = litert.Interpreter(model_path=str(out / "model_int8.tflite"))
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert {np.dtype(tensor["dtype"]).kind for tensor in interpreter.get_tensor_details()} == {"i"}
    assert (entry["dtype"], entry["quantization"]) == (np.int8, (1.0, -128))
    file = manifest["files"]["tflite_int8"]
    assert file["input"] == {"dtype": "int8", "shape": [784], "scale": 1.0, "zero_point": -128}
    scale, zero_point = result["quantization"]
    assert file["output"] == {"dtype": "int8", "shape": [10], "scale": scale, "zero_point": zero_point}


def test_int8_tflite_has_two_layers_and_no_operation_more(out):
    interpreter = litert.Interpreter(model_path=str(out / "model_int8.tflite"))
    assert [operation["op_name"] for operation in interpreter._get_ops_details()] == ["FULLY_CONNECTED"] * 2


def test_int8_onnx_takes_uint8_and_gives_float_logits(out):
    graph = onnx.load(out / "model_int8.onnx").graph
    assert [(tensor.name, tensor.type.tensor_type.elem_type) for tensor in (*graph.input, *graph.output)] == [
        ("pixels", onnx.TensorProto.UINT8),
        ("logits", onnx.TensorProto.FLOAT),
    ]


@pytest.mark.parametrize(("backend", "kind"), [("litert", "tflite_int8"), ("onnx", "onnx_int8")])
def test_the_classifier_is_as_good_as_the_manifest_promises(backend, kind, out, manifest, few):
    right = Classifier(out, backend).classify_normalised(few.test_images).label == few.test_labels
    assert right.mean() == pytest.approx(manifest["files"][kind]["accuracy"]["mnist_test"])
    assert right.mean() > 0.85


@pytest.mark.parametrize("kind", ["tflite_float", "onnx_float"])
def test_float_files_give_the_logits_of_the_trained_network(kind, out, run_folder, mnist):
    digits = mnist.test_images[:500]
    wanted = keras.models.load_model(run_folder / "model.keras", compile=False).predict(digits, verbose=0)
    logits = parity.logits(kind, load_bundle(out).file(kind).load(), digits)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), wanted, atol=1e-5)


def test_tflite_and_onnx_agree_through_the_classifier(out, few):
    digits = few.test_images
    litert_says = Classifier(out, "litert").classify_normalised(digits)
    onnx_says = Classifier(out, "onnx").classify_normalised(digits)
    assert np.mean(litert_says.label == onnx_says.label) > 0.985
    assert np.abs(litert_says.probabilities - onnx_says.probabilities).mean() < 0.01


@pytest.mark.parametrize("backend", ["litert", "onnx"])
def test_one_digit_is_read_like_the_same_digit_among_many(backend, out, mnist):
    digits = mnist.test_images[:70]
    classifier = Classifier(out, backend)
    singles = np.stack([classifier.classify_normalised(digit).probabilities for digit in digits])
    np.testing.assert_array_equal(classifier.classify_normalised(digits).probabilities, singles)


def test_the_card_says_what_the_manifest_says_and_shows_what_is_misread(out, manifest):
    text = (out / "MODEL_CARD.md").read_text()
    for file in manifest["files"].values():
        assert f"| {file['bytes']:,} | {file['accuracy']['mnist_test']:.2%} | {file['agreement']:.2%} |" in text
    wrong = round(1_000 * (1 - manifest["files"]["tflite_int8"]["accuracy"]["mnist_test"]))
    assert f"misreads {wrong} of the 1,000 test digits" in text
    assert f"seed 0, {EPOCHS} epochs" in text
    picture = cv2.imread(str(out / "errors.png"))
    assert picture.std() > 10
    assert (out / "errors.png").stat().st_size < 100_000


# The gate


@pytest.mark.long("converts several networks")
def test_a_file_that_is_larger_than_its_recipe_allows_is_refused(run_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES, "hidden-100", dataclasses.replace(RECIPES["hidden-100"], max_bytes=80_000))
    with pytest.raises(ParityError, match=r"^tflite_int8 has 8\d,\d{3} bytes; its recipe allows 80,000"):
        export_run(run_folder, tmp_path / "tiny", tell=lambda line: None)
    assert names(tmp_path) == set()


@pytest.mark.long("converts several networks")
@pytest.mark.parametrize(
    "layers",
    [
        (Pool(2, "mean"), Dense(16, "relu", norm=True)),
        (Rows(12), Rows(10), Rows(8), Rows(6), Dense(16, "relu", norm=True)),
        (Conv(4, 5, 2), Conv(8, 1), Pool(), Dense(16, "relu", norm=True, dropout=0.1)),
    ],
)
def test_every_kind_of_layer_is_exported_and_agrees(layers, few, calibration):
    recipe = Recipe("x", "", (*layers, Dense(10, "softmax")), "adam", "categorical_crossentropy", batch=64, epochs=1)
    hold_against_exported(build(recipe), few.test_images, calibration)


def hold_against_exported(network, digits, calibration):
    """Export a network of random weights and compare logits, which say more of it than labels."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as if it had been trained: none of it does nothing
            layer.set_weights([random.uniform(0.5, 1.5, array.shape) for array in layer.get_weights()])
    model = logits_model(network, calibration).model
    onnx_float = onnx_export.convert_float(model)
    files = {
        "tflite_float": tflite.convert_float(model),
        "tflite_int8": tflite.convert_int8(model, calibration),
        "onnx_float": onnx_float,
        "onnx_int8": onnx_export.convert_int8(onnx_float, calibration),
    }
    parity.check_graph("tflite_int8", tflite.inspect(files["tflite_int8"]))
    network.layers[-1].activation = keras.activations.linear
    wanted = outputs(network, digits)
    for kind, data in files.items():
        given = parity.logits(kind, data, digits)
        if kind.endswith("float"):
            assert np.abs(given - wanted).max() < 1e-4 * np.ptp(wanted), kind
        else:
            assert np.corrcoef(given.ravel(), wanted.ravel())[0, 1] > 0.98, kind
    return files


@pytest.mark.long("converts several networks")
def test_a_network_that_int8_ruins_is_refused(run_folder, tmp_path):
    def blow_up(model):
        """One neuron a thousand times louder, its outgoing weights softer: the same function, no range left."""
        first, second = model.layers[-2:]
        kernel, bias = first.get_weights()
        outgoing, last_bias = second.get_weights()
        kernel[:, 0] *= 1000
        bias[0] *= 1000
        outgoing[0] /= 1000
        first.set_weights([kernel, bias])
        second.set_weights([outgoing, last_bias])

    run = changed_run(run_folder, tmp_path / "run", blow_up)
    with pytest.raises(ParityError, match=r"^tflite_int8 reads \d+\.\d\d% fewer of the validation digits"):
        export_run(run, tmp_path / "bundles" / "tiny", tell=lambda line: None)
    assert names(tmp_path) == {"run"}


@pytest.mark.long("converts several networks")
def test_calibration_in_another_range_is_refused(run_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(digits_task, "normalised", lambda images: normalised(images) // 255)
    with pytest.raises(ParityError, match=r"^tflite_int8 takes pixels with scale 0\.0039.* not 1 and -128"):
        export_run(run_folder, tmp_path / "tiny", tell=lambda line: None)
    assert names(tmp_path) == set()


def test_onnx_calibrated_in_another_range_is_refused(out, calibration):
    model = (out / "model_float.onnx").read_bytes()
    with pytest.raises(ParityError, match=r"^onnx_int8 takes pixels with scale 0\.498"):
        onnx_export.convert_int8(model, calibration // 2)


def test_a_float_tensor_in_the_int8_graph_is_refused(out):
    graph = tflite.inspect((out / "model_float.tflite").read_bytes())
    with pytest.raises(ParityError, match=r"^tflite_int8 is not all int8: \d+ float tensors"):
        parity.check_graph("tflite_int8", graph)


@pytest.mark.parametrize(("limits", "allowed"), [(digits_task.OURS, 10), (digits_task.REPRODUCTIONS, 30)])
def test_so_many_of_ten_thousand_digits_may_be_lost_and_not_one_more(limits, allowed):
    true = np.arange(10_000) % 10
    predicted = true.copy()
    predicted[:allowed] = 10
    parity.check_answers("onnx_int8", parity.Answers(predicted, true, true), limits)
    predicted[allowed] = 10
    with pytest.raises(ParityError, match=r"^onnx_int8 reads \d\.\d\d% fewer"):
        parity.check_answers("onnx_int8", parity.Answers(predicted, true, true), limits)


@pytest.mark.parametrize(("limits", "allowed"), [(digits_task.OURS, 50), (digits_task.REPRODUCTIONS, 100)])
def test_labels_may_differ_so_often_even_if_as_many_are_right(limits, allowed):
    true = np.full(10_000, 3)
    trained, predicted = np.full(10_000, 4), np.full(10_000, 4)  # both wrong everywhere: no accuracy is lost
    predicted[:allowed] = 5
    parity.check_answers("onnx_int8", parity.Answers(predicted, trained, true), limits)
    predicted[allowed] = 5
    with pytest.raises(ParityError, match=r"on 9\d\.\d\d% of the validation digits"):
        parity.check_answers("onnx_int8", parity.Answers(predicted, trained, true), limits)


@pytest.mark.parametrize("name", ["ann-small", "ann-nano", "cnn"])
def test_small_recipes_allow_what_ships_and_not_much_more(name):
    size = load_bundle(name).file("tflite_int8").size
    parity.check_size("tflite_int8", size, RECIPES[name].max_bytes)
    assert size > 0.8 * RECIPES[name].max_bytes


# Where it is written


def test_an_existing_bundle_is_refused_and_stays(out, run_folder):
    before = contents(out)
    result = CliRunner().invoke(command, [str(run_folder), "--out", str(out)])
    assert isinstance(result.exception, OutputError)
    assert "--overwrite" in str(result.exception)
    assert contents(out) == before


def test_overwrite_replaces_a_bundle_and_nothing_else(out, manifest, tmp_path):
    models = {name: data for name, data in contents(out).items() if name != "manifest.json"}
    bundle, other = tmp_path / "bundle", tmp_path / "thesis"
    bundle_writer.write(bundle, models, {**manifest, "name": "old"})
    (bundle / "stray").write_text("x")
    bundle_writer.write(bundle, models, manifest, overwrite=True)
    assert contents(bundle) == contents(out)
    other.mkdir()
    (other / "chapter").write_text("x")
    with pytest.raises(OutputError, match="does not hold a bundle"):
        bundle_writer.write(other, models, manifest, overwrite=True)
    assert names(other) == {"chapter"}
    assert names(tmp_path) == {"bundle", "thesis"}


def test_a_bundle_that_the_runtime_would_refuse_never_appears(out, manifest, tmp_path):
    models = {name: data for name, data in contents(out).items() if name != "manifest.json"}
    bundle_writer.write(tmp_path / "bundle", models, manifest)
    with pytest.raises(ModelError, match="SHA-256"):
        wrong = {**models, "model_int8.onnx": models["model_int8.onnx"][:-1] + b"x"}
        bundle_writer.write(tmp_path / "bundle", wrong, manifest, overwrite=True)
    assert contents(tmp_path / "bundle") == contents(out)
    assert names(tmp_path) == {"bundle"}


def test_a_place_that_cannot_be_written_is_one_line(run_folder, tmp_path, capfd):
    (tmp_path / "file").write_text("x")
    assert export(run_folder, "--out", tmp_path / "file" / "bundle") == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(f"error: {tmp_path / 'file' / 'bundle'} cannot")
    assert "Traceback" not in said.err


@pytest.mark.long("converts several networks")
def test_ctrl_c_leaves_nothing(run_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(parity, "check_graph", lambda *_: signal.raise_signal(signal.SIGINT))  # in the midst of it
    assert export(run_folder, "--out", tmp_path / "bundle") == 130
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "importing TensorFlow"  # before anything that takes long
    assert any(line.startswith("converting") for line in said)
    assert said[-1] == "interrupted"
    assert names(tmp_path) == set()


def test_wrong_usage_is_exit_code_2(run_folder, tmp_path, capfd):
    assert export("runs/nothing") == 2
    assert "--out" in capfd.readouterr().err
    run = shutil.copytree(run_folder, tmp_path / "run")
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | {"final": False}))
    assert export(run, "--validated", run_folder, "--out", tmp_path / "bundle") == 2
    assert "error: --validated has no effect" in capfd.readouterr().err
    assert not (tmp_path / "bundle").exists()


# What can be exported


@pytest.mark.parametrize("missing", ["model.keras", "metrics.json"])
def test_an_unfinished_run_is_refused(missing, run_folder, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    (run / missing).unlink()
    with pytest.raises(RunError, match=rf"has no {missing}: .*python -m train"):
        export_run(run, tmp_path / "bundle", tell=lambda line: None)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.keras", b"PK\x03\x04"),
        ("metrics.json", b"{"),
        ("metrics.json", b'{"recipe": "mine"}'),
        ("metrics.json", b"[]"),
    ],
)
def test_a_broken_run_is_refused(name, data, run_folder, tmp_path):
    run = shutil.copytree(run_folder, tmp_path / "run")
    (run / name).write_bytes(data)
    with pytest.raises(RunError, match=name):
        export_run(run, tmp_path / "bundle", tell=lambda line: None)


def test_a_network_of_another_kind_is_refused(calibration):
    layers = keras.layers
    scale, flat = layers.Rescaling(1 / 255), layers.Flatten()
    with pytest.raises(RunError, match="no offset"):
        logits_model(sequential(layers.Rescaling(1 / 127.5, offset=-1), flat, layers.Dense(10, "softmax")), calibration)
    with pytest.raises(RunError, match="softmax or sigmoid"):
        logits_model(sequential(scale, flat, layers.Dense(10)), calibration)
    with pytest.raises(RunError, match="ten or eleven outputs"):
        logits_model(sequential(scale, flat, layers.Dense(12, "softmax")), calibration)
    with pytest.raises(RunError, match="Dense or Conv2D"):
        logits_model(sequential(scale, flat, layers.BatchNormalization(), layers.Dense(10, "softmax")), calibration)
    # 784 numbers of 0..255 through a layer that is not homogeneous: the scaling cannot move past it.
    saturating = sequential(scale, flat, layers.ReLU(max_value=0.5), layers.Dense(10, "softmax"))
    with pytest.raises(RunError, match="other probabilities"):
        logits_model(saturating, calibration)


@pytest.mark.long("converts several networks")
def test_convolutions_of_others_are_exported_too_and_always_with_the_same_bytes(few, calibration):
    layers = keras.layers
    keras.utils.set_random_seed(0)
    network = sequential(
        layers.Rescaling(1 / 255),
        layers.Reshape((28, 28, 1)),
        layers.Conv2D(8, 3, strides=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.1),
        layers.Dense(10, "softmax"),
    )
    files = hold_against_exported(network, few.test_images, calibration)
    network.layers[-1].activation = keras.activations.softmax
    # Names in the files must not count how many networks this process has seen.
    assert tflite.convert_int8(logits_model(network, calibration).model, calibration) == files["tflite_int8"]
    assert onnx_export.convert_float(logits_model(network, calibration).model) == files["onnx_float"]
