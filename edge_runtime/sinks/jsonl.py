"""Readings as JSON lines in a file that is rotated by size."""

import json
from pathlib import Path

from edge_runtime.common.files import Files
from edge_runtime.sinks.appended import AppendedFile
from edge_runtime.sinks.record import record
from edge_runtime.types import Reading

MARK = b'{"id": '


class JsonLinesSink:
    """Implements ReadingSink."""

    def __init__(self, path: Path, limit: int, kept: int, files: Files | None = None) -> None:
        """limit: bytes at which FILE becomes FILE.1, FILE.1 becomes FILE.2 and so on. kept: number of these to keep."""
        self._file = AppendedFile(path, b"", MARK, limit, kept, files)

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        self._file.append(json.dumps(record(reading)).encode("ascii") + b"\n")

    def close(self) -> None:
        """See ReadingSink.close."""
        self._file.close()
