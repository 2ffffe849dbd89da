"""Speed of batch-classify, compared with the work that every reader must do.

The limit is a bare loop over the same files in as many processes: read, decode, batched calls of the same model's
interpreter, nothing else. All loops run in turn, since machines drift: ratios count, not seconds.

In: a model's name. Out: files a second and their ratios, ready for JSON.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_runtime.backends import open_backend
from edge_runtime.batch.journal import Journal
from edge_runtime.batch.row_formats import Csv
from edge_runtime.batch.rows import PART, WorkerSettings, parallel_rows
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.sources.folder import Folder
from edge_runtime.synthetic.digits import Light, draw_digit, draw_photograph

PHOTOGRAPHS = 300  # 640x480 JPEG files
COPIES = 3  # names of each file: a longer run, in which the first and last batches count for little
SETTLED = 20  # batches after which all processes have started
ROUNDS = 5  # of all loops in turn; medians are reported
CONTEXT = multiprocessing.get_context("spawn")

Loop = Callable[[list[str]], None]


def measure(model: str, digits: NDArray[np.uint8], tell: Callable[[str], None], rounds: int = ROUNDS) -> dict[str, Any]:
    """Return files a second of every loop over PNG files of `digits`, uint8 (N, 28, 28), and over JPEG photographs."""
    with tempfile.TemporaryDirectory() as folder:
        png, jpeg = Path(folder, "png"), Path(folder, "jpeg")
        tell(f"writing {len(digits):,} PNG files and {PHOTOGRAPHS} photographs")
        _write(png, ".png", digits)
        _write(jpeg, ".jpg", (_photograph(index) for index in range(PHOTOGRAPHS)))
        runs: dict[str, Callable[[], float]] = {
            "digits: read and decode": lambda: _bare("decode", model, png, 1),
            "digits: the limit": lambda: _bare("limit", model, png, 1),
            "digits: the limit, two processes": lambda: _bare("limit", model, png, 2),
            "digits: Pillow, one at a time": lambda: _bare("pillow", model, png, 1),
            "digits: batch-classify, one job": lambda: _ours(model, png, 1),
            "digits: batch-classify, two jobs": lambda: _ours(model, png, 2),
            "photographs: read and decode": lambda: _bare("decode", model, jpeg, 1),
            "photographs: batch-classify, one job": lambda: _ours(model, jpeg, 1),
        }
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(rounds):
            tell(f"{model}: round {number + 1} of {rounds}")
            for name, run in runs.items():
                rates[name].append(run())
    found = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates[above], rates[below], strict=True))
        for name, (above, below) in RATIOS.items()
    }
    return {"rates": found, "ratios": ratios}


RATIOS = {
    "one job to the limit": ("digits: batch-classify, one job", "digits: the limit"),
    "two jobs to the limit": ("digits: batch-classify, two jobs", "digits: the limit, two processes"),
    "one job to read and decode": ("digits: batch-classify, one job", "digits: read and decode"),
    "two jobs to one": ("digits: batch-classify, two jobs", "digits: batch-classify, one job"),
    "one job to Pillow one at a time": ("digits: batch-classify, one job", "digits: Pillow, one at a time"),
    "photographs to read and decode": ("photographs: batch-classify, one job", "photographs: read and decode"),
}


def _write(folder: Path, suffix: str, images: Iterator[NDArray[np.uint8]] | NDArray[np.uint8]) -> None:
    folder.mkdir()
    for index, image in enumerate(images):
        first = folder / f"0-{index:06}{suffix}"
        cv2.imwrite(str(first), image)
        for copy in range(1, COPIES):
            (folder / f"{copy}-{index:06}{suffix}").hardlink_to(first)


def _photograph(index: int) -> NDArray[np.uint8]:
    at = (100 + index * 37 % 300, 60 + index * 53 % 200)
    digit = draw_digit(index % 10, index, 200, 0.06)
    return draw_photograph(digit, (640, 480), at, (150, 60, 30), (222, 232, 236), Light(0.3, 4), seed=index % 10)


def _bare(kind: str, model: str, folder: Path, jobs: int) -> float:
    """Return files a second of a bare loop; start-up is not counted."""
    paths = sorted(str(path) for path in folder.iterdir())
    ready, go = CONTEXT.Barrier(jobs + 1), CONTEXT.Barrier(jobs + 1)
    processes = [
        CONTEXT.Process(target=_run_bare, args=(kind, model, paths[part::jobs], ready, go)) for part in range(jobs)
    ]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    go.wait()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return len(paths) / (time.perf_counter() - began)


def _run_bare(kind: str, model: str, paths: list[str], ready: Any, go: Any) -> None:
    cv2.setNumThreads(1)
    with _loop(kind, model) as loop:
        loop(paths[:PART])
        ready.wait()
        go.wait()
        loop(paths)


@contextmanager
def _loop(kind: str, model: str) -> Iterator[Loop]:
    _, backend = open_backend("litert", load_bundle(model))

    def decode(path: str) -> NDArray[np.uint8]:
        with open(path, "rb") as file:  # noqa: PTH123
            return np.asarray(cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    def decode_all(paths: list[str]) -> None:
        for path in paths:
            decode(path)

    def limit(paths: list[str]) -> None:
        for start in range(0, len(paths), PART):
            backend.run(np.stack([decode(path) for path in paths[start : start + PART]]))

    def pillow(paths: list[str]) -> None:
        for path in paths:
            with Image.open(path) as image:
                backend.run(np.asarray(image.convert("L"))[np.newaxis])

    yield {"decode": decode_all, "limit": limit, "pillow": pillow}[kind]


def _ours(model: str, folder: Path, jobs: int) -> float:
    """Return files a second of batch-classify, from the listing to the results; start-up is not counted."""
    with tempfile.TemporaryDirectory() as out:
        journal = Journal(Path(out, "results.csv"), Csv(), {})
        journal.begin(overwrite=False)
        source = Folder(folder)
        source.on_listed = journal.note_folder
        began, counted, first = 0.0, 0, 0
        total = sum(1 for _ in folder.iterdir())
        for number, rows in enumerate(
            parallel_rows(WorkerSettings(str(folder), model, "litert", probabilities=False), source.paths(), jobs)
        ):
            journal.write(rows)
            counted += len(rows)
            if number == min(SETTLED, total // PART // 2):  # every process has started by now
                began, first = time.perf_counter(), counted
        journal.finish()
        return (counted - first) / (time.perf_counter() - began)
