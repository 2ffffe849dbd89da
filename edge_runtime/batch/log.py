"""The log of a job: an append-only file whose lines have a checksum of all lines so far.

A line is eight hexadecimal digits, a space and JSON. The digits are the CRC-32 of the JSON of this line and all lines
before. So changed, lost, moved and incomplete lines are detected.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO


class LogLines:
    """Formats lines, each with the checksum of all lines so far."""

    def __init__(self, checksum: int = 0) -> None:
        """checksum: of the last line that exists already."""
        self._checksum = checksum

    def line(self, value: object) -> bytes:
        """Return the next line for any JSON value."""
        text = json.dumps(value).encode() + b"\n"
        self._checksum = zlib.crc32(text, self._checksum)
        return b"%08x %s" % (self._checksum, text)


def read_lines(file: BinaryIO) -> Iterator[tuple[Any, int, int]]:
    """Yield the value of each line, its end in bytes and its checksum; stops at the first invalid line."""
    checksum = end = 0
    for line in file:
        checksum = zlib.crc32(line[9:], checksum)
        if not line.endswith(b"\n") or line[:9] != b"%08x " % checksum:
            return
        try:
            value = json.loads(line[9:])
        except ValueError:
            return
        end += len(line)
        yield value, end, checksum
