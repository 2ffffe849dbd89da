"""A small package that is installed beside ours adds a backend, a source and a sink, and the command line uses them."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "edge-digits-example"
version = "1.0"

[project.entry-points."edge_digits.backends"]
always-seven = "example_parts.backend"
broken = "example_parts.missing"

[project.entry-points."edge_digits.sources"]
drawn = "example_parts.source:open_camera"

[project.entry-points."edge_digits.sinks"]
lines = "example_parts.sink:open_sink"

[tool.setuptools]
packages = ["example_parts"]
"""
BACKEND = """
import numpy as np

from edge_runtime.errors import UnsupportedModelError


class Seven:
    scale, zero_point, outputs = 1.0, 0, (11,)

    def run(self, images):
        outputs = np.zeros((len(images), 11), np.float32)
        outputs[:, 7] = 20
        return outputs


def load(model, threads, shapes):
    if shapes.outputs != (11,):
        raise UnsupportedModelError("it reads single digits alone")
    return Seven()
"""
SOURCE = """
import time

import cv2

from edge_runtime.synthetic.pages import draw_page
from edge_runtime.sources.live import Shot


class Camera:
    def __init__(self, text):
        picture = draw_page([text.partition(":")[2]], (640, 200), 60, 3).picture
        self._gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)

    def grab(self):
        time.sleep(0.02)
        return Shot(self._gray, time.monotonic())

    def close(self):
        pass


def open_camera(text):
    return Camera(text)
"""
SINK = """
from pathlib import Path


class Lines:
    def __init__(self, path):
        self._path = Path(path)

    def write(self, reading):
        with self._path.open("a") as file:
            file.write(f"{reading.event} {reading.text} from {reading.source}\\n")

    def close(self):
        pass


def open_sink(argument, settings):
    return Lines(argument)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the package is installed into, by pip."""
    folder = tmp_path_factory.mktemp("example")
    parts = folder / "source" / "example_parts"
    parts.mkdir(parents=True)
    (folder / "source" / "pyproject.toml").write_text(PROJECT)
    for name, text in {"__init__": "", "backend": BACKEND, "source": SOURCE, "sink": SINK}.items():
        (parts / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--target", folder / "site", folder / "source"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "site"


def test_a_backend_of_another_package_reads(run_cli, installed):
    sample = ROOT / "samples" / "4-black-on-white.bmp"
    done = run_cli("classify", "--json", "--backend", "always-seven", sample, before=installed)
    assert json.loads(done.stdout)["label"] == "7"
    assert run_cli("read", "--backend", "always-seven", sample, before=installed).stdout == "7\n"


def test_a_source_and_a_sink_of_another_package_work_in_a_watch(run_cli, installed, tmp_path):
    run_cli("watch", "drawn:2074", "--to", "lines:seen.txt", "--seconds", "6", before=installed)
    assert (tmp_path / "seen.txt").read_text() == "stable 2074 from drawn\n"


def test_what_cannot_be_imported_or_is_unknown_is_one_line(run_cli, installed):
    done = run_cli("classify", "--backend", "broken", "7.png", before=installed, code=1)
    assert done.stderr.startswith("error: example_parts.missing, which edge_digits.backends names broken")
    assert "ModuleNotFoundError" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = run_cli("classify", "--backend", "abacus", "7.png", before=installed, code=2)
    assert "abacus" in done.stderr
    done = run_cli("watch", "abacus:1", before=installed, code=2)
    assert "names no source" in done.stderr
    done = run_cli("watch", "fake:", "--to", "abacus:1", before=installed, code=2)
    assert "no sink" in done.stderr


def test_nothing_is_looked_up_before_an_unknown_name_is_asked_for():
    code = """
import importlib.metadata
import sys
importlib.metadata.entry_points = None
from edge_runtime.cli.commands import edge_digits
edge_digits.main(["classify", "--backend", "litert", sys.argv[1]], standalone_mode=False)
"""
    sample = ROOT / "samples" / "4-black-on-white.bmp"
    subprocess.run([sys.executable, "-c", code, sample], check=True, cwd=ROOT)
