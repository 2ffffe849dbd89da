"""Lines at the end of a file, for sinks that are read as text."""

import os
from contextlib import suppress
from pathlib import Path

from edge_runtime.common.files import READINGS_MODE, Files
from edge_runtime.errors import OutputError

TAIL = 64 * 1024  # bytes: no line is longer


class AppendedFile:
    """A file of whole lines. A line is on the disk when `append` returns; half a line left by a kill is cut off.

    A file that was removed, moved away, replaced or cut short meanwhile is opened again, or made again, before the
    next line. What is known of the file changes only after a write has succeeded; after one that failed the file is
    opened and checked anew.
    """

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
        self._handle = -1  # less than 0: not open
        self._size = 0  # bytes of whole lines in the open file
        try:
            self._open()
        except OSError as error:
            raise self._failure(error) from error

    def append(self, line: bytes) -> None:
        """Write one line with its end; raises OutputError, and then the file ends with the line before."""
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
        """Close the file; all of it is on the disk already."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            self._files.close(handle)

    def _open(self) -> None:
        self.close()
        if self._path.exists() and not self._path.is_file():
            raise OutputError(f"{self._path} is no regular file: name another")
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
        """Lock an open file, cut off half a line, write the head of an empty one; returns its size."""
        if not self._files.lock(handle):
            raise OutputError(f"another process is writing {self._path}: name another file")
        with self._path.open("rb") as file:
            begins = file.read(len(self._mark))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
        end = tail.rfind(b"\n") + 1
        if not self._mark.startswith(begins) or (not end and size > TAIL):
            raise OutputError(f"{self._path} exists and holds something else than readings: name another file")
        whole = size - len(tail) + end
        if whole < size:
            self._files.truncate(handle, whole)
        if whole == 0 and self._head:
            _append_whole(self._files, handle, 0, self._head)
            whole = len(self._head)
        return whole

    def _is_unchanged(self) -> bool:
        """Tell whether the path still names the open file, and nobody has cut it or added to it."""
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
        for number in range(free, 0, -1):  # the oldest of all that are kept is written over
            self._files.replace(name(number - 1), name(number))
        if not self._kept:
            self._files.remove(self._path)
        self._open()

    def _failure(self, error: OSError) -> OutputError:
        if isinstance(error, OutputError):
            return error
        return OutputError(f"{self._path} cannot be written: {error.strerror}")


def _append_whole(files: Files, handle: int, size: int, data: bytes) -> None:
    """Append to a file of `size` bytes, all or nothing; raises OSError."""
    try:
        files.write(handle, data)
        files.sync(handle)
    except OSError:
        with suppress(OSError):  # what stays behind is cut off when the file is opened again
            files.truncate(handle, size)
        raise
