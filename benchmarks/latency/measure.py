"""Measures all subjects of a model, in turn, round by round, and their ratios.

In: a model's name, digits. Out: latencies, rates and ratios, ready for JSON.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks import keras_model
from benchmarks.latency.arithmetic import macs
from benchmarks.latency.subjects import SUBJECTS, why_not
from benchmarks.statistics import target
from edge_runtime.bench.repeats import summarise_repeats
from edge_runtime.bundles.bundle import DEFAULT, Bundle, load_bundle
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.types import Images

ROOT = Path(__file__).parent.parent.parent
SAMPLES = 1024  # digits that LoadGen draws from
PATHS = ("model", "whole")
# One thread each, and nothing said of graphics cards.
QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
QUIET |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
QUIET |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
FIGURES = ("p50_us", "p90_us", "p99_us", "offline_us")  # microseconds a digit
BASELINES = ("keras-call", "keras-predict", "bare", "limit")
BARE, SMALL_BARE, FASTER = 1.5, 2.0, 2.5  # targets of `classify`, as ratios


class Plan(NamedTuple):
    """The settings of a measurement."""

    rounds: int
    seconds: float  # of each LoadGen run
    official: bool  # MLPerf's own durations and counts instead of `seconds`
    subjects: Sequence[str]
    core: int

    def entry(self) -> dict[str, Any]:
        """Return its entry in a result."""
        return {"rounds": self.rounds, "seconds": 600 if self.official else self.seconds, "official": self.official}


class SubjectError(EdgeDigitsError, RuntimeError):
    """The process of a subject failed."""


def last_core() -> int:
    """Return the last core that this process may use: the first ones serve the system."""
    return max(os.sched_getaffinity(0))


def measure(
    model: str, digits: Images, plan: Plan, runs: Sequence[Path], tell: Callable[[str], None]
) -> dict[str, Any]:
    """Measure every subject on uint8 (N, 28, 28) digits, N >= `SAMPLES`."""
    bundle = load_bundle(model)
    with tempfile.TemporaryDirectory() as root:
        keras = keras_model.find(bundle, runs)
        trained = keras is not None
        if keras is None and any(SUBJECTS[name].file is None for name in plan.subjects):
            keras = keras_model.stand_in(bundle, Path(root))
        names = []
        for name in plan.subjects:
            if reason := _why_left_out(name, bundle, keras):
                tell(f"{model}: {name} is left out: {reason}")
            else:
                names.append(name)
        samples = _write(Path(root, "samples.npz"), digits[:SAMPLES])
        task: dict[str, Any] = {
            "model": str(bundle.folder),
            "keras": keras and str(keras),
            "samples": str(samples),
            "paths": PATHS,
        }
        task |= {"core": plan.core, "official": plan.official, "seconds": plan.seconds}
        rounds: list[dict[str, Any]] = []
        for number in range(plan.rounds):
            tell(f"{model}: round {number + 1} of {plan.rounds}")
            found = {}
            for name in names:
                tell(f"{model}:   {name}")
                found[name] = _spawn(task | {"subject": name})
            rounds.append(found | {"peak": _spawn(task | {"subject": "peak"})})
    multiplied = macs(bundle.file("tflite_int8").load())
    return {
        "model": bundle.file("tflite_int8").sha256,
        "keras": "trained" if trained else "untrained, of the same layers" if keras else None,
        "macs": multiplied,
        "peak_macs_per_s": summarise_repeats([each["peak"]["macs_per_s"] for each in rounds]),
        "paths": {path: summarise(rounds, path, multiplied) for path in PATHS},
    }


def _why_left_out(subject: str, bundle: Bundle, keras: Path | None) -> str:
    kind = SUBJECTS[subject].file
    if kind is None:
        return "" if keras else f"no {keras_model.NAME}, and the recipe is not known"
    reason = why_not(subject, bundle)
    return reason if reason or bundle.file(kind).path.is_file() else f"no {bundle.file(kind).path.name}"


def summarise(rounds: Sequence[Mapping[str, Any]], path: str, multiplied: int) -> dict[str, Any]:
    """Turn the results of the workers of each round into medians and ratios, by subject.

    path: `model` or `whole`. Ratios are of times within each round: below 1 is faster than the baseline.
    """
    times = [
        {name: _times(found[path]) for name, found in each.items() if name != "peak"}
        | {"limit": dict.fromkeys(FIGURES, 1e6 * multiplied / each["peak"]["macs_per_s"])}
        for each in rounds
    ]
    summary = {}
    for name in (name for name in rounds[0] if name != "peak"):
        baselines = {kind: SUBJECTS[name].bare if kind == "bare" else kind for kind in BASELINES}
        ratios = {kind: _ratios(times, name, base) for kind, base in baselines.items() if base and base in times[0]}
        measured = [each[name][path] for each in rounds]
        summary[name] = {
            **{figure: summarise_repeats([each[name][figure] for each in times]) for figure in FIGURES},
            "offline_per_s": summarise_repeats([each["offline"]["samples_per_s"] for each in measured]),
            "valid": all(each[kind]["valid"] for each in measured for kind in ("single_stream", "offline")),
            "ratios": ratios,
            "quantiles_us": np.median([each["single_stream"]["quantiles_us"] for each in measured], 0).tolist(),
        }
    return summary


def _ratios(times: Sequence[Mapping[str, Mapping[str, float]]], name: str, base: str) -> dict[str, Any]:
    return {
        figure: summarise_repeats([each[name][figure] / each[base][figure] for each in times]) for figure in FIGURES
    }


def targets(model: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of `classify` on one digit and its ratios: `what`, `most`, `ratio`, `met`, `noisy`."""
    subjects = found["paths"]["model"]
    most = {DEFAULT: BARE, "ann-small": SMALL_BARE}.get(model)
    ratios = []
    if most is not None and {"litert", "tflite-int8"} <= set(subjects):
        ratio = subjects["litert"]["ratios"]["bare"]["p50_us"]
        ratios.append(("classify, to the bare loop over the same file", most, ratio))
    if model == DEFAULT and {"litert", "tflite-float"} <= set(subjects):
        pairs = zip(*(subjects[name]["p50_us"]["repeats"] for name in ("litert", "tflite-float")), strict=True)
        ratio = summarise_repeats([ours / theirs for ours, theirs in pairs])
        ratios.append(("classify, to the bare loop over float tflite", 1 / FASTER, ratio))
    return [target(what, most, ratio) for what, most, ratio in ratios]


def _times(found: Mapping[str, Any]) -> dict[str, float]:
    single = found["single_stream"]
    return {figure: single[figure] for figure in FIGURES[:3]} | {"offline_us": 1e6 / found["offline"]["samples_per_s"]}


def _write(path: Path, digits: Images) -> Path:
    """Write the digits as arrays, and as PNG files one after the other with their ends."""
    encoded = [cv2.imencode(".png", digit)[1].tobytes() for digit in digits]
    joined = np.frombuffer(b"".join(encoded), np.uint8)
    np.savez(path, digits=digits, encoded=joined, ends=np.cumsum([len(data) for data in encoded]))
    return path


def _spawn(task: Mapping[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.latency.worker", json.dumps(task)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | QUIET, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SubjectError(f"the process of {task['subject']} ended with {done.returncode}: {last[0]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
