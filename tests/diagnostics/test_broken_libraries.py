"""Libraries that are missing, too old or built for another NumPy: one line with the real cause and a remedy."""

import importlib
import os
import sys
from pathlib import Path

import pytest

from edge_runtime import backends
from edge_runtime.batch import parquet
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.errors import BackendError, EdgeDigitsError, MissingLibraryError, NotAnImageError
from edge_runtime.images.files import decode_images
from edge_runtime.images.formats import isolated
from edge_runtime.sinks.targets import SinkSettings, open_sink
from edge_runtime.sources.opened import open_source
from tests import image_files

DTYPE = "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject"


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """Put a module of this text in the place of a library."""

    def put(name, text):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
        top = name.split(".")[0]
        for known in [known for known in sys.modules if known.split(".")[0] == top]:
            monkeypatch.delitem(sys.modules, known)
        importlib.invalidate_caches()

    yield put
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]  # or the next test would get it


def first(source):
    for frame in source.frames():
        if frame is not None:
            return frame
    return None


def reason(kind, call):
    with pytest.raises(kind) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    assert isinstance(caught.value, EdgeDigitsError)
    return line


def open_mqtt(tmp_path):
    return reason(MissingLibraryError, lambda: open_sink("mqtt://127.0.0.1/t", SinkSettings(outbox=tmp_path)))


def test_paho_that_is_too_old_is_told_as_too_old(stub, tmp_path, monkeypatch):
    stub("paho.mqtt.client", "")  # 1.6 has no `enums`
    monkeypatch.delitem(sys.modules, "edge_runtime.sinks.mqtt", raising=False)
    line = open_mqtt(tmp_path)
    assert "is installed, and importing it fails (ModuleNotFoundError: No module named 'paho.mqtt.enums')" in line
    assert line.endswith(": pip install --upgrade paho-mqtt")


def test_paho_that_is_broken_is_told_as_broken(stub, tmp_path, monkeypatch):
    stub("paho.mqtt.client", "raise RuntimeError('broken,\\nreally')")
    monkeypatch.delitem(sys.modules, "edge_runtime.sinks.mqtt", raising=False)
    assert "(RuntimeError: broken, really)" in open_mqtt(tmp_path)


def test_pyarrow_that_is_broken_is_told_as_broken(stub):
    stub("pyarrow.parquet", f"raise ImportError({DTYPE!r})")
    line = reason(MissingLibraryError, parquet.require_pyarrow)
    assert f"importing it fails (ImportError: {DTYPE})" in line
    assert line.endswith(": pip install --upgrade pyarrow")


@pytest.mark.parametrize(
    ("text", "told", "remedy"),
    [
        ("import libcamera", "No module named 'libcamera'", "sudo apt install python3-libcamera"),
        ("import pykms", "No module named 'pykms'", "sudo apt install python3-kms++"),
        ("import not_known", "No module named 'not_known'", "sudo apt install --reinstall python3-picamera2"),
        ("raise OSError('libcamera.so.0.5: cannot open')", "OSError: libcamera.so.0.5: cannot open", "doctor"),
        ("raise ValueError()", "(ValueError)", "doctor"),
    ],
)
def test_what_picamera2_lacks_is_told(stub, monkeypatch, text, told, remedy):
    stub("picamera2", text)
    monkeypatch.delitem(sys.modules, "edge_runtime.sources.picamera", raising=False)
    line = reason(MissingLibraryError, lambda: first(open_source("picamera2")))
    assert line.startswith("picamera2 is installed, but importing it fails (")
    assert told in line
    assert remedy in line.rpartition(": ")[2]


def test_numpy_that_does_not_fit_picamera2_is_told_with_the_command(stub, monkeypatch):
    stub("picamera2", f"raise ValueError({DTYPE!r})")
    monkeypatch.delitem(sys.modules, "edge_runtime.sources.picamera", raising=False)
    remedy = "the system's picamera2 is built for NumPy 1.24.2, but 2.1.0 is installed: pip install 'numpy==1.24.2'"
    monkeypatch.setattr("edge_runtime.diagnostics.system.conflicts", lambda: [remedy])
    line = reason(MissingLibraryError, lambda: first(open_source("picamera2")))
    assert line == f"picamera2 is installed, but importing it fails (ValueError: {DTYPE}): {remedy}"


@pytest.mark.parametrize("error", ["ImportError('no')", "AttributeError('_ARRAY_API not found')", "ValueError('odd')"])
def test_an_interpreter_that_cannot_be_imported_is_told(stub, error):
    stub("ai_edge_litert.interpreter", f"raise {error}")
    sys.modules.pop("edge_runtime.backends.litert", None)
    bundle = load_bundle()
    line = reason(BackendError, lambda: backends.open_backend("litert", bundle))
    kind, text = error.rstrip(")'").split("('")
    assert f"is installed and cannot be imported ({kind}: {text}): pip install" in line
    sys.modules.pop("edge_runtime.backends.litert", None)


@pytest.mark.parametrize(
    ("module", "text", "told"),
    [
        ("cv2", "raise ImportError('numpy.core.multiarray failed to import')", "ImportError: numpy.core.multiarray"),
        ("cv2", "raise ImportError('libGL.so.1: cannot open shared object file')", "ImportError: libGL.so.1"),
        ("cv2", f"raise ValueError({DTYPE!r})", "ValueError: numpy.dtype size changed"),
        ("numpy", "raise ImportError('Error importing numpy:\\n  you should not')", "numpy: you should not"),
    ],
)
def test_a_library_that_everything_needs_and_that_is_broken_is_one_line(run_cli, tmp_path, module, text, told):
    (tmp_path / "barred").mkdir()
    (tmp_path / "barred" / f"{module}.py").write_text(text)
    said = run_cli("classify", "7.png", before=tmp_path / "barred", code=1).stderr
    assert said.startswith(f"error: {module} is installed, but importing it fails (")
    assert told in said
    assert "-m pip install --force-reinstall" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("library", "distribution", "suffix"),
    [("pi_heif", "pi-heif", "HEIC"), ("pypdfium2", "pypdfium2", "PDF"), ("PIL", "pillow", "AVIF")],
)
def test_a_library_of_an_image_format_that_is_broken_is_told_with_its_cause(
    library, distribution, suffix, stub, monkeypatch
):
    intact = next(image_files.INTACT[suffix]())
    isolated._end()  # another process than ours imports it
    stub(f"{library}.{library}", "")
    (Path(sys.path[0]) / library / "__init__.py").write_text("raise RuntimeError('wrong ELF class')")
    line = reason(NotAnImageError, lambda: list(decode_images(intact)))
    isolated._end()
    assert "RuntimeError: wrong ELF class" in line
    assert line.endswith(f"pip install --upgrade {distribution}")
