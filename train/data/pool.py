"""Training images on disk, drawn ahead by another process while a network trains on those before.

Drawing costs more than an epoch of a small network. So a recipe asks for a number of drawn epochs and shows these in
turn, and other seeds and other networks that need the same images read them again. No TensorFlow in here: the process
that draws starts without it, seconds sooner and without its memory.
"""

import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import BinaryIO, Generic, Protocol, Self, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.files import write_whole
from edge_runtime.common.processes import start_process
from edge_runtime.errors import OutputError
from train.errors import TrainError

POLL_SECONDS = 0.02  # between two looks for a file that is being drawn
PARENT_SECONDS = 1.0  # between two looks for the process that trains

Drawn = TypeVar("Drawn")


class Drawer(Protocol[Drawn]):
    """Draws the images of epochs, in a process of its own. Its module must not import TensorFlow."""

    @property
    def key(self) -> str:
        """Name of its folder: differs for other images, other settings and another version of the code."""
        ...

    @property
    def suffix(self) -> str:
        """Of the file of an epoch, such as ".npy"."""
        ...

    def epoch(self, number: int) -> Drawn:
        """Return the images of an epoch; the same for the same number."""
        ...

    def save(self, file: BinaryIO, drawn: Drawn) -> None:
        """Write the images of an epoch. Raises OSError."""
        ...

    def read(self, path: Path) -> Drawn:
        """Read what `save` wrote. Raises OSError, ValueError, EOFError or KeyError for a damaged file."""
        ...


class ArrayFiles:
    """The file format of drawers whose epochs are one array of images, uint8 (`size`, 28, 28)."""

    suffix = ".npy"
    size: int  # images of an epoch

    def save(self, file: BinaryIO, drawn: NDArray[np.uint8]) -> None:
        """Write the images as one array."""
        np.save(file, drawn)

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Map the images into memory; raises ValueError where the file holds an array of another shape."""
        array: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
        if array.ndim != 3 or len(array) != self.size:
            raise ValueError(f"it holds an array of shape {array.shape}, not {self.size} images")
        return array


class ImagePool(Generic[Drawn]):
    """Epochs 0 to `size` - 1 of a drawer, in a folder of their own below `folder`.

    Use it in a `with` block: entering it starts the process that draws the missing epochs, leaving it stops that.
    first: the epoch that is needed first; drawing begins there.
    """

    def __init__(self, folder: Path, drawer: Drawer[Drawn], size: int, first: int = 0) -> None:
        self.folder = folder / drawer.key
        self.waited = 0.0  # seconds that `epoch` has waited
        self._drawer = drawer
        numbers = ((first + offset) % size for offset in range(size))
        self._missing = {number: path for number in numbers if not (path := self._path(number)).exists()}
        self._process: multiprocessing.process.BaseProcess | None = None
        self._errors: Connection | None = None

    def epoch(self, number: int) -> Drawn:
        """Return the images of an epoch; waits until they are drawn.

        Raises TrainError for a damaged file or where the process that draws has died, OutputError where it could not
        write.
        """
        began = time.monotonic()
        path = self._path(number)
        while not path.exists():
            self._check(path)
            time.sleep(POLL_SECONDS)
        self.waited += time.monotonic() - began
        return read_whole(path, self._drawer.read)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04}{self._drawer.suffix}"

    def _check(self, path: Path) -> None:
        if self._process is None or self._errors is None:
            raise TrainError(f"{path} is missing, and images are drawn only inside the pool's with block")
        ended = self._process.exitcode is not None  # asked first: an error is in the pipe before the process ends
        try:
            if self._errors.poll():
                raise OutputError(self._errors.recv_bytes().decode())
        except EOFError:
            pass
        if ended and not path.exists():
            raise TrainError("the process that draws images died: continue with --resume")

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be made: {error.strerror}") from error
        if self._missing:
            # Not fork: a process with TensorFlow's threads in it must not be forked.
            context = multiprocessing.get_context("spawn")
            self._errors, theirs = context.Pipe(duplex=False)
            self._process = context.Process(target=_draw, args=(self._drawer, self._missing, theirs, os.getpid()))
            self._process.daemon = True
            start_process(self._process)
            theirs.close()  # so that the death of the process ends our read
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._errors is not None:
            self._process.terminate()
            self._process.join()
            self._errors.close()
        self._process = self._errors = None


class PoolEpochs(Generic[Drawn]):
    """The epochs of a training that shows those of a pool in turn."""

    def __init__(self, pool: ImagePool[Drawn], count: int) -> None:
        """count: epochs in the pool."""
        self._pool, self._count = pool, count

    @property
    def waited(self) -> float:
        """Seconds spent waiting for images."""
        return self._pool.waited

    def epoch(self, number: int) -> Drawn:
        """Return the images of an epoch."""
        return self._pool.epoch(number % self._count)


def _draw(drawer: Drawer[Drawn], paths: dict[int, Path], errors: Connection, parent: int) -> None:
    """Draw the epochs in turn, in another process that ends with its parent."""
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    cv2.setNumThreads(1)  # the other cores train
    try:
        for number, path in paths.items():
            drawn = drawer.epoch(number)
            write_whole(path, partial(_save, drawer, drawn), durable=False)
    except OSError as error:
        errors.send_bytes(f"{error.filename or 'the images'} cannot be written: {error.strerror or error}".encode())


def _save(drawer: Drawer[Drawn], drawn: Drawn, file: BinaryIO) -> None:
    drawer.save(file, drawn)


def end_with(parent: int) -> None:
    """End this process when its parent is gone: a training that is killed cannot stop it."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os._exit(1)


def read_whole(path: Path, read: Callable[[Path], Drawn]) -> Drawn:
    """Return what `read` makes of a file; raises TrainError where the file is damaged."""
    try:
        return read(path)
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise TrainError(f"{path} is damaged ({error}): remove it") from error


def fingerprint(data: Iterable[bytes], settings: object, modules: Iterable[ModuleType]) -> str:
    """Return 16 hex digits that depend on the data, the settings' repr and the source code of the modules."""
    digest = hashlib.sha256()
    for part in data:
        digest.update(part)
    digest.update(repr(settings).encode())
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]
