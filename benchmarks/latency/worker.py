"""Measures one subject in a process of its own, pinned to one core: `python -m benchmarks.latency.worker JSON`."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARM = 0.3  # seconds of calls before the measurement


def main(task: dict[str, Any]) -> dict[str, Any]:
    """Measure a subject, the task's keys: subject, model, keras, samples, core, official, seconds."""
    # Before any thread starts: threads inherit it.
    os.sched_setaffinity(0, {task["core"]})
    if task["subject"] == "peak":
        from benchmarks.latency.arithmetic import peak

        return {"macs_per_s": peak()}

    import numpy as np

    from benchmarks.latency import loadgen
    from benchmarks.latency.subjects import SUBJECTS
    from edge_runtime.bundles.bundle import load_bundle

    rules = loadgen.OFFICIAL if task["official"] else loadgen.short(task["seconds"])
    keras = Path(task["keras"]) if task["keras"] else None
    subject = SUBJECTS[task["subject"]].open(load_bundle(task["model"]), keras)
    with np.load(task["samples"], allow_pickle=False) as arrays:
        digits, ends, joined = arrays["digits"], arrays["ends"].tolist(), arrays["encoded"].tobytes()
    encoded = [joined[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    samples = subject.prepare(digits)
    paths = {
        "model": (lambda i: subject.one(samples[i]), lambda some: subject.many(samples[some])),
        "whole": (lambda i: subject.read(encoded[i]), lambda some: subject.read_many([encoded[i] for i in some])),
    }
    return {path: _measure(*paths[path], rules) for path in task["paths"]}


def _measure(one: Callable[[int], Any], many: Callable[[list[int]], Any], rules: Any) -> dict[str, Any]:
    from benchmarks.latency import loadgen

    chunk = list(range(loadgen.CHUNK))
    return {
        "single_stream": loadgen.single_stream(one, _warm(lambda: one(0)), rules),
        "offline": loadgen.offline(many, loadgen.CHUNK / _warm(lambda: many(chunk)), rules),
    }


def _warm(call: Callable[[], Any]) -> float:
    """Return the seconds of a call after warming up."""
    quickest, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < WARM:
        start = time.perf_counter()
        call()
        quickest = min(quickest, time.perf_counter() - start)
    return quickest


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))) + "\n")
