"""Readings as CSV, one line per reading, the rows of a page joined by a space."""

import csv
import os
import stat
from contextlib import suppress
from pathlib import Path

from edge_runtime.common.csv_cells import escape_formula, format_csv_row
from edge_runtime.common.files import READINGS_MODE, Files
from edge_runtime.errors import OutputError
from edge_runtime.sinks.appended import AppendedFile
from edge_runtime.sinks.record import COLUMNS, record
from edge_runtime.types import Reading

HEAD = format_csv_row(COLUMNS).encode()
EARLIER = COLUMNS[:-1]  # columns of version 0.1


class CsvSink:
    """Implements ReadingSink. Cells that look like formulas are escaped by an apostrophe, see common.csv_cells."""

    def __init__(self, path: Path, files: Files | None = None) -> None:
        _add_columns(path, files or Files())
        self._file = AppendedFile(path, HEAD, HEAD, files=files)

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        cells = record(reading._replace(text=reading.text.replace("\n", " "))).values()
        line = format_csv_row(
            ["" if cell is None else escape_formula(cell) if isinstance(cell, str) else str(cell) for cell in cells]
        )
        self._file.append(line.encode())

    def close(self) -> None:
        """See ReadingSink.close."""
        self._file.close()


def _add_columns(path: Path, files: Files) -> None:
    """Add missing columns to a file of an earlier version; raises OutputError and leaves the file unchanged."""
    if not path.is_file():
        return
    earlier = format_csv_row(EARLIER).encode()
    fresh = path.with_name(f".{path.name}.new")
    try:
        with path.open("rb") as file:
            if file.read(len(earlier)) != earlier:
                return
        old = files.open(path)
        try:
            if not files.lock(old):
                raise OutputError(f"another process is writing {path}: name another file")
            files.remove(fresh)
            new = files.open(fresh, READINGS_MODE)
            try:
                os.fchmod(new, stat.S_IMODE(os.fstat(old).st_mode))
                _copy(path, files, new)
                files.sync(new)
            finally:
                files.close(new)
            files.replace(fresh, path)
        finally:
            files.close(old)
    except OSError as error:
        with suppress(OSError):
            files.remove(fresh)
        if isinstance(error, OutputError):
            raise
        reason = f"{path} has the columns of an earlier version and cannot be converted: {error.strerror}"
        raise OutputError(reason) from error


def _copy(path: Path, files: Files, handle: int) -> None:
    """Copy the lines of a file with an empty cell for each new column; a partial last line is left out."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        next(file)
        files.write(handle, HEAD)
        for cells in csv.reader(line for line in file if line.endswith("\n")):
            files.write(
                handle, format_csv_row(cells + [""] * (len(COLUMNS) - len(cells))).encode("utf-8", "surrogateescape")
            )
