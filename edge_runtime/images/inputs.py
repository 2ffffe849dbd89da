"""Anything image-like to gray pixels: the way in for images that a caller holds or names."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, FileError, TooLargeError, UsageError
from edge_runtime.images.files import decode_gray, read_gray
from edge_runtime.images.gray import stretched, to_gray, upright
from edge_runtime.types import Gray

# A path; an image file's bytes, or such a file opened in binary mode; an array, or what NumPy can make one of; or a PIL
# image, which has no name here, as PIL is not imported.
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.generic] | Any
Channels = Literal["bgr", "rgb"]

UINT8 = np.dtype(np.uint8)
ORIENTATION = 274  # the tag of EXIF


def as_gray(image: ImageLike, channels: Channels = "bgr") -> Gray:
    """Return an image as gray pixels: uint8 (height, width), 0 black to 255 white.

        as_gray("note.jpg"); as_gray(open("note.jpg", "rb")); as_gray(PIL.Image.open("note.jpg"))

    image: a path; the bytes of an image file, or a file opened in binary mode, of several pages the first; an array
    (height, width) or (height, width, 1..4), 2 and 4 channels with alpha as the last one, uint8, bool, or of another
    depth, which is scaled by its range; a PIL image. channels: the order of an array's colours. Raises InputError for
    a file that cannot be read, and UsageError for what is no image.
    """
    if type(image) is np.ndarray and image.dtype == UINT8 and image.ndim == 2 and image.size:
        return stretched(to_gray(image))
    if isinstance(image, np.ndarray):
        return _of_array(image, channels)
    if isinstance(image, (str, os.PathLike)):
        return read_gray(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _of_bytes(image)
    pil = sys.modules.get("PIL.Image")  # who holds such an image has imported it
    if pil is not None and isinstance(image, pil.Image):
        return _of_pil(image)
    if callable(getattr(image, "read", None)):
        return _of_file(image)
    if hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
        return _of_array(np.asarray(image), channels)
    raise UsageError(
        f"an image is a path, bytes, a binary file, an array or a PIL image, not {type(image).__name__}: {image!r:.40}"
    )


def as_grays(images: Any, channels: Channels = "bgr") -> Iterator[Gray] | None:
    """Return several images one by one, each as `as_gray` does; None where `images` is a single one.

    images: a list, tuple or iterator of images, or a stack of gray ones, an array (N, height, width) of a width over 4.
    """
    if isinstance(images, np.ndarray):
        several = images.ndim == 3 and images.shape[2] > 4
    else:
        several = isinstance(images, (list, tuple, Iterator)) and not callable(getattr(images, "read", None))
    return (as_gray(image, channels) for image in cast(Iterable[ImageLike], images)) if several else None


def _of_array(pixels: NDArray[np.generic], channels: Channels) -> Gray:
    if channels not in ("bgr", "rgb"):
        raise UsageError(f"channels are 'bgr' or 'rgb', not {channels!r}")
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if channels == "rgb" and pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return stretched(to_gray(pixels))


def _of_bytes(data: bytes | bytearray | memoryview) -> Gray:
    size = memoryview(data).nbytes
    if size == 0:
        raise FileError("there are no bytes to decode")
    if size > limits.FILE_BYTES:
        raise TooLargeError(f"the image has {size:,} bytes; at most {limits.FILE_BYTES:,} are read")
    return decode_gray(data)


def _of_file(file: Any) -> Gray:
    """Read the rest of an open file, which may come in small parts, until it is over the limit."""
    data = bytearray()
    while len(data) <= limits.FILE_BYTES:
        try:
            part = file.read(limits.FILE_BYTES + 1 - len(data))
        except (OSError, ValueError) as error:
            raise FileError(f"the file cannot be read: {error}") from error
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise UsageError("the file is not open in binary mode, or does not wait for its data: open it with 'rb'")
        if not part:
            break
        data += part
    if not data:
        raise FileError("the file is empty, or was read to its end before: seek(0) goes back")
    return _of_bytes(data)


def _of_pil(image: Any) -> Gray:
    width, height = image.size
    if width * height > limits.PIXELS:
        raise TooLargeError(f"the image has {width:,} x {height:,} pixels; at most {limits.PIXELS:,} are read")
    try:
        if image.mode == "La":  # of which PIL makes nothing but LA
            image = image.convert("LA")
        clear = "transparency" in image.info or image.mode[-1:] in "Aa"
        if image.mode.startswith("I;16") or image.mode in ("I", "F") or (image.mode == "L" and not clear):
            pixels = np.asarray(image)
        else:
            pixels = np.asarray(image.convert("RGBA" if clear else "L" if image.mode == "1" else "RGB"))
    except Exception as error:  # PIL's decoders raise what their libraries and parsers raise
        raise DamagedImageError(f"PIL cannot decode the image: {error}") from error
    return upright(_of_array(pixels, "rgb"), _orientation(image))


def _orientation(image: Any) -> int:
    """EXIF's orientation of a PIL image, 1 where there is none or it is damaged."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as above
        return 1
    return orientation if orientation in range(1, 9) else 1
