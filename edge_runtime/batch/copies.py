"""Copies of image files, sorted into folders by label and status."""

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge_runtime.batch.paths import find_path
from edge_runtime.common.written import mark_folder
from edge_runtime.errors import OutputError
from edge_runtime.types import Row, Status

BLOCK = 1024 * 1024  # bytes copied at once
ROOT, UP = "_root", "_up"  # names in a copy's path for the root folder and for ..
TAKEN = re.compile("_+(root|up)")  # a name that gets one more underscore, so that it differs from the above
PART = ".copy.part"  # the name of an unfinished copy


class Copies:
    """Copies files. A copy keeps its relative path; it is complete or absent.

    A file is copied once for each label of its pages. A file that cannot be copied is reported by a warning.
    """

    def __init__(
        self,
        root: str,
        by_label: Path | None,
        failed: Path | None,
        warn: Callable[[str], None] = lambda line: None,
        pages: bool = False,
    ) -> None:
        """Create and mark the folders; raises OutputError if that fails.

        root: folder that the paths of rows are relative to. by_label: folder for copies in subfolders 0 to 9 and
        `rejected`, or of pages `ok` and `rejected`. failed: folder for copies of failed files. warn: called with a line
        for each file that could not be copied. pages: the rows are those of pages, not of single digits.
        """
        self._root, self._by_label, self._failed, self._warn, self._pages = root, by_label, failed, warn, pages
        self.missed = 0  # files that could not be copied
        self._folders: set[Path] = set()  # folders that the file of the last row was copied to
        for folder in filter(None, (by_label, failed)):
            make_folder(folder)

    def write(self, row: Row) -> None:
        """Copy the file of a row, once for each folder; raises nothing."""
        folder = self._by_label
        if row.status is Status.FAILED:
            folder = self._failed
        elif folder:
            folder = folder / (row.label if row.status is Status.OK and not self._pages else row.status.value)
        if row.page == 1:
            self._folders.clear()
        if folder and folder not in self._folders:
            self._folders.add(folder)
            self._copy(row.path, folder)

    def _copy(self, path: str, folder: Path) -> None:
        source = f"{self._root}/{path}" if self._root else path
        try:
            with os.fdopen(_open(source if self._root else find_path(source)), "rb", 0) as file:
                _write(file.fileno(), folder / copy_path(path))
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
            self.missed += 1
            self._warn(f"{path} could not be copied: {getattr(error, 'strerror', None) or error}")


def make_folder(folder: Path) -> None:
    """Make and mark a folder that is not read as input; raises OutputError."""
    try:
        mark_folder(folder)
    except OSError as error:
        raise OutputError(f"the folder {folder} cannot be written: {error.strerror}") from error


def copy_path(path: str) -> Path:
    """Return the path of a file's copy, relative to the folder of copies; different for each path.

    Paths that differ only in doubled slashes and single dots have the same copy. A path from a list may point anywhere,
    but its copy stays below the folder: .. becomes _up, the root folder becomes _root, and names like these get one
    more underscore.
    """
    parts = [UP if part == ".." else f"_{part}" if TAKEN.fullmatch(part) else part for part in Path(path).parts]
    if path.startswith("/"):
        parts[0] = ROOT
    return Path(*parts)


def _open(path: str) -> int:
    """Open a regular file, without blocking on anything else."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("it is not a regular file")
    return handle


def _write(source: int, target: Path) -> None:
    """Copy as many bytes as the file has at the start, in blocks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(PART)
    left = os.fstat(source).st_size
    try:
        with part.open("wb", buffering=0) as copy:
            while left > 0 and (block := os.read(source, min(left, BLOCK))):
                left -= len(block)
                view = memoryview(block)
                while view:
                    view = view[copy.write(view) :]
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
