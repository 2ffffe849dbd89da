"""Instructions for one digit: the same from run to run, so a regression of a few per cent shows.

Callgrind (of valgrind) counts them, as the difference of two runs of different lengths. It emulates a processor
with AVX2 at most, so interpreters choose other kernels than on a processor with VNNI or AMX.

In: a model's name. Out: counts, and the comparison with those in the repository.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.counted import LONG, SHORT, WHOLE
from benchmarks.machine import machine
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.common import cpu
from edge_runtime.errors import EdgeDigitsError

ROOT = Path(__file__).parent.parent
SLACK = 0.03  # share of the recorded count: more is a regression
SUBJECTS = ("litert", "litert" + WHOLE, "tflite-int8", "tflite-float", "onnx", "onnx-int8")
TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)
PARTS = 3  # dumps of each subject


class CountError(EdgeDigitsError, RuntimeError):
    """Instructions cannot be counted here."""


class Compared(NamedTuple):
    """A count and the recorded one."""

    subject: str
    number: int
    recorded: int | None  # None where this kind of processor, or this network, was not recorded

    @property
    def slower(self) -> bool:
        """Whether it exceeds the recorded one by more than the slack."""
        return self.recorded is not None and self.number > self.recorded * (1 + SLACK)


def kind() -> str:
    """Return what makes counts comparable: the processor that callgrind emulates, and Python's version."""
    seen = "avx2" if "avx2" in cpu.features() else "asimd" if "asimd" in cpu.features() else "base"
    return f"{platform.machine()} {seen}, Python {platform.python_version().rpartition('.')[0]}"


def count(model: str, subjects: Sequence[str] = SUBJECTS) -> dict[str, int]:
    """Count the instructions for one digit, by subject; raises CountError."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("valgrind is not installed: apt-get install valgrind")
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", "--dump-before=getpgid", f"--callgrind-out-file={folder}/parts"]
        command += [sys.executable, "-m", "benchmarks.counted", str(load_bundle(model).folder), *subjects]
        # The order of Python's sets and dicts must not change from run to run.
        environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise CountError(f"callgrind ended with {done.returncode}: {last[0]}")
        totals = []
        for number in range(1, PARTS * len(subjects) + 1):
            found = TOTAL.search(Path(folder, f"parts.{number}").read_text(encoding="utf-8", errors="replace"))
            totals.append(int(found[1]) if found else 0)
    runs = [totals[at : at + PARTS] for at in range(0, len(totals), PARTS)]
    return {name: round((long - short) / (LONG - SHORT)) for name, (_, short, long) in zip(subjects, runs, strict=True)}


def compare(model: str, counts: dict[str, int], recorded: dict[str, Any]) -> list[Compared]:
    """Compare counts with recorded ones; those of another network are ignored."""
    found = recorded.get(kind(), {}).get("models", {}).get(model, {})
    same = found.get("model") == load_bundle(model).file("tflite_int8").sha256
    return [Compared(name, number, found["subjects"].get(name) if same else None) for name, number in counts.items()]


def record(model: str, counts: dict[str, int], recorded: dict[str, Any]) -> None:
    """Add counts by kind of machine and model, with the machine; the counts of other subjects stay."""
    entry = recorded.setdefault(kind(), {"models": {}})
    entry["machine"] = machine()
    of = load_bundle(model).file("tflite_int8").sha256
    found = entry["models"].get(model, {})
    kept = found["subjects"] if found.get("model") == of else {}
    entry["models"][model] = {"model": of, "subjects": kept | counts}


def read(path: Path) -> dict[str, Any]:
    """Return the recorded counts; without a file there are none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def write(path: Path, recorded: dict[str, Any]) -> None:
    """Write the recorded counts."""
    path.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
