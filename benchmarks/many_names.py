"""batch-classify on a folder of very many names: memory must not grow with them, and rows must come at once.

In: the number of names. Out: seconds to the first row and to the end, and each process's peak memory, ready for JSON.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from edge_runtime.bench.memory import peak_mib
from edge_runtime.synthetic.digits import draw_digit

LINKS = 50_000  # of one file: file systems allow about 65,000


def measure(count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Make `count` hard links to a few images and read them all."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "names")
        folder.mkdir()
        tell(f"making {count:,} names")
        for start in range(0, count, LINKS):
            source = Path(root, f"{start}.png")
            cv2.imwrite(str(source), draw_digit(start // LINKS % 10, seed=start))
            for index in range(start, min(count, start + LINKS)):
                os.link(source, folder / f"{index:08}.png")
        tell("reading them")
        return _watch(folder, Path(root, "results.csv"))


def _watch(folder: Path, output: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "edge_runtime", "batch-classify", str(folder), "--output", str(output)]
    part = output.with_name(output.name + ".part")
    peaks: dict[int, float] = {}
    first, began = 0.0, time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        while job.poll() is None:
            if not first and part.exists() and part.stat().st_size > 100:
                first = time.monotonic() - began
            peaks |= {pid: peak for pid in _family(job.pid) if (peak := peak_mib(pid))}
            time.sleep(0.3 if first else 0.01)
        assert job.stdout
        summary = job.stdout.readline().strip()
    rows = sum(1 for _ in output.open("rb")) - 1
    seconds = time.monotonic() - began
    return {"rows": rows, "first_row_s": first, "seconds": seconds, "peak_mib": sorted(peaks.values()), "said": summary}


def _family(pid: int) -> list[int]:
    try:
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    except OSError:
        return [pid]
