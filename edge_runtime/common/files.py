"""Operations on output files in one class, so that tests can pass a fake that fails on demand."""

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

READINGS_MODE = 0o640  # permissions of files with readings, before the umask of the process


class Files:
    """Real files. All methods raise OSError; a write is complete or raises."""

    def open(self, path: Path, mode: int = 0o666) -> int:
        """Open a file for appending, without following a symbolic link; returns its handle.

        mode: permissions of a new file, before the umask of the process.
        """
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, mode)

    def lock(self, handle: int) -> bool:
        """Lock an open file against other processes; returns False if another process holds the lock."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, handle: int, path: Path) -> bool:
        """Return whether a path still names an open file: it was not removed, renamed or replaced."""
        try:
            return os.path.samestat(os.fstat(handle), path.lstat())
        except FileNotFoundError:
            return False

    def write(self, handle: int, data: bytes) -> None:
        """Append all bytes."""
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def truncate(self, handle: int, size: int) -> None:
        """Truncate an open file to `size` bytes."""
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        """Wait until the data is on disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a handle."""
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        """Replace a file by another one atomically, and wait until the change is on disk."""
        source.replace(target)
        self.sync_folder(target.parent)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the entries of a folder are on disk."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file; it may be missing."""
        path.unlink(missing_ok=True)


def write_whole(
    path: Path,
    content: bytes | Callable[[BinaryIO], object],
    mode: int | None = None,
    durable: bool = True,
    files: Files | None = None,
) -> None:
    """Write a file atomically: afterwards it is complete or unchanged. Raises OSError.

    content: bytes, or a function that writes to a binary file. mode: exact permissions of the file; None: the default,
    according to the umask. durable: wait until it is on disk. If two processes write the same file, one of them wins.
    """
    files = files or Files()
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        files.remove(new)
        if not isinstance(content, bytes):
            with new.open("wb") as file:  # what is opened by `files` cannot seek, as zip archives need it
                content(file)
        handle = files.open(new, 0o666 if mode is None else mode)
        try:
            if mode is not None:
                os.fchmod(handle, mode)
            if isinstance(content, bytes):
                files.write(handle, content)
            if durable:
                files.sync(handle)
        finally:
            files.close(handle)
        if durable:
            files.replace(new, path)
        else:
            new.replace(path)
    except OSError:
        with suppress(OSError):
            files.remove(new)
        raise


def remove_unfinished(path: Path) -> None:
    """Remove what processes that were killed in `write_whole` left beside a file; raises OSError."""
    for new in path.parent.glob(f".{path.name}.*.new"):
        new.unlink(missing_ok=True)
