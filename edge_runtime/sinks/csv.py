"""Rows as a CSV file: path,label,confidence,status,error.

The rows go to a file beside the output, which takes the output's name when it is complete: a half-written result is
never mistaken for a whole one.
"""

import csv
import os
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.types import Row

COLUMNS = ("path", "label", "confidence", "status", "error")


class CsvSink:
    """Implements Sink."""

    def __init__(self, path: str | Path, overwrite: bool = False) -> None:
        """path: the file to make; raises OutputError where it exists and `overwrite` is not set."""
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        if self._path.exists() and not overwrite:
            raise OutputError(f"{self._path} exists: name another --output, or say --overwrite")
        try:
            # Names that are not UTF-8 go back to the bytes that they came from.
            self._file = self._part.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        except OSError as error:
            raise OutputError(f"{self._part} cannot be written: {error.strerror}") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._guard(lambda: self._writer.writerow(COLUMNS))

    def write(self, row: Row) -> None:
        """See Sink.write."""
        confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
        self._guard(lambda: self._writer.writerow((row.path, row.label, confidence, row.status, row.error)))

    def flush(self) -> None:
        """See Sink.flush."""
        self._guard(self._file.flush)

    def close(self) -> None:
        """See Sink.close."""
        self._guard(self._finish)

    def _finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)

    def _guard(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error
