"""What an image may cost, whatever it shows: CPU time and memory of a child process that reads textures.

EDGE_DIGITS_LONG=1 reads all of them, and 300 with random measures.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LONG = "EDGE_DIGITS_LONG" in os.environ
# The finder takes at most about 1 s of a desktop's core; on a busy machine a second of CPU time does less.
SECONDS = 4.0
MEBIBYTES = 250
BLANK = {"squared paper", "a line of 12 megapixels"}  # nothing is left of the one's rules, or of the other's height


@pytest.fixture(scope="module")
def costs():
    command = [sys.executable, "-m", "tests.textures", "all" if LONG else "short", "300" if LONG else "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.long("textures of every kind, each within its limits")
def test_any_image_is_read_within_a_second_and_250_mebibytes(costs):
    assert len(costs) >= (300 if LONG else 30)
    slow = [each for each in costs if each["seconds"] > SECONDS]
    large = [each for each in costs if each["mib"] > MEBIBYTES]
    assert (slow, large) == ([], [])


def test_a_texture_is_dropped_and_never_lost(costs):
    named = [each for each in costs if not each["name"].startswith("seed")]
    lost = [each["name"] for each in named if not each["digits"] and not each["dropped"]]
    assert set(lost) <= BLANK | {"checkers of 1"}
    textures = [each for each in named if each["name"].startswith(("dots", "dense dots", "halftone", "maze", "noise"))]
    assert len(textures) >= 7
    assert [each for each in textures if each["digits"] > 1] == []
