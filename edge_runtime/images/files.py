"""Read image files as gray pixels.

The header is parsed and checked before any pixel is allocated (`formats/`). Colour is converted to luma; a transparent
image is placed on white or black, whichever contrasts with its ink; other depths are scaled to 8 bits (`gray`).
"""

import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from edge_runtime import limits
from edge_runtime.errors import (
    DamagedImageError,
    FileError,
    InputError,
    MissingLibraryError,
    NotAnImageError,
    TooLargeError,
)
from edge_runtime.images.formats import EXTRA, Format, identify, is_installed, opencv, parser, png
from edge_runtime.images.formats import is_image_name as is_image_name
from edge_runtime.images.formats import needs_extra as needs_extra
from edge_runtime.images.formats.encoded import DecodedImage as DecodedImage
from edge_runtime.images.formats.encoded import Encoded, Failed
from edge_runtime.images.formats.encoded import FailedPage as FailedPage
from edge_runtime.images.gray import rotate_upright, stretch
from edge_runtime.images.gray import to_gray as to_gray
from edge_runtime.types import Gray

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")  # how an address on the web begins


def read_gray(
    path: str | os.PathLike[str], max_bytes: int = limits.FILE_BYTES, max_pixels: int = limits.PIXELS
) -> Gray:
    """Read and decode an image file; of several pages the first one.

    Returns uint8 (height, width), 0 black to 255 white. Raises InputError: FileError if the path is missing, empty or
    not a regular file, TooLargeError, NotAnImageError or DamagedImageError.
    """
    return decode_gray(read_file(path, max_bytes), max_pixels)


def read_images(
    path: str | os.PathLike[str],
    max_bytes: int = limits.FILE_BYTES,
    max_pixels: int = limits.PIXELS,
    failed: Failed | None = None,
) -> Iterator[DecodedImage]:
    """Read every page of an image file, one at a time.

        for image in read_images("scan.tif"):
            print(image.page, image.pages, image.gray.shape)

    The file is read when the first page is requested. Raises InputError as `read_gray` does; a page that cannot be
    decoded raises after the pages before it. failed: called with each such page of a file with several pages; reading
    then continues with the next page if possible.
    """
    yield from decode_images(read_file(path, max_bytes), max_pixels, failed)


def read_file(path: str | os.PathLike[str], max_bytes: int = limits.FILE_BYTES) -> bytes:
    """Return a file's bytes, never more than `max_bytes` of them; raises FileError or TooLargeError."""
    if not os.fspath(path):
        raise FileError("the path is empty")
    try:
        # O_NONBLOCK: opening a pipe without a writer must not block.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                folder = stat.S_ISDIR(status.st_mode)
                raise FileError("this is a folder: use batch-classify" if folder else "this is not a regular file")
            if status.st_size > max_bytes:
                raise TooLargeError(f"the file has {status.st_size:,} bytes; at most {max_bytes:,} are read")
            data = os.read(handle, status.st_size + 1)
            while len(data) < status.st_size and (more := os.read(handle, status.st_size + 1 - len(data))):
                data += more
        finally:
            os.close(handle)
    except FileNotFoundError:
        is_url = URL.match(os.fsdecode(path))
        hint = ": an image from the web has to be downloaded first" if is_url else ""
        raise FileError(f"there is no such file{hint}") from None
    except ValueError as error:
        if isinstance(error, (FileError, TooLargeError)):
            raise
        raise FileError("the path holds a NUL byte") from error
    except OSError as error:
        raise FileError(f"the file cannot be read: {error.strerror}") from error
    if not data:
        raise FileError("the file is empty")
    if len(data) > status.st_size:
        raise DamagedImageError("the file grows while it is read: it is not complete yet")
    return data


def read_stream(stream: BinaryIO, max_bytes: int = limits.FILE_BYTES) -> bytes:
    """Return all bytes of a stream, such as standard input, never more than `max_bytes`; raises as `read_file` does."""
    try:
        data = stream.read(max_bytes + 1)
    except OSError as error:
        raise FileError(f"the stream cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise TooLargeError(f"the stream has over {max_bytes:,} bytes, the most that is read")
    if not data:
        raise FileError("the stream is empty")
    return data


def decode_gray(data: bytes | bytearray | memoryview, max_pixels: int = limits.PIXELS) -> Gray:
    """Decode the bytes of an image file; of several pages the first one.

    Returns uint8 (height, width), 0 black to 255 white. Raises NotAnImageError, TooLargeError or DamagedImageError.
    """
    for image in decode_images(data, max_pixels):
        return image.gray
    raise DamagedImageError("the file holds no image")


def decode_images(
    data: bytes | bytearray | memoryview, max_pixels: int = limits.PIXELS, failed: Failed | None = None
) -> Iterator[DecodedImage]:
    """Decode every page of the bytes of an image file, one at a time; `failed` and errors as for `read_images`."""
    gray = decode_small(data, max_pixels)
    if gray is not None:
        yield DecodedImage(gray)
        return
    data = bytes(data)
    found = identify(data)
    if not found.isolated:
        yield from _images(data, found, max_pixels, failed)
    elif found.library and not is_installed(found.library):
        raise _missing_library(found)
    else:
        yield from _decode_isolated(data, found.name, max_pixels, failed)


def decode_small(data: bytes | bytearray | memoryview, max_pixels: int = limits.PIXELS) -> Gray | None:
    """Decode a small PNG of nothing but pixels, which is quick to check; None for any other file."""
    size = png.small_size(data)
    if size is None or size[0] * size[1] > max_pixels:
        return None
    return stretch(to_gray(opencv.decode(data, "PNG", *size, opencv.GRAY)))


def decode_here(
    data: bytes, max_pixels: int, failed: Failed | None, begin: Callable[[int], None]
) -> Iterator[DecodedImage]:
    """Decode like `decode_images`, in this process; `begin` is called with the number of pixels before each image."""
    yield from _images(data, identify(data), max_pixels, failed, begin)


_BROKEN = (struct.error, LookupError, ValueError, OverflowError)  # errors of parsers; InputError is a ValueError


def _images(
    data: bytes, found: Format, max_pixels: int, failed: Failed | None, begin: Callable[[int], None] | None = None
) -> Iterator[DecodedImage]:
    encoded: Encoded | None = None
    try:
        images = parser(found.module)
    except MissingLibraryError as error:  # it is installed, but too old or broken
        raise NotAnImageError(str(error)) from error
    try:
        for encoded in images(data):
            try:
                gray = _decode(encoded, found.name, len(data), max_pixels, begin)
                image = DecodedImage(gray, encoded.page, encoded.pages, encoded.note)
                del gray
            except (*_BROKEN, MemoryError) as error:
                if failed is None or encoded.pages == 1:
                    raise
                failed(FailedPage(encoded.page, encoded.pages, _input_error(error, found.name, encoded)))
                continue
            yield image
            del image  # frees it before the next one is loaded
    except _BROKEN as error:
        raise _input_error(error, found.name, encoded) from error


def _decode(
    encoded: Encoded, name: str, size: int, max_pixels: int, begin: Callable[[int], None] | None = None
) -> Gray:
    """Decode one image of a file of `size` bytes; always in this process if `begin` is given."""
    width, height = encoded.width, encoded.height
    if width * height > max_pixels or width > limits.SIDE or height > limits.SIDE:
        sides = f"{width:,} x {height:,}"
        raise TooLargeError(f"the image has {sides} pixels; at most {max_pixels:,} are decoded, {limits.SIDE:,} a side")
    if size + encoded.work > limits.DECODE_BYTES:
        need, most = (size + encoded.work >> 20) + 1, limits.DECODE_BYTES >> 20
        raise TooLargeError(f"decoding the image takes {need:,} MiB; the limit is {most} MiB")
    if encoded.work > limits.LARGE_BYTES:
        from edge_runtime.common.memory import give_back

        give_back()
    if begin is not None:
        begin(width * height)
    if begin is None and encoded.isolate:
        (image,) = _decode_isolated(encoded.isolate, name, max_pixels, None)
        gray = image.gray
    else:
        gray = to_gray(encoded.decode())
    if encoded.exact:
        gray = stretch(gray)
    return gray if encoded.orientation == 1 else rotate_upright(gray, encoded.orientation)


def _missing_library(found: Format) -> NotAnImageError:
    return NotAnImageError(f"this is a file of the format {found.name}: to read it, {EXTRA}")


def _decode_isolated(data: bytes, name: str, max_pixels: int, failed: Failed | None) -> Iterator[DecodedImage]:
    from edge_runtime.images.formats import isolated  # only when needed: most files are decoded in this process

    return isolated.images(data, name, max_pixels, failed)


def _input_error(error: Exception, name: str, encoded: Encoded | None = None) -> InputError:
    """Convert an error of a parser or decoder to InputError; it names the page if there are several."""
    if isinstance(error, MemoryError):
        error = TooLargeError("there is not enough memory for the image")
    if not isinstance(error, InputError):
        error = DamagedImageError(f"the {name} is truncated or broken: its header cannot be read")
    if encoded is None or encoded.pages == 1 or str(error).startswith("page "):
        return error
    return type(error)(f"page {encoded.page}: {error}")
