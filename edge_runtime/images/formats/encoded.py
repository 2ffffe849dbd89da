"""One image of a file: checked and not decoded yet, which every format's parser yields; and decoded."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import InputError
from edge_runtime.types import Gray

Pixels = NDArray[np.generic]  # (height, width) or (height, width, 1..4): gray, gray and alpha, BGR, BGRA


class Encoded(NamedTuple):
    """What a parser found out about one image before any of its pixels is allocated."""

    width: int  # pixels
    height: int  # pixels
    work: int  # bytes: the most that `decode` takes, its result included
    decode: Callable[[], Pixels]  # raises InputError
    orientation: int = 1  # as EXIF counts, 1 to 8; `decode` does not turn the image
    page: int = 1  # from 1
    pages: int = 1
    note: str = ""  # see DecodedImage
    exact: bool = True  # no lossy compression has changed the pixels' values
    isolate: bytes = b""  # this image as a file of its own, if only a process with limits may decode it


class DecodedImage(NamedTuple):
    """One image of a file: a page of a document, or the only image there is."""

    gray: Gray  # (height, width), 0 black to 255 white
    page: int = 1  # its number in the file, from 1
    pages: int = 1  # pages of the file
    note: str = ""  # one line on what was left out, such as "animation of 12 frames: the first was read"


class FailedPage(NamedTuple):
    """A page that cannot be decoded, of a file that may have others that can."""

    page: int  # from 1
    pages: int
    error: InputError


Failed = Callable[[FailedPage], object]  # gets each page that cannot be decoded
