"""Readings as CSV, one line each, the rows of a page joined by a space."""

from pathlib import Path

from edge_runtime.files import Files
from edge_runtime.sinks.formats import quoted, safe
from edge_runtime.sinks.readings.appended import AppendedFile
from edge_runtime.sinks.readings.record import COLUMNS, record
from edge_runtime.types import Reading

HEAD = quoted(COLUMNS).encode()


class CsvSink:
    """Implements ReadingSink. A cell that a spreadsheet would run has an apostrophe before it, as in all our CSV."""

    def __init__(self, path: Path, files: Files | None = None) -> None:
        self._file = AppendedFile(path, HEAD, HEAD, files=files)

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        cells = record(reading._replace(text=reading.text.replace("\n", " "))).values()
        line = quoted([safe(cell) if isinstance(cell, str) else str(cell) for cell in cells])
        self._file.append(line.encode())

    def close(self) -> None:
        """See ReadingSink.close."""
        self._file.close()
