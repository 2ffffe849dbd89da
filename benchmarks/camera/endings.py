"""Time to the end after SIGTERM, and whether every printed reading reached its file."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5  # of each kind
SHOWN = "digits=20746|63058|91327,change=2"
STALLED = 4.5  # seconds until the camera of that kind hangs
KINDS = {"at work": "", "a camera that hangs": ",fault=stall@3+600"}


def measure(model: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """End watches of both kinds with SIGTERM, without a broker; returns the longest time and what was lost."""
    found: dict[str, Any] = {"endings": ROUNDS * len(KINDS), "seconds": {}, "lost": 0}
    for kind, fault in KINDS.items():
        tell(f"SIGTERM, {ROUNDS} times: {kind}")
        ends = [
            _ending(f"fake:{SHOWN}{fault}", model, STALLED if fault else 3 + number / 3) for number in range(ROUNDS)
        ]
        found["seconds"][kind] = max(seconds for seconds, _ in ends)
        found["lost"] += sum(lost for _, lost in ends)
    return found


def _ending(source: str, model: str, after: float) -> tuple[float, int]:
    """Return seconds from SIGTERM to the end, and readings that are missing in the file."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))  # a port without a listener
        file = Path(folder) / "readings.jsonl"
        broker = f"mqtt://127.0.0.1:{free.getsockname()[1]}/readings"
        outbox = str(Path(folder) / "box.sqlite")
        sinks = ["--to", "stdout", "--to", f"jsonl:{file}", "--to", broker, "--outbox", outbox]
        command = [sys.executable, "-m", "edge_runtime", "watch", source, "--model", model, "--json", *sinks]
        pipe, root = subprocess.PIPE, Path(__file__).parents[2]
        with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=root) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(after)
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            rest = process.stdout.readlines()
            process.wait()
            seconds = time.monotonic() - start
        printed = [json.loads(line) for line in [first, *rest[:-1]]]
        kept = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return seconds, sum(each not in kept for each in printed)
