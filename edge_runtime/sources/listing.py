"""Paths from a stream, as `find` prints them."""

from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 64 * 1024  # bytes read at once


class Listing:
    """Reads paths from a binary stream, one a line, or with a NUL behind each; their order is kept."""

    def __init__(self, stream: BinaryIO, null: bool = False) -> None:
        self._stream = stream
        self._end = b"\0" if null else b"\n"

    def paths(self) -> Iterator[str]:
        """Yield the paths; empty lines are left out. Bytes that are not UTF-8 are kept as lone surrogates."""
        rest = b""
        while block := self._stream.read1(BLOCK) if hasattr(self._stream, "read1") else self._stream.read(BLOCK):
            *whole, rest = (rest + block).split(self._end)
            yield from (path.decode("utf-8", "surrogateescape") for path in whole if path)
        if rest:
            yield rest.decode("utf-8", "surrogateescape")
