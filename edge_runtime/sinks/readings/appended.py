"""Lines at the end of a file, for sinks that are read as text."""

import os
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.files import Files

TAIL = 64 * 1024  # bytes: no line is longer


class AppendedFile:
    """A file of whole lines. A line is on the disk when `append` returns; what a kill cut short is taken off again."""

    def __init__(
        self, path: Path, head: bytes, mark: bytes, limit: int = 0, kept: int = 0, files: Files | None = None
    ) -> None:
        """Open the file, or make it.

        head: the first line of a new file. mark: what each file of this kind begins with; any other is left alone.
        limit: bytes at which the file is rotated, 0 for never. kept: how many rotated files stay, FILE.1 the newest.
        Raises OutputError where the file cannot be written, is of another kind, or another process is writing it.
        """
        self._path, self._head, self._mark = path, head, mark
        self._limit, self._kept, self._files = limit, kept, files or Files()
        self._handle = -1
        self._size = 0
        try:
            self._open()
        except OSError as error:
            self.close()
            raise self._failure(error) from error

    def append(self, line: bytes) -> None:
        """Write one line with its end; raises OutputError, and then the file ends with the line before."""
        try:
            if not self._is_there():  # somebody moved it away, as logrotate does, to begin a new one
                self._open()
            if self._limit and self._size + len(line) > self._limit and self._size > len(self._head):
                self._rotate()
            try:
                self._files.write(self._handle, line)
                self._files.sync(self._handle)
            except OSError:
                self._files.truncate(self._handle, self._size)
                raise
        except OSError as error:
            raise self._failure(error) from error
        self._size += len(line)

    def close(self) -> None:
        """Let go of the file; all of it is on the disk already."""
        if self._handle >= 0:
            self._files.close(self._handle)
        self._handle = -1

    def _open(self) -> None:
        self.close()
        if self._path.exists() and not self._path.is_file():
            raise OutputError(f"{self._path} is no regular file: name another")
        self._handle = self._files.open(self._path)
        if not self._files.lock(self._handle):
            raise OutputError(f"another process is writing {self._path}: name another file")
        with self._path.open("rb") as file:
            begins = file.read(len(self._mark))
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
        if not self._mark.startswith(begins):
            raise OutputError(f"{self._path} exists and holds something else than readings: name another file")
        whole = size - len(tail) + tail.rfind(b"\n") + 1
        if whole < size:  # a line that a loss of power cut short
            self._files.truncate(self._handle, whole)
        if whole == 0 and self._head:
            self._files.write(self._handle, self._head)
            whole = len(self._head)
        self._size = whole

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._handle))
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        def name(number: int) -> Path:
            return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

        free = next((number for number in range(1, self._kept + 1) if not name(number).exists()), self._kept)
        for number in range(free, 0, -1):  # the oldest of all that are kept is written over
            self._files.replace(name(number - 1), name(number))
        if not self._kept:
            self._files.remove(self._path)
        self._open()

    def _failure(self, error: OSError) -> OutputError:
        if isinstance(error, OutputError):
            return error
        return OutputError(f"{self._path} cannot be written: {error.strerror}")
