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
no-load = "example_parts.faults"
no-backend = "example_parts.faults:Number"
other-shape = "example_parts.faults:OtherShape"
leaves = "example_parts.leaves"

[project.entry-points."edge_digits.sources"]
drawn = "example_parts.source:open_camera"
no-camera = "example_parts.faults:nothing"
no-lens = "example_parts.faults:no_lens"
no-shot = "example_parts.faults:NoShot"
colour = "example_parts.faults:Colour"

[project.entry-points."edge_digits.sinks"]
lines = "example_parts.sink:open_sink"
no-sink = "example_parts.faults:nothing"
no-printer = "example_parts.faults:no_lens"
paper-jam = "example_parts.faults:PaperJam"

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
        picture = draw_page([text.partition(":")[2]], (640, 200), 60, 3).image
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
FAULTS = """
import time

import cv2
import numpy as np

from edge_runtime.synthetic.pages import draw_page
from edge_runtime.sources.live import Shot


class Number:
    @staticmethod
    def load(model, threads, shapes):
        return 5


class OtherShape:
    scale, zero_point, outputs = 1.0, 0, (11,)

    @classmethod
    def load(cls, model, threads, shapes):
        return cls()

    def run(self, images):
        return np.zeros((3, 4), np.float32)


def nothing(*arguments):
    return None


def no_lens(text, *more):
    raise ValueError(f"there is no lens\\nat {text}")


class NoShot:
    def __init__(self, text):
        pass

    def grab(self):
        time.sleep(0.02)
        return "a shot"

    def close(self):
        pass


class Colour(NoShot):
    def grab(self):
        time.sleep(0.02)
        return Shot(draw_page(["2074"], (640, 200), 60, 3).image / 255, time.monotonic())


class PaperJam:
    def __init__(self, argument, settings):
        pass

    def write(self, reading):
        raise OSError("the paper is jammed")

    def close(self):
        raise RuntimeError("the lid is open")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the package is installed into, by pip."""
    folder = tmp_path_factory.mktemp("example")
    parts = folder / "source" / "example_parts"
    parts.mkdir(parents=True)
    (folder / "source" / "pyproject.toml").write_text(PROJECT)
    texts = {
        "__init__": "",
        "backend": BACKEND,
        "source": SOURCE,
        "sink": SINK,
        "faults": FAULTS,
        "leaves": "raise SystemExit(3)",
    }
    for name, text in texts.items():
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
    assert "is not a source" in done.stderr
    done = run_cli("watch", "fake:", "--to", "abacus:1", before=installed, code=2)
    assert "unknown sink" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-load", "the backend no-load failed: AttributeError: "),
        ("no-backend", "the backend no-backend failed: TypeError: int has no run, outputs"),
        ("other-shape", "the backend other-shape failed: ValueError: its outputs have the shape (3, 4), not (1, 11)"),
        ("leaves", "example_parts.leaves, which edge_digits.backends names leaves, cannot be imported: SystemExit: 3"),
    ],
)
def test_a_backend_that_breaks_is_named_with_its_cause(run_cli, installed, name, said):
    sample = ROOT / "samples" / "4-black-on-white.bmp"
    done = run_cli("classify", "--json", "--backend", name, sample, before=installed, code=1)
    assert done.stderr.startswith(f"error: {said}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("no-camera:1", 1, "no-camera failed: TypeError: NoneType has no grab and close"),
        ("no-lens:1", 1, "no-lens failed: ValueError: there is no lens at no-lens:1"),
        ("no-lens:user:secret@1", 1, "no-lens failed: ValueError"),
        ("no-shot:1", 0, "no-shot failed: TypeError: grab returned str, not a Shot; trying again"),
    ],
)
def test_a_source_that_breaks_is_named_with_its_cause(run_cli, installed, source, code, said):
    done = run_cli("watch", source, "--seconds", "1", before=installed, code=code)
    assert said in done.stderr
    assert "secret" not in done.stderr


def test_a_source_may_give_colour_of_any_depth(run_cli, installed):
    done = run_cli("watch", "colour:1", "--json", "--seconds", "3", before=installed)
    assert json.loads(done.stdout.splitlines()[0])["text"] == "2074"


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        ("no-sink:1", "error: the sink no-sink failed: TypeError: NoneType has no write and close"),
        ("no-printer:1", "error: the sink no-printer failed: ValueError: there is no lens at 1"),
    ],
)
def test_a_sink_that_cannot_be_opened_is_named_with_its_cause(run_cli, installed, sink, said):
    done = run_cli("watch", "drawn:2074", "--to", sink, "--seconds", "1", before=installed, code=1)
    assert said in done.stderr


def test_a_sink_that_breaks_costs_its_own_readings_alone(run_cli, installed, tmp_path):
    sinks = ["--to", "paper-jam:1", "--to", "lines:seen.txt"]
    done = run_cli("watch", "drawn:2074", *sinks, "--seconds", "3", before=installed, code=1)
    assert (tmp_path / "seen.txt").read_text() == "stable 2074 from drawn\n"
    assert "the sink paper-jam failed: OSError: the paper is jammed; readings are lost until" in done.stderr
    assert "the sink paper-jam failed: RuntimeError: the lid is open" in done.stderr


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
