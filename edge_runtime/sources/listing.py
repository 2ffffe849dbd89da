"""Paths from a stream, as `find` prints them."""

import os
import select
import time
from collections.abc import Iterator
from typing import BinaryIO

from edge_runtime.errors import UsageError
from edge_runtime.limits import NAME_BYTES

BLOCK = 64 * 1024  # bytes read at once
PAUSE_SECONDS = 0.25  # paths of a slow stream are kept no longer than this for others to come


class Listing:
    """Reads paths from a file or a pipe, one a line, or with a NUL behind each; their order is kept."""

    def __init__(self, stream: BinaryIO, null: bool = False) -> None:
        self._stream = stream
        self._end = b"\0" if null else b"\n"

    def paths(self) -> Iterator[str | None]:
        """Yield the paths; empty lines are left out. Bytes that are not UTF-8 are kept as lone surrogates.

        None, which may come at any time, says that the next path is not there yet: who collects paths is to go on with
        what there is.
        """
        rest = b""
        # A name is never searched twice for its end: what is left of a block has none.
        for block in self._blocks():
            if block is None:
                yield None
                continue
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

    def _blocks(self) -> Iterator[bytes | None]:
        """What comes, and None where nothing does and the last one was long ago."""
        said = time.monotonic()
        while True:
            ready, _, _ = select.select([self._stream], [], [], max(0.0, said + PAUSE_SECONDS - time.monotonic()))
            if not ready:
                said = time.monotonic()
                yield None
            elif block := os.read(self._stream.fileno(), BLOCK):  # past any buffer, of which select knows nothing
                yield block
            else:
                return
