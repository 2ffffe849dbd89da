"""`read -`: an image from standard input, and addresses on the web."""

import json
import os
import subprocess
import sys

import pytest

from edge_runtime.limits import FILE_BYTES
from tests.conftest import ROOT

PAGE = ROOT / "examples" / "page.jpg"


def read(*options, given, code=0):
    command = [sys.executable, "-m", "edge_runtime", "read", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, input=given, capture_output=True, env=environment, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_an_image_is_read_from_standard_input():
    assert read("-", given=PAGE.read_bytes()).stdout.decode().splitlines() == ["2026", "31415", "0987"]


def test_its_path_in_json_is_a_dash(tmp_path):
    done = read("--json", "--annotate", str(tmp_path), "-", given=PAGE.read_bytes())
    assert json.loads(done.stdout)["path"] == "-"
    assert (tmp_path / "stdin.png").is_file()


@pytest.mark.parametrize(("given", "message"), [(b"", b"the stream is empty"), (b"no image", b"error: -: ")])
def test_what_is_no_image_is_one_line(given, message):
    done = read("-", given=given, code=1)
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_no_more_is_read_than_of_a_file():
    done = read("-", given=bytes(FILE_BYTES + 1), code=1)
    assert b"the most that is read" in done.stderr


def test_an_address_on_the_web_has_to_be_downloaded_first(run_cli):
    done = run_cli("read", "https://example.com/meter.jpg", code=1)
    assert "there is no such file: an image from the web has to be downloaded first" in done.stderr
