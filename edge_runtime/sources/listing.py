"""Paths from a stream, as `find` prints them."""

import codecs
import os
import select
import time
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from edge_runtime.common.text import encoding_of
from edge_runtime.errors import UsageError
from edge_runtime.limits import NAME_BYTES

BLOCK = 64 * 1024  # bytes read at once
MARK_BYTES = 4  # bytes of the longest byte order mark
PAUSE_SECONDS = 0.25  # the paths of a slow stream are held back no longer than this


class Listing:
    """Reads paths from a file or a pipe, one per line or each followed by NUL, in their order.

    Lines may end with LF, CRLF or CR, and the text may be UTF-16 or start with a byte order mark.
    """

    def __init__(self, stream: BinaryIO, null: bool = False) -> None:
        self._stream, self._null = stream, null

    def paths(self) -> Iterator[str | None]:
        """Yield the paths without empty lines. Bytes that are not UTF-8 are kept as lone surrogates.

        Yields None at any time if the next path is not available yet, so that the caller need not hold back the others.
        """
        end = b"\0" if self._null else b"\n"
        rest = b""
        # The rest of a block has no end of a name, so it is not searched again.
        for block in self._utf8():
            if block is None:
                yield None
                continue
            first, *others = (block if self._null else block.replace(b"\r", b"\n")).split(end)
            rest += first
            if len(rest) > NAME_BYTES:
                raise UsageError(f"a path on standard input has over {NAME_BYTES:,} bytes: add -0 or leave it out")
            if not others:
                continue
            whole, rest = [rest, *others[:-1]], others[-1]
            yield from (path.decode("utf-8", "surrogateescape") for path in whole if path)
        if rest:
            yield rest.decode("utf-8", "surrogateescape")

    def _utf8(self) -> Iterator[bytes | None]:
        """Yield the blocks as UTF-8 without a byte order mark."""
        blocks = self._blocks()
        start = b""
        for block in blocks:
            start += block or b""
            if len(start) >= MARK_BYTES:
                break
            yield None
        encoding = encoding_of(start, marked=self._null)
        if encoding == "utf-8":
            yield start
            yield from blocks
            return
        # Invalid UTF-8 is kept, as it may be the name of a file; in other encodings it cannot be.
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        for block in chain([start], blocks):
            yield None if block is None else decoder.decode(block).encode("utf-8", errors)

    def _blocks(self) -> Iterator[bytes | None]:
        """Yield blocks, and None when nothing arrives for PAUSE_SECONDS."""
        last = time.monotonic()
        while True:
            ready, _, _ = select.select([self._stream], [], [], max(0.0, last + PAUSE_SECONDS - time.monotonic()))
            if not ready:
                last = time.monotonic()
                yield None
            elif block := os.read(self._stream.fileno(), BLOCK):  # not through a buffer, which select does not see
                yield block
            else:
                return
