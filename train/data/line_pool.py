"""Lines on disk: another process draws them while a network trains on those before. No TensorFlow in here."""

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.errors import OutputError
from edge_runtime.find import line
from train.augmentation import chance, strokes
from train.augmentation import settings as deformation
from train.data.mnist import Bytes
from train.data.pool import code_of, write_whole
from train.errors import TrainError
from train.synthetic import hands
from train.synthetic import lines as drawing
from train.synthetic.lines import Lines, lines

LOOK_SECONDS = 1.0  # between two looks for the process that trains
SOURCES = (chance, deformation, hands, strokes, drawing, line)  # lines drawn by another version are others


@contextmanager
def line_files(
    pool: Path, digits: tuple[Bytes, Bytes], epochs: int, drawn: int, first: int
) -> Iterator[list[Callable[[], Path]]]:
    """The files of so many epochs, of `drawn` lines each, below `pool`: each waits until it is there.

    What is missing is drawn from the epoch `first` on. Raises OutputError where the folder cannot be made.
    """
    folder = pool / _key(digits)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}") from error
    # Not fork: a process with TensorFlow's threads in it must not be forked.
    drawer = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, digits)
    files: dict[int, Callable[[], Path]] = {}
    try:
        for epoch in range(first, first + epochs):
            number = epoch % epochs
            path = folder / f"{number:04}.npz"
            files[number] = partial(Path, path) if path.exists() else drawer.submit(_draw, number, path, drawn).result
        yield [files[number] for number in range(epochs)]
    finally:
        drawer.shutdown(cancel_futures=True)


_digits: tuple[Bytes, Bytes]  # of a process that draws


def _begin(images: Bytes, labels: Bytes) -> None:
    global _digits
    _digits = images, labels
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """A training that is killed cannot say so to its drawer."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _draw(number: int, path: Path, count: int) -> Path:
    drawn = lines(*_digits, count, number)
    try:
        write_whole(path, partial(np.savez, images=drawn.images, labels=drawn.labels))
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def read_lines(path: Path) -> Lines:
    """Read the lines of an epoch; raises TrainError where the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Lines(arrays["images"], arrays["labels"])
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise TrainError(f"{path} is damaged ({error}): remove it") from error


def _key(digits: tuple[Bytes, Bytes]) -> str:
    digest = hashlib.sha256(digits[0].tobytes() + digits[1].tobytes())
    digest.update(code_of(SOURCES))
    return f"lines-{digest.hexdigest()[:16]}"
