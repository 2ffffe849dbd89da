"""Convert any image-like object to gray pixels."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError, FileError, TooLargeError, UsageError
from edge_runtime.images.files import decode_gray, read_gray
from edge_runtime.images.gray import rotate_upright, stretch, to_gray
from edge_runtime.types import Gray

# A path; the bytes of an image file, or such a file opened in binary mode; an array, or an object that NumPy converts
# to one; or a PIL image, which is not named here because PIL is not imported.
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.generic] | Any
Channels = Literal["bgr", "rgb"]

UINT8 = np.dtype(np.uint8)
ORIENTATION = 274  # the EXIF tag


def as_gray(image: ImageLike, channels: Channels = "bgr") -> Gray:
    """Convert an image to gray pixels: uint8 (height, width), 0 black to 255 white.

        as_gray("note.jpg"); as_gray(open("note.jpg", "rb")); as_gray(PIL.Image.open("note.jpg"))

    image: a path; the bytes of an image file, or a file opened in binary mode, of several pages the first one; an array
    (height, width) or (height, width, 1..4), where 2 and 4 channels end with alpha, of dtype uint8, bool, or another
    one, which is scaled by its range; a PIL image. channels: the colour order of an array. Raises InputError for a file
    that cannot be read, and UsageError for an object that is not an image.
    """
    if type(image) is np.ndarray and image.dtype == UINT8 and image.ndim == 2 and image.size:
        return stretch(to_gray(image))
    if isinstance(image, np.ndarray):
        return _from_array(image, channels)
    if isinstance(image, (str, os.PathLike)):
        return read_gray(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _from_bytes(image)
    pil = sys.modules.get("PIL.Image")  # imported by whoever created such an image
    if pil is not None and isinstance(image, pil.Image):
        return _from_pil(image)
    if callable(getattr(image, "read", None)):
        return _from_file(image)
    if hasattr(image, "__array__") or hasattr(image, "__array_interface__"):
        return _from_array(np.asarray(image), channels)
    raise UsageError(
        f"an image is a path, bytes, a binary file, an array or a PIL image, not {type(image).__name__}: {image!r:.40}"
    )


def as_grays(images: Any, channels: Channels = "bgr") -> Iterator[Gray] | None:
    """Convert several images one by one, each like `as_gray`; None if `images` is a single image.

    images: a list, tuple or iterator of images, or a stack of gray images, an array (N, height, width) with width > 4.
    """
    if isinstance(images, np.ndarray):
        several = images.ndim == 3 and images.shape[2] > 4
    else:
        several = isinstance(images, (list, tuple, Iterator)) and not callable(getattr(images, "read", None))
    return (as_gray(image, channels) for image in cast(Iterable[ImageLike], images)) if several else None


def _from_array(pixels: NDArray[np.generic], channels: Channels) -> Gray:
    if channels not in ("bgr", "rgb"):
        raise UsageError(f"channels are 'bgr' or 'rgb', not {channels!r}")
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if channels == "rgb" and pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return stretch(to_gray(pixels))


def _from_bytes(data: bytes | bytearray | memoryview) -> Gray:
    size = memoryview(data).nbytes
    if size == 0:
        raise FileError("there are no bytes to decode")
    if size > limits.FILE_BYTES:
        raise TooLargeError(f"the image has {size:,} bytes; at most {limits.FILE_BYTES:,} are read")
    return decode_gray(data)


def _from_file(file: Any) -> Gray:
    """Read the rest of an open file, possibly in small parts, up to the limit."""
    data = bytearray()
    while len(data) <= limits.FILE_BYTES:
        try:
            part = file.read(limits.FILE_BYTES + 1 - len(data))
        except (OSError, ValueError) as error:
            raise FileError(f"the file cannot be read: {error}") from error
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise UsageError("the file is not open in binary mode, or is non-blocking: open it with 'rb'")
        if not part:
            break
        data += part
    if not data:
        raise FileError("the file is empty or was read to its end before: call seek(0) first")
    return _from_bytes(data)


def _from_pil(image: Any) -> Gray:
    width, height = image.size
    if width * height > limits.PIXELS:
        raise TooLargeError(f"the image has {width:,} x {height:,} pixels; at most {limits.PIXELS:,} are read")
    try:
        if image.mode == "La":  # PIL converts it to LA only
            image = image.convert("LA")
        clear = "transparency" in image.info or image.mode[-1:] in "Aa"
        if image.mode.startswith("I;16") or image.mode in ("I", "F") or (image.mode == "L" and not clear):
            pixels = np.asarray(image)
        else:
            pixels = np.asarray(image.convert("RGBA" if clear else "L" if image.mode == "1" else "RGB"))
    except Exception as error:  # decoders of PIL raise errors of many types
        raise DamagedImageError(f"PIL cannot decode the image: {error}") from error
    return rotate_upright(_from_array(pixels, "rgb"), _orientation(image))


def _orientation(image: Any) -> int:
    """Return the EXIF orientation of a PIL image; 1 if there is none or it is damaged."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as in _from_pil
        return 1
    return orientation if orientation in range(1, 9) else 1
