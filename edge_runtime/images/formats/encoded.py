"""One image of a file: checked but not decoded, as yielded by the parsers, and decoded."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import InputError
from edge_runtime.types import Gray

Pixels = NDArray[np.generic]  # (height, width) or (height, width, 1..4): gray, gray and alpha, BGR, BGRA


class Encoded(NamedTuple):
    """The result of parsing one image, before any of its pixels is allocated."""

    width: int  # pixels
    height: int  # pixels
    work: int  # bytes: maximum memory of `decode`, including its result
    decode: Callable[[], Pixels]  # raises InputError
    orientation: int = 1  # EXIF orientation, 1 to 8; `decode` does not apply it
    page: int = 1  # from 1
    pages: int = 1
    note: str = ""  # see DecodedImage
    exact: bool = True  # False after lossy compression
    isolate: bytes = b""  # this image as a separate file, if only a process with limits may decode it


class DecodedImage(NamedTuple):
    """One image of a file: a page of a document, or the only image there is."""

    gray: Gray  # (height, width), 0 black to 255 white
    page: int = 1  # its number in the file, from 1
    pages: int = 1  # pages of the file
    note: str = ""  # what was not read, in one line, such as "animation of 12 frames: the first was read"


class FailedPage(NamedTuple):
    """A page that cannot be decoded; other pages of the file may be readable."""

    page: int  # from 1
    pages: int
    error: InputError


Failed = Callable[[FailedPage], object]  # called with each page that cannot be decoded
