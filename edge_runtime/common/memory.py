"""Gives memory back to the system that this process has freed and still holds."""

from functools import cache
from typing import Protocol

M_MMAP_THRESHOLD = -3  # mallopt(3): larger blocks are mapped on their own, and unmapped when they are freed
LARGE_BLOCK = 4 << 20  # bytes


class _Trim(Protocol):
    def __call__(self, kept: int) -> int: ...


def give_back() -> None:
    """Give freed memory back, and keep no freed block of LARGE_BLOCK or more from now on.

    glibc keeps freed blocks of up to 32 MiB, and cuts them into pieces that fit no other large image. Does nothing with
    other libraries.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> _Trim | None:
    import ctypes  # only for large images

    try:
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        found: _Trim = library.malloc_trim
    except (OSError, AttributeError):
        return None
    return found
