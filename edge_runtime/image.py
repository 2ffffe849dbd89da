"""Encoded bytes to gray pixels: the only file that decodes pictures.

The size is read from the header and checked before any pixel is allocated. Colour becomes luma; a transparent
picture is laid on the paper that its ink stands out from; 16 bits and floats are scaled by their own maximum.
"""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, FileError, TooLargeError, UsageError
from edge_runtime.header import read_header
from edge_runtime.resize import linear
from edge_runtime.types import Gray

ROWS = 256  # rows of a picture that are computed on at once: bounds the memory beside the picture's own
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".dib", ".tif", ".tiff", ".webp"})

# A broken picture becomes our error, not a line of OpenCV's on stderr. OpenCV 5 has moved the call.
getattr(getattr(cv2.utils, "logging", cv2), "setLogLevel")(0)  # noqa: B009


class DecodedImage(NamedTuple):
    """One image of a file: a page of a document, or the only image there is."""

    gray: Gray  # (height, width), 0 black to 255 white
    page: int = 1  # its number in the file, from 1
    pages: int = 1  # pages of the file
    note: str = ""  # one line on what was left out, such as "animation of 12 frames: the first was read"


def read_images(
    path: str | os.PathLike[str], max_bytes: int = limits.FILE_BYTES, max_pixels: int = limits.PIXELS
) -> Iterator[DecodedImage]:
    """Read every page of an image file, one at a time.

    The file is read when the first page is asked for. Raises InputError as `read_gray` does; a page that cannot be
    decoded raises when its turn comes, after the pages before it.
    """
    yield from decode_images(read_file(path, max_bytes), max_pixels)


def decode_images(data: bytes | bytearray | memoryview, max_pixels: int = limits.PIXELS) -> Iterator[DecodedImage]:
    """Decode every page of an image file's bytes, one at a time; raises InputError as `decode_gray` does."""
    yield DecodedImage(decode_gray(data, max_pixels))


def read_gray(
    path: str | os.PathLike[str], max_bytes: int = limits.FILE_BYTES, max_pixels: int = limits.PIXELS
) -> Gray:
    """Read and decode one picture file.

    Returns uint8 (height, width), 0 black to 255 white. Raises InputError: FileError where the path is missing,
    empty or no regular file, TooLargeError, NotAnImageError or DamagedImageError.
    """
    return decode_gray(read_file(path, max_bytes), max_pixels)


def read_file(path: str | os.PathLike[str], max_bytes: int = limits.FILE_BYTES) -> bytes:
    """Return a file's bytes, never more than `max_bytes` of them; raises FileError or TooLargeError."""
    if not os.fspath(path):
        raise FileError("the path is empty")
    try:
        # O_NONBLOCK: a pipe without a writer must not hang the open.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                folder = stat.S_ISDIR(status.st_mode)
                raise FileError("this is a folder: use batch-classify" if folder else "this is no regular file")
            if status.st_size > max_bytes:
                raise TooLargeError(f"the file has {status.st_size:,} bytes; at most {max_bytes:,} are read")
            data = os.read(handle, status.st_size + 1)
            while len(data) < status.st_size and (more := os.read(handle, status.st_size + 1 - len(data))):
                data += more
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise FileError("there is no such file") from None
    except ValueError as error:
        if isinstance(error, (FileError, TooLargeError)):
            raise
        raise FileError("the path holds a NUL byte") from error
    except OSError as error:
        raise FileError(f"the file cannot be read: {error.strerror}") from error
    if not data:
        raise FileError("the file is empty")
    if len(data) > status.st_size:
        raise DamagedImageError("the file grows while it is read: it is not written to its end yet")
    return data


def decode_gray(data: bytes | bytearray | memoryview, max_pixels: int = limits.PIXELS) -> Gray:
    """Decode PNG, JPEG, BMP, TIFF or WebP bytes.

    Returns uint8 (height, width), 0 black to 255 white. Raises NotAnImageError, TooLargeError or DamagedImageError.
    """
    data = bytes(data)
    header = read_header(data)
    if header.width * header.height > max_pixels:
        size = f"{header.width:,} x {header.height:,}"
        raise TooLargeError(f"the picture has {size} pixels; at most {max_pixels:,} are decoded")
    if not header.complete:
        raise DamagedImageError(f"the {header.format} is truncated: its end is missing")
    # OpenCV turns a picture upright as its EXIF data asks for, but not one that it is to leave unchanged.
    flags = cv2.IMREAD_GRAYSCALE if header.plain else cv2.IMREAD_UNCHANGED
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise DamagedImageError(f"the {header.format} is broken: it cannot be decoded") from error
    if pixels is None or pixels.size == 0:
        raise DamagedImageError(f"the {header.format} is broken or of a kind that cannot be decoded")
    if header.plain:
        return cast(Gray, pixels)
    return _upright(to_gray(pixels), header.orientation)


def is_image_name(name: str) -> bool:
    """Tell by its suffix whether a file is to be read as a picture."""
    return name[name.rfind(".") :].lower() in SUFFIXES


def needs_extra(name: str) -> str:
    """Return the pip command for the extra that a file of this name needs and that is not installed, or ""."""
    return ""


def to_gray(pixels: NDArray[np.generic]) -> Gray:
    """Return gray, colour (blue, green, red), or either with alpha, of any depth, as gray: uint8 (height, width).

    pixels: (height, width) or (height, width, 1..4). Raises UsageError for any other array.
    """
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype.kind not in "uif" or pixels.shape[2:] > (4,):
        raise UsageError(
            f"a picture is an array (height, width) or with 1 to 4 channels, not {pixels.dtype} {pixels.shape}"
        )
    if pixels.shape[2:] == (1,):
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return _to_bytes(pixels)
    channels = pixels.shape[2]
    if channels == 3:
        return np.asarray(cv2.cvtColor(_to_bytes(pixels), cv2.COLOR_BGR2GRAY), np.uint8)
    alpha = pixels[..., -1]
    opaque = alpha.max() == 0  # a BMP's unused fourth byte: nobody saves a picture of nothing
    if channels == 2:
        gray = _to_bytes(pixels[..., 0])
    else:
        gray = np.asarray(cv2.cvtColor(_to_bytes(pixels[..., :3]), cv2.COLOR_BGR2GRAY), np.uint8)
    if opaque:
        return gray
    cover = np.right_shift(np.asarray(alpha, np.uint16), 8) if alpha.dtype == np.uint16 else alpha
    return _on_paper(gray, cover.astype(np.uint8))


def _to_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale deeper samples by their range: many 16-bit files use 10 or 12 bits of the 16."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        whole = np.asarray(pixels, np.uint16)
        return np.right_shift(whole, max(0, int(whole.max()).bit_length() - 8)).astype(np.uint8)
    real = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    real -= real.min()
    real *= 255 / max(float(real.max()), 1e-30)
    return np.rint(real).astype(np.uint8)


def _on_paper(gray: Gray, alpha: NDArray[np.uint8]) -> Gray:
    """What is drawn on nothing is ink: dark ink goes on white, bright ink on black. A few rows at a time."""
    ink = float(np.average(linear(gray, 64, 64), weights=linear(alpha, 64, 64).astype(np.float64) + 1e-9))
    paper = np.uint16(255 if ink < 128 else 0)
    for top in range(0, len(gray), ROWS):
        rows = np.s_[top : top + ROWS]
        weight = alpha[rows].astype(np.uint16)
        gray[rows] = (gray[rows] * weight + paper * (255 - weight) + 127) // 255  # at most 65,152
    return gray


def _upright(gray: Gray, orientation: int) -> Gray:
    """Turn and mirror as EXIF's orientation 1 to 8 asks for (Exif 2.32, tag 274)."""
    if orientation in (5, 6, 7, 8):
        gray = gray.T
    if orientation in (3, 4, 7, 8):
        gray = gray[::-1]
    if orientation in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    return np.ascontiguousarray(gray)
