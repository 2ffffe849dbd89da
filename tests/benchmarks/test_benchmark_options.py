"""Options of benchmarks do what they say or are refused; the figures on record are those of the shipped models."""

import json
import shutil

import pytest

from benchmarks import instructions, tables
from benchmarks.__main__ import benchmarks
from benchmarks.options import file_name
from edge_runtime.backends import tflite_graph
from edge_runtime.bundles.bundle import DEFAULT, load_bundle
from edge_runtime.cli.run import finish
from train.recipes import RECIPES


def run(*arguments):
    return finish(benchmarks, "benchmarks", [str(argument) for argument in arguments])


def record():
    """Every file of the results on record, and when it was written."""
    return {path: path.stat().st_mtime_ns for path in tables.RESULTS.rglob("*") if path.is_file()}


@pytest.fixture
def mine(tmp_path):
    """A bundle of the user's own: the smallest that ships, in a folder of its own."""
    return shutil.copytree(load_bundle("ann-nano").folder, tmp_path / "mine")


def write_run(folder, **changes):
    """A finished run of `ann`, as far as benchmarks look at it."""
    folder.mkdir()
    training = load_bundle(DEFAULT).manifest["training"] | changes
    (folder / "metrics.json").write_text(json.dumps(training))
    (folder / "model.keras").write_bytes(b"not looked at")
    return folder


@pytest.mark.parametrize("command", ["latency", "footprint", "camera", "parity"])
def test_another_model_needs_another_folder_than_the_record(command, mine, capfd):
    before = record()
    for given in ([], ["--out", tables.RESULTS], ["--out", tables.RESULTS / ".." / "results"]):
        assert run(command, "--model", mine, *given) == 2
        said = capfd.readouterr()
        assert "gives other results than the recorded ones: name another folder with --out" in said.err
        assert said.out == ""
    assert record() == before


def test_some_of_the_models_are_not_the_record_either(capfd):
    assert run("latency", "--model", DEFAULT) == 2
    assert "--model ann gives other results" in capfd.readouterr().err
    assert run("latency", "--subject", "litert") == 2
    assert "--subject litert gives other results" in capfd.readouterr().err
    assert run("all", "--out", tables.RESULTS) == 2


def test_counts_of_another_model_need_a_file_of_their_own(mine, capfd):
    before = record()
    assert run("instructions", "--model", mine, "--record") == 2
    assert "name another file with --file" in capfd.readouterr().err
    assert record() == before


def test_counting_some_ways_to_read_keeps_the_record_of_the_others():
    recorded = {}
    instructions.record(DEFAULT, {"litert": 1000, "onnx": 2000}, recorded)
    instructions.record(DEFAULT, {"litert": 900}, recorded)
    assert recorded[instructions.kind()]["models"][DEFAULT]["subjects"] == {"litert": 900, "onnx": 2000}


@pytest.mark.parametrize("command", ["parity", "latency", "footprint", "all"])
def test_a_run_of_no_measured_model_is_refused(command, tmp_path, capfd):
    other = write_run(tmp_path / "other", seed=77)
    assert run(command, "--run", other, "--out", tmp_path / "out") == 2
    assert f"--run {other}: none of ann" in capfd.readouterr().err
    (other / "metrics.json").write_text("[]")
    assert run(command, "--run", other, "--out", tmp_path / "out") == 1
    assert "is not a finished run of python -m train" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parity", "--mnist-c", "file.npz"], "--mnist-c has no effect here: it needs --real"),
        (["latency", "--official", "--seconds", "2"], "--seconds has no effect here"),
        (["latency", "--subject", "litert", "--run", "run"], "--run has no effect here: it needs --subject keras-call"),
        (["latency", "--core", "9999"], "9999: this process may use"),
        (["instructions", "--subject", "keras-call"], "'keras-call' is not one of"),
        (["camera", "--part", "pace", "--films", "3"], "--films has no effect here: it needs --part accuracy"),
        (["camera", "--part", "pace", "--minutes", "3"], "--minutes has no effect here: it needs --part endurance"),
        (["footprint", "--environment", "run"], "is not a virtual environment"),
    ],
)
def test_an_option_without_effect_is_refused(arguments, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "run")
    (tmp_path / "file.npz").touch()
    out = [] if arguments[0] == "instructions" else ["--out", "out"]
    assert run(*arguments, *out) == 2
    assert message in " ".join(capfd.readouterr().err.split())


def test_a_subject_that_cannot_run_a_model_is_refused(tmp_path, monkeypatch, capfd):
    monkeypatch.delitem(tflite_graph.READERS, tflite_graph.CONV_2D)
    assert run("latency", "--subject", "numpy", "--model", "cnn", "--out", tmp_path / "out") == 2
    assert "--subject numpy cannot be measured for cnn: " in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize("command", ["parity", "latency", "footprint", "camera", "throughput", "names", "nondigits"])
def test_a_folder_of_results_that_cannot_be_is_found_out_first(command, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("benchmarks.nondigits.check", lambda: None)
    (tmp_path / "file").touch()
    assert run(command, "--out", tmp_path / "file" / "out") == 1
    assert "results cannot be written there" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"extra": 30}, "was trained with --extra"), ({"epochs": RECIPES["ann"].epochs + 1}, "was trained with --epochs")],
)
def test_only_whole_trainings_on_mnist_go_on_record(changes, message, tmp_path, capfd):
    before = record()
    assert run("training", write_run(tmp_path / "run", **changes)) == 2
    assert message in capfd.readouterr().err
    assert record() == before


def test_files_of_another_model_are_named_by_its_folder_and_bytes(mine):
    assert file_name(DEFAULT) == DEFAULT
    assert file_name(str(mine)) == f"mine-{load_bundle(mine).file('tflite_int8').sha256[:8]}"
