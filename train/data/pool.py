"""Deformed digits, and what is no digit, on disk: made ahead by another process while a network trains on those before.

The digits and what teachers say of them cost more than an epoch of a small network. So a recipe asks for a number of
deformed epochs, shows these in turn, and other seeds and other networks with the same deformation take them again.
"""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import normalise
from edge_runtime.common.files import Files
from edge_runtime.errors import OutputError
from edge_runtime.normalise import SIZE
from train.augmentation import augment as deform
from train.augmentation import chance, dirt, strokes
from train.augmentation import settings as deformation
from train.augmentation.augment import Deformer
from train.data.mnist import Bytes
from train.errors import TrainError
from train.synthetic import candidates, letters
from train.synthetic import nondigits as others
from train.synthetic.nondigits import Others

if TYPE_CHECKING:  # the process that draws starts without TensorFlow: seconds sooner, and without its memory
    from train.teacher import Teachers

LOOK_SECONDS = 0.02  # between two looks for digits that are being made
SOURCES = (normalise, chance, deform, deformation, dirt, strokes)  # digits made by another version are others
OTHERS = (*SOURCES, candidates, letters, others)

Maker = Deformer | Others


class Pool:
    """Epochs 0 to `size` - 1 of a maker, in a folder of their own below `folder`.

    Use it in a `with` block: entering starts the process that makes what is missing, leaving stops it.
    """

    def __init__(self, folder: Path, maker: Maker, size: int) -> None:
        self.folder = folder / _key(maker)
        self.waited = 0.0  # seconds that `digits` has waited
        self._maker = maker
        self._count = len(maker.images) if isinstance(maker, Deformer) else maker.count
        self.judged = 0 if isinstance(maker, Deformer) else maker.judged  # see Others
        self._missing = [number for number in range(size) if not self._path(number).exists()]
        self._process: multiprocessing.process.BaseProcess | None = None
        self._said: Connection | None = None

    def digits(self, number: int) -> Bytes:
        """Return an epoch, uint8 (N, 28, 28), in the order of its maker; waits until it is made.

        Raises TrainError where its maker has died, OutputError where it could not write.
        """
        began = time.monotonic()
        path = self._path(number)
        while not path.exists():
            self._check(path)
            time.sleep(LOOK_SECONDS)
        self.waited += time.monotonic() - began
        return _read(path, (self._count, SIZE, SIZE))

    def logits(self, number: int, teachers: "Teachers") -> NDArray[np.float32]:
        """Return what the teachers say of the epoch's digits, float32 (N, 10)."""
        path = self.folder / f"{number:04}-{teachers.key}.npy"
        if path.exists():
            return _read(path, (self._count, 10)).astype(np.float32)
        # Half precision, read or made: a run that finds them ends like the one that made them.
        logits = teachers.logits(self.digits(number)).astype(np.float16)
        try:
            write_whole(path, partial(np.save, arr=logits))
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
        return logits.astype(np.float32)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04}.npy"

    def _check(self, path: Path) -> None:
        if self._process is None or self._said is None:
            raise TrainError(f"{path} is not there, and digits are made only inside the pool's block")
        ended = self._process.exitcode is not None  # asked first: the reason stands in the pipe before the end
        try:
            if self._said.poll():
                raise OutputError(self._said.recv_bytes().decode())
        except EOFError:
            pass
        if ended and not path.exists():
            raise TrainError("the process that deforms digits ended before its time: --resume goes on")

    def __enter__(self) -> "Pool":
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be made: {error.strerror}") from error
        if self._missing:
            # Not fork: a process with TensorFlow's threads in it must not be forked.
            context = multiprocessing.get_context("spawn")
            self._said, theirs = context.Pipe(duplex=False)
            paths = {number: self._path(number) for number in self._missing}
            self._process = context.Process(target=_make, args=(self._maker, paths, theirs, os.getpid()))
            self._process.daemon = True
            self._process.start()
            theirs.close()  # so that the process's death ends our read
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._said is not None:
            self._process.terminate()
            self._process.join()
            self._said.close()
        self._process = self._said = None


def _make(maker: Maker, paths: dict[int, Path], said: Connection, parent: int) -> None:
    """The other process: makes the epochs in turn while its parent lives."""
    cv2.setNumThreads(1)  # the other cores train
    try:
        for number, path in paths.items():
            digits = maker.epoch(number)
            if os.getppid() != parent:
                return
            write_whole(path, partial(np.save, arr=digits))
    except OSError as error:
        said.send_bytes(f"{error.filename or 'deformed digits'} cannot be written: {error.strerror or error}".encode())
    except KeyboardInterrupt:
        pass  # the parent says it


def write_whole(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write a file that is whole or not there; two runs may write the same one. Raises OSError."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            save(file)
        Files().replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TrainError(f"{path} is damaged ({error}): remove it") from error
    if array.shape != shape:
        raise TrainError(f"{path} holds {array.shape} numbers and not {shape}: remove it")
    return array


def _key(maker: Maker) -> str:
    """The name of a maker's folder: another for other digits, other settings and another version of the code."""
    labels = b"" if maker.labels is None else np.asarray(maker.labels, np.uint8).tobytes()
    digest = hashlib.sha256(maker.images.tobytes() + labels)
    deforms = isinstance(maker, Deformer)
    digest.update(repr((maker.seed, maker.deformation if deforms else maker.count)).encode())
    digest.update(code_of(SOURCES if deforms else OTHERS))
    return digest.hexdigest()[:16]


def code_of(modules: Iterable[ModuleType]) -> bytes:
    """Return the source of modules, for a name that another version of them shall not have."""
    return b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
