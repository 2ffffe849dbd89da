"""The self-test: golden outputs, and backends that are wrong, crash, hang or are not what they seem."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.backends import tflite_graph
from edge_runtime.bundles.bundle import load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.bundles.golden import load_golden
from edge_runtime.diagnostics import selftest
from edge_runtime.diagnostics.selftest import State, check, find_working_backend, try_backend
from edge_runtime.errors import BackendError, ModelError
from export.golden import add
from tests.conftest import ROOT

LIBRARIES = {"litert": "ai_edge_litert", "onnx": "onnxruntime"}
CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle with golden arrays."""
    folder = shutil.copytree(load_bundle("ann-nano").folder, tmp_path_factory.mktemp("bundles") / "nano")
    assert add(load_bundle(folder)) == 20
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "nano")


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Put code in the place of a backend's library, for processes that are started from now on."""
    place = tmp_path / "broken"

    def put(backend, code):
        package = place / LIBRARIES[backend]
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(code + "\n")
        monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{ROOT}")
        return place

    return put


def change(folder, edit):
    """Edit a bundle's golden bytes and entry, and make its hash right again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    data = bytearray((folder / "golden.bin").read_bytes())
    entry = manifest["golden"]
    edit(entry, data)
    (folder / "golden.bin").write_bytes(data)
    if isinstance(entry, dict):
        entry["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("backend", ["litert", "onnx", "numpy"])
def test_a_sound_backend_gives_the_golden_outputs(backend, folder):
    (result,) = try_backend(backend, [load_bundle(folder)])
    assert result == (backend, "ann-nano", State.WORKS, 0.0, "")


def test_golden_digits_are_of_all_labels_and_clear(folder):
    golden = load_golden(load_bundle(folder))
    for outputs in golden.outputs.values():
        assert outputs.argmax(1).tolist() == [label for label in range(10) for _ in range(2)]
    assert len(np.unique(golden.images, axis=0)) == 20


def test_adding_twice_gives_the_same_bytes(made, tmp_path, run_cli):
    folder = shutil.copytree(made, tmp_path / "ann")  # not to be taken for the shipped one
    first, shipped = contents(folder), contents(load_bundle("ann").folder)
    assert "20 golden images" in run_cli("ann", module="export.golden", cwd=tmp_path).stdout
    assert contents(folder) == first
    assert contents(load_bundle("ann").folder) == shipped


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_of_lines_has_golden_lines(tmp_path):
    bundle = load_line_bundle(shutil.copytree(load_line_bundle().folder, tmp_path / "lines"))
    add(bundle)
    bundle = load_line_bundle(bundle.folder)
    results = [try_backend(name, [bundle])[0] for name in ("litert", "onnx", "numpy")]
    assert [result.state for result in results] == [State.WORKS] * 3
    assert [result.steps for result in results] == [0.0] * 3


def test_a_backend_that_lacks_an_operator_has_no_fault(folder, monkeypatch):
    monkeypatch.delitem(tflite_graph.READERS, tflite_graph.TRANSPOSE)
    result = check("numpy", load_bundle(folder))
    assert (result.state, result.steps) == (State.UNSUPPORTED, None)
    assert "it has operator 39" in result.reason


@pytest.mark.parametrize(("off", "state"), [(1, State.WORKS), (4, State.WORKS), (5, State.FAILED), (60, State.FAILED)])
def test_outputs_may_be_four_steps_off(folder, off, state):
    golden = load_golden(load_bundle(folder))
    lowest = golden.outputs["tflite_int8"].argmin()

    def edit(entry, data):
        data[golden.images.size + lowest] = (data[golden.images.size + lowest] + off) % 256

    change(folder, edit)
    result = check("litert", load_bundle(folder))
    assert (result.state, result.steps) == (state, off)
    assert bool(result.reason) == (state is State.FAILED)


@pytest.mark.parametrize(
    "edit",
    [
        lambda entry, data: entry.update(images=0),
        lambda entry, data: entry.update(images=10**9),
        lambda entry, data: entry.update(images="many"),
        lambda entry, data: entry.update(images=float("inf")),
        lambda entry, data: entry.update(path="../golden.bin"),
        lambda entry, data: entry.update(outputs={}),
        lambda entry, data: entry.update(outputs={"tflite_int8": "object"}),
        lambda entry, data: entry.update(outputs=7),
        lambda entry, data: entry.pop("outputs"),
        lambda entry, data: entry.update(bytes=entry["bytes"] + 1),
        lambda entry, data: data.pop(),
    ],
)
def test_golden_entries_that_make_no_sense_are_refused(folder, edit):
    change(folder, edit)
    with pytest.raises(ModelError):
        load_golden(load_bundle(folder))


def test_a_changed_bit_of_the_golden_file_is_told(folder):
    data = bytearray((folder / "golden.bin").read_bytes())
    data[0] ^= 1
    (folder / "golden.bin").write_bytes(data)
    (result,) = try_backend("litert", [load_bundle(folder)])
    assert result.state is State.FAILED
    assert "SHA-256" in result.reason


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (CRASH, State.FAILED, "SIGILL: it was built for another processor"),
        ("import sys; sys.exit(3)", State.FAILED, "exit code 3"),
        ("raise OSError('libfoo.so: cannot open shared object file')", State.REFUSED, "libfoo.so"),
        ("raise ImportError('no GLIBC_2.34')", State.REFUSED, "no GLIBC_2.34"),
        ("import time; time.sleep(600)", State.FAILED, "does not finish"),
    ],
)
def test_a_broken_library_is_found_out(folder, broken, monkeypatch, code, state, reason):
    monkeypatch.setattr(selftest, "SELF_TEST_SECONDS", 4.0 if "sleep" in code else 60.0)
    broken("litert", code)
    (result,) = try_backend("litert", [load_bundle(folder)])
    assert result.state is state
    assert reason in result.reason
    assert "\n" not in result.reason


def test_a_library_that_crashes_costs_no_other_model_its_test(folder, broken):
    results = try_backend("numpy", [load_bundle(folder), load_bundle("cnn"), load_bundle("ann-small")])
    assert [result.state for result in results] == [State.WORKS] * 3
    broken("onnx", CRASH)
    results = try_backend("onnx", [load_bundle(folder), load_bundle("ann-small")])
    assert [(result.model, result.state) for result in results] == [
        ("ann-nano", State.FAILED),
        ("ann-small", State.FAILED),
    ]


@pytest.mark.long("waits for a backend that hangs")
def test_a_library_that_hangs_is_waited_for_once(folder, broken, monkeypatch, tmp_path):
    monkeypatch.setattr(selftest, "SELF_TEST_SECONDS", 2.0)
    broken("litert", f"import time; open({str(tmp_path / 'starts')!r}, 'a').write('one '); time.sleep(600)")
    results = try_backend("litert", [load_bundle(folder), load_line_bundle(), load_bundle("ann-small")])
    assert [(result.model, result.state) for result in results] == [
        ("ann-nano", State.FAILED),
        (load_line_bundle().name, State.FAILED),
        ("ann-small", State.FAILED),
    ]
    assert all("does not finish" in result.reason for result in results)
    assert (tmp_path / "starts").read_text() == "one "


def test_a_service_is_told_where_nothing_works(folder, broken, caplog):
    broken("litert", CRASH)
    broken("onnx", CRASH)
    told = []
    assert find_working_backend(load_bundle(folder), load_line_bundle(), report=told.append) == "numpy"
    assert [line.split(":")[0] for line in told] == ["the backend litert", "the backend onnx"]
    assert find_working_backend(load_bundle(folder), load_line_bundle(), report=told.append) == "numpy"
    assert len(told) == 2  # it is remembered
    said = [record.getMessage().split(";")[0] for record in caplog.records]
    assert said == ["notice: falling back to the slower NumPy backend"]
    change(folder, lambda entry, data: data.__setitem__(slice(20 * 784, 20 * 784 + 200), bytes(200)))
    with pytest.raises(BackendError, match=r"litert: .*SIGILL.*onnx: .*SIGILL.*numpy: .*steps off"):
        find_working_backend(load_bundle(folder))


def test_a_service_is_told_of_a_model_that_is_broken_or_has_no_file_to_run(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "model_int8.tflite").write_bytes(b"\0" * manifest["files"]["tflite_int8"]["bytes"])
    with pytest.raises(ModelError, match="SHA-256"):
        find_working_backend(load_bundle(folder))
    del manifest["files"]["tflite_int8"], manifest["files"]["onnx_int8"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BackendError, match="no backend passes"):
        find_working_backend(load_bundle(folder))


def test_a_watch_goes_past_a_backend_that_crashes(run_cli, broken):
    done = run_cli("watch", "fake:digits=123", "--seconds", 2, before=broken("litert", CRASH))
    assert "warning: the backend litert: it ends its process with SIGILL" in done.stderr
    assert "notice:" not in done.stderr
    assert "123" in done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_watch_in_its_self_test_ends_when_it_is_asked_to(broken, tmp_path, number, code):
    """A library that hangs, and says first who it is."""
    pid = tmp_path / "pid"
    hang = f"""
import os, pathlib, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
pathlib.Path({str(pid)!r} + "~").write_text(str(os.getpid()))
os.rename({str(pid)!r} + "~", {str(pid)!r})
time.sleep(600)
"""
    environment = os.environ | {"PYTHONPATH": f"{broken('litert', hang)}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "edge_runtime", "watch", "fake:digits=123"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not pid.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, "")
    runs = Path(f"/proc/{pid.read_text()}/cmdline")  # which is empty, or not there, where nothing is left behind
    assert not runs.exists() or not runs.read_bytes()


def test_a_watch_needs_no_interpreter(run_cli, no_interpreter):
    done = run_cli("watch", "fake:digits=123", "--seconds", 2, before=no_interpreter)
    assert [line.split(";")[0] for line in done.stderr.splitlines() if "notice:" in line] == [
        "notice: falling back to the slower NumPy backend",
    ]
    assert "123" in done.stdout


# `edge-digits doctor`


@pytest.mark.long("tests every model on every backend")
def test_doctor_tests_all_models_with_all_backends(run_cli):
    done = run_cli("doctor", "--self-test", "--json")
    found = json.loads(done.stdout)
    assert found["ok"]
    assert "trying onnx" in done.stderr
    models = {*found["models"], load_line_bundle().name, load_page_bundle().name}
    for backend in ("litert", "onnx", "numpy"):
        tests = found["backends"][backend]["self_test"]
        assert set(tests) == models
        assert {result["state"] for result in tests.values()} == {"works"}
        assert None not in [result["steps"] for result in tests.values()]  # each shipped bundle has golden outputs


def test_doctor_survives_a_backend_that_auto_does_not_take(run_cli, broken):
    done = run_cli("doctor", "--self-test", before=broken("onnx", CRASH))
    assert "backend onnx            does not work: it ends its process with SIGILL" in done.stdout
    assert "to do: onnx: it ends its process with SIGILL" in done.stdout
    assert "self-test numpy         cnn         equal" in done.stdout
    assert "digits can be read" in done.stdout


def test_doctor_says_what_to_do_where_auto_takes_one_that_crashes(run_cli, broken):
    done = run_cli("doctor", before=broken("litert", CRASH), code=1)
    assert "to do: auto still takes litert: use --backend onnx, or pip uninstall ai-edge-litert" in done.stdout
    assert "digits cannot be read here yet" in done.stdout


def test_doctor_without_an_interpreter_finds_numpy(run_cli, no_interpreter):
    done = run_cli("doctor", before=no_interpreter)
    assert "chosen by auto" in next(line for line in done.stdout.splitlines() if "backend numpy" in line)
    assert "to do: the NumPy backend is slower than an interpreter: pip install" in done.stdout
    assert "digits can be read" in done.stdout


def test_doctor_tells_of_a_damaged_default_model(run_cli, tmp_path, monkeypatch):
    copy = tmp_path / "package"
    shutil.copytree(ROOT / "edge_runtime", copy / "edge_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    model = copy / "edge_runtime/models/ann/model_int8.tflite"
    model.write_bytes(model.read_bytes() + b"1")
    command = [sys.executable, "-m", "edge_runtime", "doctor"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not tried: there is no valid model" in done.stdout
    assert "internal error" not in done.stderr
