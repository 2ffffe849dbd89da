"""Gives memory back to the system that this process has freed and still holds."""

from functools import cache
from typing import Protocol


class _Trim(Protocol):
    def __call__(self, kept: int) -> int: ...


def give_back() -> None:
    """Give freed memory back, of which glibc keeps much after large blocks; does nothing with other libraries."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> _Trim | None:
    import ctypes  # only for large images

    try:
        found: _Trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found
