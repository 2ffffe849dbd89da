"""A text file that sinks append lines to."""

import os
from contextlib import suppress
from pathlib import Path

from edge_runtime.common.files import READINGS_MODE, Files
from edge_runtime.errors import OutputError

TAIL = 64 * 1024  # bytes: maximum length of a line


class AppendedFile:
    """A file of complete lines. A line is on the disk when `append` returns; a partial line after a kill is removed.

    A file that was removed, moved, replaced or truncated is opened or created again before the next line. The state of
    this object changes only after a successful write; after a failed one, the file is opened and checked again.
    """

    def __init__(
        self, path: Path, head: bytes, mark: bytes, limit: int = 0, kept: int = 0, files: Files | None = None
    ) -> None:
        """Open or create the file.

        head: first line of a new file. mark: bytes that each file of this kind starts with; other files are refused.
        limit: bytes at which the file is rotated; 0: never. kept: rotated files to keep; FILE.1 is the newest.
        Raises OutputError if the file cannot be written, is of another kind, or is written by another process.
        """
        self._path, self._head, self._mark = path, head, mark
        self._limit, self._kept, self._files = limit, kept, files or Files()
        self._handle = -1  # -1: not open
        self._size = 0  # bytes of complete lines in the open file
        try:
            self._open()
        except OSError as error:
            raise self._failure(error) from error

    def append(self, line: bytes) -> None:
        """Write a line with its newline. Raises OutputError; the file then ends with the line before."""
        try:
            if not self._is_unchanged():
                self._open()
            if self._limit and self._size + len(line) > self._limit and self._size > len(self._head):
                self._rotate()
            try:
                _append_whole(self._files, self._handle, self._size, line)
            except OSError:
                self.close()
                raise
        except OSError as error:
            raise self._failure(error) from error
        self._size += len(line)

    def close(self) -> None:
        """Close the file; all lines are on the disk already."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._files.close(handle)

    def _open(self) -> None:
        self.close()
        if self._path.exists() and not self._path.is_file():
            raise OutputError(f"{self._path} is not a regular file: name another")
        made = not self._path.exists()
        handle = self._files.open(self._path, READINGS_MODE)
        try:
            size = self._check(handle)
            if made:
                self._files.sync_folder(self._path.parent)
        except BaseException:
            self._files.close(handle)
            raise
        self._handle, self._size = handle, size

    def _check(self, handle: int) -> int:
        """Lock an open file, remove a partial line, write the head if the file is empty; returns its size."""
        if not self._files.lock(handle):
            raise OutputError(f"another process is writing {self._path}: name another file")
        with self._path.open("rb") as file:
            begins = file.read(len(self._mark))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
        end = tail.rfind(b"\n") + 1
        if not self._mark.startswith(begins) or (not end and size > TAIL):
            raise OutputError(f"{self._path} exists and does not contain readings: name another file")
        whole = size - len(tail) + end
        if whole < size:
            self._files.truncate(handle, whole)
        if whole == 0 and self._head:
            _append_whole(self._files, handle, 0, self._head)
            whole = len(self._head)
        return whole

    def _is_unchanged(self) -> bool:
        """Return whether the path still names the open file, with an unchanged size."""
        if self._handle < 0:
            return False
        try:
            named, ours = self._path.stat(), os.fstat(self._handle)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return os.path.samestat(named, ours) and ours.st_size == self._size

    def _rotate(self) -> None:
        def name(number: int) -> Path:
            return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

        free = next((number for number in range(1, self._kept + 1) if not name(number).exists()), self._kept)
        for number in range(free, 0, -1):  # overwrites the oldest of the kept files
            self._files.replace(name(number - 1), name(number))
        if not self._kept:
            self._files.remove(self._path)
        self._open()

    def _failure(self, error: OSError) -> OutputError:
        if isinstance(error, OutputError):
            return error
        return OutputError(f"{self._path} cannot be written: {error.strerror}")


def _append_whole(files: Files, handle: int, size: int, data: bytes) -> None:
    """Append to a file of `size` bytes completely or not at all; raises OSError."""
    try:
        files.write(handle, data)
        files.sync(handle)
    except OSError:
        with suppress(OSError):  # a partial line is removed when the file is opened again
            files.truncate(handle, size)
        raise
