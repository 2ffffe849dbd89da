"""The few operations on output files, behind one class: a test passes a fake that fails on demand."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

READINGS_MODE = 0o640  # of files that hold readings, less what the process's umask takes away


class Files:
    """The system's own files. Everything here raises OSError; what is written is complete or an error."""

    def open(self, path: Path, mode: int = 0o666) -> int:
        """Open a file for writing at its end, never through a link; returns its handle.

        mode: permissions of a file that is missing and made, less the process's umask.
        """
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, mode)

    def lock(self, handle: int) -> bool:
        """Keep an open file from other processes that ask for it in this way; False where one has it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, handle: int, path: Path) -> bool:
        """Tell whether an open file is the one that a path names now: neither removed, nor renamed, nor replaced."""
        try:
            return os.path.samestat(os.fstat(handle), path.lstat())
        except FileNotFoundError:
            return False

    def write(self, handle: int, data: bytes | memoryview) -> None:
        """Append all bytes."""
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def truncate(self, handle: int, size: int) -> None:
        """Cut an open file off after `size` bytes."""
        os.ftruncate(handle, size)

    def sync(self, handle: int) -> None:
        """Wait until the bytes are on the disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a handle."""
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another's name at once, and wait until the name is on the disk."""
        source.replace(target)
        self.sync_folder(target.parent)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Remove a file, which may be gone already."""
        path.unlink(missing_ok=True)


def write_whole(
    path: Path, data: bytes | memoryview, mode: int | None = None, durable: bool = True, files: Files | None = None
) -> None:
    """Write a file so that it is complete or as it was before, whatever happens meanwhile. Raises OSError.

    mode: exact permissions of the file; None: those that the process's umask leaves. durable: wait until it is on the
    disk. Two processes may write the same file: one of them wins.
    """
    files = files or Files()
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        files.remove(new)
        handle = files.open(new, 0o666 if mode is None else mode)
        try:
            if mode is not None:
                os.fchmod(handle, mode)
            files.write(handle, data)
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
