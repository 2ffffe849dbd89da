"""Paths from a stream, as `find` prints them."""

from collections.abc import Iterator
from typing import BinaryIO

from edge_runtime.errors import UsageError
from edge_runtime.limits import NAME_BYTES

BLOCK = 64 * 1024  # bytes read at once


class Listing:
    """Reads paths from a binary stream, one a line, or with a NUL behind each; their order is kept."""

    def __init__(self, stream: BinaryIO, null: bool = False) -> None:
        self._stream = stream
        self._end = b"\0" if null else b"\n"

    def paths(self) -> Iterator[str]:
        """Yield the paths; empty lines are left out. Bytes that are not UTF-8 are kept as lone surrogates."""
        rest = b""
        # A name is never searched twice for its end: what is left of a block has none.
        while block := self._stream.read1(BLOCK) if hasattr(self._stream, "read1") else self._stream.read(BLOCK):
            first, *others = block.split(self._end)
            rest += first
            if len(rest) > NAME_BYTES:
                raise UsageError(f"a path on standard input has over {NAME_BYTES:,} bytes: is -0 missing, or too much?")
            if not others:
                continue
            whole, rest = [rest, *others[:-1]], others[-1]
            yield from (path.decode("utf-8", "surrogateescape") for path in whole if path)
        if rest:
            yield rest.decode("utf-8", "surrogateescape")
