"""The command with a simulated camera and a fault every ten seconds: growth of memory, and recovery."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

STEP = 10  # seconds from one fault to the next, each of which begins a second before another number is shown
FPS = 10
FAULTS = (("stall", 3.0), ("eof", 2.0), ("raise", 2.0), ("black", 2.0), ("disconnect", 3.0), ("stall", 8.0))
SHOWN = ("20746", "63058", "91327", "58204", "47160", "35892")  # in turn; each is read right when drawn
SETTLED = 20  # seconds until memory is steady
HEAL = 5.0  # seconds within which readings must return


class Sample(NamedTuple):
    """The resources of a process at one moment."""

    mib: float  # resident
    threads: int
    files: int  # open descriptors


def measure(seconds: float, model: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Watch for some time; returns metrics. Growth is the median of the last third over that of the first."""
    every = STEP * len(FAULTS)
    faults = ",".join(
        f"fault={kind}@{STEP * number + STEP - 1:g}+{length:g}" for number, (kind, length) in enumerate(FAULTS)
    )
    source = f"fake:digits={'|'.join(SHOWN)},change={STEP},fps={FPS},move=8,every={every},{faults}"
    tell(f"a fault every {STEP} s, for {seconds:.0f} s")
    command = [sys.executable, "-m", "edge_runtime", "watch", source, "--seconds", str(seconds)]
    command += ["--model", model, "--json"]
    samples: list[Sample] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        watcher = threading.Thread(target=_sample, args=(process, samples), daemon=True)
        watcher.start()
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout]
    watcher.join()
    readings, summary = lines[:-1], lines[-1]["summary"]
    late = _heals(readings, seconds)
    settled = samples[SETTLED:] or samples
    third = max(1, len(settled) // 3)
    first, last = settled[:third], settled[-third:]
    return {
        "seconds": seconds,
        "exit_code": process.returncode,
        "readings": len(readings),
        "frames": summary["frames"],
        "faults": len(late),
        "heals_within_s": max((each for each in late if each is not None), default=None),
        "not_healed": sum(each is None or each > HEAL for each in late),
        "wrong": sum(each["text"] not in ("", *SHOWN) for each in readings),
        "mib": [median(each.mib for each in part) for part in (first, last)],
        "threads": [max(each.threads for each in part) for part in (first, last)],
        "files": [max(each.files for each in part) for part in (first, last)],
    }


def _heals(readings: list[dict[str, Any]], seconds: float) -> list[float | None]:
    """Return the seconds from the end of each fault to the next right reading; None where there was none."""
    # The first reading is the camera's start and the frames that it had to stand, but for how long the first took.
    began = _time(readings[0]) - 4 / FPS
    found: list[float | None] = []
    count = 0
    while True:
        start = STEP * (count + 1) - 1
        healed = start + FAULTS[count % len(FAULTS)][1]
        if healed + HEAL > seconds - 2:
            return found
        shown = SHOWN[int(healed / STEP) % len(SHOWN)]
        after = (_time(each) - began - healed for each in readings if each["text"] == shown)
        # Numbers are shown again in turn.
        found.append(min((each for each in after if -0.5 < each < STEP * (len(SHOWN) - 1)), default=None))
        count += 1


def _time(reading: dict[str, Any]) -> float:
    return datetime.fromisoformat(reading["time"]).timestamp()


def _sample(process: "subprocess.Popen[str]", samples: list[Sample]) -> None:
    """Sample the process once a second until it ends."""
    here = Path(f"/proc/{process.pid}")
    while process.poll() is None:
        try:
            status = dict(line.split(":", 1) for line in (here / "status").read_text().splitlines())
            files = len(os.listdir(here / "fd"))  # noqa: PTH208
            samples.append(Sample(int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]), files))
        except (OSError, KeyError):
            pass
        time.sleep(1.0)
