"""A fake disk with faults on demand, for tests of code that writes files."""

import errno
import os
from pathlib import Path

from edge_runtime.common.files import Files


class FakeDisk(Files):
    """Real files on a disk that a test can fill or make read-only.

    A write that does not fit leaves its first half, as on a real disk.
    """

    def __init__(self, room: int | None = None) -> None:
        """room: bytes that can still be written; None: unlimited."""
        self.room = room
        self.read_only = False

    def open(self, path: Path, mode: int = 0o666) -> int:
        """See Files.open."""
        self._check_writable()
        return super().open(path, mode)

    def write(self, handle: int, data: bytes) -> None:
        """See Files.write."""
        self._check_writable()
        if self.room is not None and len(data) > self.room:
            super().write(handle, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.room is not None:
            self.room -= len(data)
        super().write(handle, data)

    def truncate(self, handle: int, size: int) -> None:
        """See Files.truncate."""
        self._check_writable()
        super().truncate(handle, size)

    def replace(self, source: Path, target: Path) -> None:
        """See Files.replace."""
        self._check_writable()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        """See Files.remove."""
        self._check_writable()
        super().remove(path)

    def _check_writable(self) -> None:
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
