"""Measure one backend in its own process: `python -m edge_runtime.bench.worker MODEL BACKEND THREADS SECONDS`.

Prints a line before and after the loop that classifies single digits, and then the metrics as JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from edge_runtime.bench.memory import peak_mib

BATCH = 64  # digits
WARM = 20  # warm-up calls


def main(model: str, backend: str, threads: int, seconds: float) -> None:
    """Measure one backend. seconds: of each of the three loops."""
    import cv2
    import numpy as np

    from edge_runtime.classifier import Classifier
    from edge_runtime.images.files import decode_gray
    from edge_runtime.normalise import normalise
    from edge_runtime.pipeline import Reader
    from edge_runtime.synthetic.digits import draw_digit

    digits = np.stack([normalise(draw_digit(index % 10, seed=index)) for index in range(BATCH)])
    encoded = [cv2.imencode(".png", digit)[1].tobytes() for digit in digits]
    began = time.perf_counter()
    classifier = Classifier(model, backend, threads)
    classifier.classify_normalised(digits[0])
    load_s = time.perf_counter() - began
    reader = Reader(classifier)
    _print_line("ready")
    one = _loop(lambda index: classifier.classify_normalised(digits[index]), seconds)
    _print_line("over")
    found = {
        "one_s": sum(one) / len(one),
        "one": _percentiles(one),
        "whole": _percentiles(_loop(lambda index: reader.read(decode_gray(encoded[index])), seconds)),
        "batch_per_s": BATCH / float(np.median(_loop(lambda _: classifier.classify_normalised(digits), seconds))),
        "load_ms": 1000 * load_s,
        "peak_mib": peak_mib(),
    }
    _print_line(json.dumps(found))


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _loop(call: Callable[[int], Any], seconds: float) -> list[float]:
    """Return the seconds of each call, without warm-up; at least one."""
    for index in range(WARM):
        call(index % BATCH)
    took: list[float] = []
    end = time.perf_counter() + seconds
    index = 0
    while not took or time.perf_counter() < end:
        began = time.perf_counter()
        call(index % BATCH)
        took.append(time.perf_counter() - began)
        index += 1
    return took


def _percentiles(took: list[float]) -> dict[str, float]:
    """Return percentiles in microseconds."""
    ordered = sorted(took)
    return {f"p{at}_us": 1e6 * ordered[round(at * (len(ordered) - 1) / 100)] for at in (50, 90, 99)}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
