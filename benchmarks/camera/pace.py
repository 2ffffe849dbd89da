"""Frames a second of a watch on one core, compared with decoding and reading alone, and the load of a still page."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from edge_runtime import Classifier, Reader, read_gray
from edge_runtime.sources.fake import Fake, parse_plan
from edge_runtime.sources.opened import open_source
from edge_runtime.watch.frames import FrameReader

FRAMES = 80
FIRST = 15  # frames that are not counted: a still page is read until it is stable
BUSY, IDLE = "digits=20746,move=20", "digits=20746"  # 640 x 480, 5 digits of 60 pixels
ROUNDS = 3
FPS = 15  # of the camera that latency is measured with

Tell = Callable[[str], None]


def measure(classifier: Classifier, tell: Tell, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return processor seconds per frame, by loop, and their ratios, as medians of the rounds.

    All loops run in one thread, in turn, round after round. The processor's time is what a core that does nothing else
    takes, and says the same on one that does.
    """
    reader = Reader(classifier)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tell("frames a second: drawing two films")
            busy, idle = (_film(Path(folder) / name, plan) for name, plan in (("busy", BUSY), ("idle", IDLE)))
            loops: dict[str, Callable[[], float]] = {
                "decode and read": lambda: _bare(busy, reader),
                "watch, moving page": lambda: _watch(busy, reader),
                "watch, still page": lambda: _watch(idle, reader),
            }
            times: dict[str, list[float]] = {name: [] for name in loops}
            for number in range(rounds + 1):
                tell(f"frames a second, round {number} of {rounds}")
                for name, loop in loops.items():
                    taken = loop()
                    if number:  # the first warms up
                        times[name].append(taken)
    finally:
        cv2.setNumThreads(threads)
    bare, moving, still = times.values()
    return {
        "seconds_a_frame": {name: median(each) for name, each in times.items()},
        "share_of_decode_and_read": median(one / other for one, other in zip(bare, moving, strict=True)),
        "still_to_moving": median(one / other for one, other in zip(still, moving, strict=True)),
    }


def latency(seconds: float, model: str, tell: Tell) -> dict[str, float]:
    """Return p50, p90 and p99 of the milliseconds from capture to result, for the command with a live camera."""
    tell(f"capture to result, {seconds:.0f} s")
    command = [sys.executable, "-m", "edge_runtime", "watch", f"fake:{BUSY},fps={FPS}", "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--model", model, "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])["summary"]["latency_ms"]
    return found


def _film(folder: Path, plan: str) -> Path:
    folder.mkdir()
    fake = Fake(parse_plan(plan))
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number:04d}.jpg"), fake.image(fake.started + number / 30, number))
    return folder


def _bare(folder: Path, reader: Reader) -> float:
    paths = sorted(folder.iterdir())[FIRST:]
    began = time.process_time()
    for path in paths:
        reader.read(read_gray(path), "page")
    return (time.process_time() - began) / len(paths)


def _watch(folder: Path, reader: Reader) -> float:
    source = open_source(str(folder))
    watch = FrameReader(reader, source.name)
    began = 0.0
    for frame in source.frames():
        if frame is not None:
            watch.process(frame)
            if frame.number == FIRST - 1:
                began = time.process_time()
    source.close()
    return (time.process_time() - began) / (FRAMES - FIRST)
