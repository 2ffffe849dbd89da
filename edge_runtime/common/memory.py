"""Return freed memory of this process to the system."""

from functools import cache
from typing import Protocol

M_MMAP_THRESHOLD = -3  # mallopt(3): larger blocks are mapped separately and unmapped when freed
LARGE_BLOCK = 4 << 20  # bytes


class _Trim(Protocol):
    def __call__(self, kept: int) -> int: ...


def give_back() -> None:
    """Return freed memory to the system, and from now on every freed block of LARGE_BLOCK or more.

    glibc keeps freed blocks of up to 32 MiB and splits them into pieces that are too small for another large image.
    Does nothing with other C libraries.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> _Trim | None:
    import ctypes  # needed only for large images

    try:
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        found: _Trim = library.malloc_trim
    except (OSError, AttributeError):
        return None
    return found
