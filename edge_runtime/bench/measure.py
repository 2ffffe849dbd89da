"""Measure all installed backends in turn, for several rounds, each in a new process, and the device."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import files as files_of
from pathlib import Path
from typing import Any

from edge_runtime.backends import KINDS, is_installed
from edge_runtime.bench import device
from edge_runtime.bench.repeats import summarise_repeats
from edge_runtime.bundles.bundle import Bundle
from edge_runtime.common import cpu
from edge_runtime.common.versions import versions
from edge_runtime.diagnostics.doctor import DISTRIBUTIONS, PACKAGES
from edge_runtime.errors import BackendError

SCHEMA = 1
IDLE_LOOKS = 5  # power samples before anything runs
BETWEEN = 0.2  # seconds between two power samples
METRICS = {  # by key: name in tables, unit, and whether more is better
    "one_p50_us": ("one digit, median", "µs", False),
    "one_p90_us": ("one digit, 90 %", "µs", False),
    "one_p99_us": ("one digit, 99 %", "µs", False),
    "whole_p50_us": ("image in memory to decision, median", "µs", False),
    "whole_p90_us": ("image in memory to decision, 90 %", "µs", False),
    "whole_p99_us": ("image in memory to decision, 99 %", "µs", False),
    "batch_per_s": ("in batches of 64", "digits/s", True),
    "start_ms": ("cold start to the first label", "ms", False),
    "load_ms": ("loading the model", "ms", False),
    "peak_mib": ("peak memory", "MiB", False),
    "installed_mib": ("installed, with what it needs", "MiB", False),
    "power_w": ("power while reading", "W", False),
    "joules_per_thousand": ("energy of a thousand digits", "J", False),
    "net_joules_per_thousand": ("the same, above the idle device", "J", False),
}


def measure(bundle: Bundle, rounds: int, seconds: float, threads: int, report: Callable[[str], None]) -> dict[str, Any]:
    """Return all metrics of `METRICS` that are available on this device, by backend, ready for JSON.

    rounds, threads: >= 1. seconds: of each loop, > 0. report: called with a line for each step. Raises BackendError if
    no backend is installed or none works.
    """
    names = [name for name, kind in KINDS.items() if kind.library and kind.model in bundle.files and is_installed(name)]
    if not names:
        raise BackendError(f"no backend is installed: {KINDS['litert'].install}")
    before, idle = device.read_state(), _idle_watts()
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        image = _write_image(Path(folder))
        for number in range(rounds):
            for name in names:
                report(f"round {number + 1} of {rounds}: {name}")
                try:
                    metrics = _run(bundle, name, threads, seconds, idle)
                    seen[name].append(metrics | {"start_ms": _start_ms(bundle, name, image)})
                except BackendError as error:
                    report(f"left out: {error}")
                    del seen[name]
            names = list(seen)
    if not seen:
        raise BackendError("no backend works: edge-digits doctor shows what to do")
    for name, found in seen.items():
        size = _installed_mib(DISTRIBUTIONS[name])
        seen[name] = [metrics | size for metrics in found]
    return {
        "schema": SCHEMA,
        "machine": {
            "processor": cpu.model_name() or "unknown",
            "features": cpu.features(),
            "cores": os.cpu_count(),
            "versions": versions(*PACKAGES, *DISTRIBUTIONS.values()),
        },
        "model": {"name": bundle.name, "sha256": {kind: file.sha256 for kind, file in bundle.files.items()}},
        "plan": {"rounds": rounds, "seconds": seconds, "threads": threads},
        "device": {"before": before, "after": device.read_state(), "idle_w": idle},
        "backends": {name: _summary(found) for name, found in seen.items()},
    }


def _summary(found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    keys = [key for key in METRICS if all(key in each for each in found)]
    return {key: summarise_repeats([each[key] for each in found]) for key in keys}


def _installed_mib(backend: str) -> dict[str, float]:
    """Return the size of the files of the package, its libraries and an interpreter; empty if unknown to pip."""
    total = 0
    for name in {*PACKAGES, backend}:
        try:
            files = files_of(name)
        except PackageNotFoundError:
            return {}
        for file in files or ():
            with contextlib.suppress(OSError):  # removed since
                total += Path(str(file.locate())).stat().st_size
    return {"installed_mib": total / 2**20}


def _idle_watts() -> float | None:
    looks = []
    for _ in range(IDLE_LOOKS):
        look = device.watts()
        if look is None:
            return None
        looks.append(look)
        time.sleep(BETWEEN)
    return statistics.fmean(looks)


class _Power(threading.Thread):
    """Samples the power until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._looks: list[float] = []

    def run(self) -> None:
        while True:
            look = device.watts()
            if look is None:
                return
            self._looks.append(look)
            if self._over.wait(BETWEEN):
                return

    def stop(self) -> float | None:
        """Stop, and return the mean power since the start in watts."""
        self._over.set()
        self.join()
        return statistics.fmean(self._looks) if self._looks else None


def _run(bundle: Bundle, backend: str, threads: int, seconds: float, idle: float | None) -> dict[str, float]:
    arguments = [str(bundle.folder), backend, str(threads), str(seconds)]
    command = [sys.executable, "-m", "edge_runtime.bench.worker", *arguments]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as worker,
    ):
        assert worker.stdout is not None
        worker.stdout.readline()  # ready
        power = _Power()
        power.start()
        worker.stdout.readline()  # over
        watts = power.stop()
        output = worker.stdout.readline()
        if worker.wait() != 0:
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or ["no output"]
            raise BackendError(f"the backend {backend} failed: {last[0]}")
    found = json.loads(output)
    metrics = {f"{loop}_{key}": value for loop in ("one", "whole") for key, value in found[loop].items()}
    metrics |= {key: found[key] for key in ("batch_per_s", "load_ms", "peak_mib") if found[key] is not None}
    if watts is not None:
        thousand_s = 1000 * found["one_s"]
        metrics |= {"power_w": watts, "joules_per_thousand": watts * thousand_s}
        metrics |= {} if idle is None else {"net_joules_per_thousand": (watts - idle) * thousand_s}
    return metrics


def _write_image(folder: Path) -> Path:
    import cv2

    from edge_runtime.synthetic.digits import draw_digit

    path = folder / "seven.png"
    cv2.imwrite(str(path), draw_digit(7, seed=1))
    return path


def _start_ms(bundle: Bundle, backend: str, image: Path) -> float:
    """Return the milliseconds from starting a process to the first label."""
    command = [sys.executable, "-m", "edge_runtime", "classify", "--json", "--model", str(bundle.folder)]
    command += ["--backend", backend, str(image)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        took = time.perf_counter() - began
        process.stdout.read()
    if process.returncode != 0 or not first:
        raise BackendError(f"edge-digits classify --backend {backend} failed: run it to see the error")
    return 1000 * took
