"""Every example runs and prints what it is for."""

import csv
import importlib.util
import json
import re
import subprocess
import sys

import cv2
import pytest

from edge_runtime.synthetic.digits import draw_digit
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
PAGE = EXAMPLES / "page.jpg"


@pytest.fixture
def example():
    def run(name, *arguments):
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_classify_array(example):
    out = example("classify_array", ROOT / "samples" / "5-on-transparent.png")
    assert out.startswith("label 5, confidence ")
    assert "non-digit" in out
    assert "rejected: blank" in example("classify_array", ROOT / "samples" / "blank-paper.jpg")


def test_read_page(example, tmp_path):
    out = example("read_page", PAGE, tmp_path / "seen.png")
    assert out.startswith("2026\n31415\n0987\nrow 0: 2 at ")
    assert cv2.imread(str(tmp_path / "seen.png")).shape == cv2.imread(str(PAGE)).shape


def test_resume_batch(example, tmp_path):
    output = tmp_path / "out.csv"
    assert "11 files, 0 pages failed" in example("resume_batch", ROOT / "samples", output)
    with output.open() as file:
        assert len(list(csv.DictReader(file))) == 11
    assert example("resume_batch", ROOT / "samples", output) == "it was complete\n"


def test_watch_with_sink(example):
    out = example("watch_with_sink", "fake:digits=123,width=320,height=240,size=40,fps=15", "3")
    assert out.startswith("stable: 123 (")
    assert out.endswith(" readings\n")


def test_web_endpoint():
    spec = importlib.util.spec_from_file_location("web_endpoint", EXAMPLES / "web_endpoint.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    client = module.app.test_client()
    found = client.post("/read", data={"image": (PAGE.open("rb"), "page.jpg")})
    assert found.json["text"] == "2026\n31415\n0987"
    refused = client.post("/read", data={"image": ((ROOT / "README.md").open("rb"), "page.jpg")})
    assert refused.status_code == 422
    assert refused.json["error"]
    assert client.post("/read").status_code == 400


def test_compare_backends(example):
    lines = example("compare_backends", ROOT / "samples" / "0-like-mnist.png").splitlines()
    models = {line.split()[0] for line in lines}
    assert models == {"ann", "ann-small", "ann-nano", "cnn"}
    assert {line.split()[2] for line in lines} == {"0"}


@pytest.mark.long("a training on all of MNIST, and an export")
def test_train_and_export(example, tmp_path):
    for label in range(10):
        folder = tmp_path / "hard" / str(label)
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "1.png"), 255 - draw_digit(label, seed=label))
    out = example("train_on_own_digits", tmp_path / "hard", tmp_path / "run", 1)
    assert re.search(r"accuracy on MNIST's test digits: 9\d\.\d\d%$", out.strip())
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["extra"]
    out = example("export_keras_model", tmp_path / "run", tmp_path / "bundle")
    assert re.search(r"^label \d, confidence ", out, re.MULTILINE)
    assert (tmp_path / "bundle" / "manifest.json").is_file()


def test_every_example_is_listed_and_short():
    listed = re.findall(r"^\| `(\w+\.py)` \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.glob("*.py"))
    for name in listed:
        assert len((EXAMPLES / name).read_text().splitlines()) <= 36, name
