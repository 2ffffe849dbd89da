"""The picture files below a folder, in the order of their paths, however many there are."""

import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import IO

from edge_runtime.errors import FileError
from edge_runtime.image import is_image_name

RUN = 50_000  # names sorted in memory at once; more of one folder go to temporary files
BLOCK = 64 * 1024  # characters read back from such a file at once


class Folder:
    """Walks a folder once; links to folders are not followed, so a loop of them cannot catch it."""

    def __init__(
        self, root: str | Path, recursive: bool = True, include: Iterable[str] = (), exclude: Iterable[str] = ()
    ) -> None:
        """Open a folder; raises FileError where it is none or cannot be listed.

        include, exclude: shell patterns; one with a slash is held against the whole relative path, one without against
        the file's name. `listed`, which may be replaced, gets each folder's prefix and modification time in ns.
        """
        self.root = Path(root)
        self.skipped = 0  # files that are no pictures by name or that a pattern leaves out, so far
        self.unread: list[str] = []  # folders below that cannot be listed, so far
        self.listed: Callable[[str, int], None] = lambda prefix, modified: None
        self._recursive = recursive
        self._include, self._exclude = tuple(include), tuple(exclude)
        try:
            os.scandir(self.root).close()
        except NotADirectoryError:
            raise FileError(f"{self.root} is no folder") from None
        except FileNotFoundError:
            raise FileError(f"there is no folder {self.root}") from None
        except OSError as error:
            raise FileError(f"the folder {self.root} cannot be listed: {error.strerror}") from error

    def paths(self) -> Iterator[str]:
        """Yield paths relative to the root, with forward slashes, sorted as whole strings."""
        # Not by recursion: a tree may be deeper than Python's stack.
        open_folders = [self._names("")]
        while open_folders:
            path = next(open_folders[-1], None)
            if path is None:
                open_folders.pop()
            elif path.endswith("/"):
                open_folders.append(self._names(path))
            else:
                yield path

    def count(self) -> int:
        """Count the paths, in no order and with nothing noted: a quick look ahead."""
        below = [""]
        found = 0
        while below:
            prefix = below.pop()
            with suppress(OSError):
                for name in _names(f"{self.root}/{prefix}"):
                    if not name.endswith("/"):
                        found += self._wanted(prefix, name)
                    elif self._recursive:
                        below.append(prefix + name)
        return found

    def _names(self, prefix: str) -> Iterator[str]:
        """The pictures and, with a slash, the folders in one folder, sorted."""
        folder = f"{self.root}/{prefix}"
        try:
            modified = os.stat(folder).st_mtime_ns  # noqa: PTH116
            names = _sorted(_names(folder))
        except PermissionError:
            if not prefix:
                raise FileError(f"the folder {self.root} cannot be listed: permission denied") from None
            self.unread.append(prefix)
            return
        except OSError as error:  # it has vanished, or its disk fails: what is not known must not look complete
            raise FileError(f"the folder {folder} cannot be listed: {error.strerror}") from error
        self.listed(prefix, modified)
        for name in names:
            if not name.endswith("/"):
                if self._wanted(prefix, name):
                    yield prefix + name
                else:
                    self.skipped += 1
            elif self._recursive:
                yield prefix + name

    def _wanted(self, prefix: str, name: str) -> bool:
        if not is_image_name(name):
            return False
        if self._include and not _matches(prefix, name, self._include):
            return False
        return not (self._exclude and _matches(prefix, name, self._exclude))


def _matches(prefix: str, name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(prefix + name if "/" in pattern else name, pattern) for pattern in patterns)


def _names(folder: str) -> Iterator[str]:
    """The names in a folder; a folder's ends with a slash, so that names sort as the whole paths below them do."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _sorted(names: Iterator[str]) -> Iterator[str]:
    """Sort any number of names in little memory: runs of `RUN` are sorted, set aside in files and merged."""
    runs = [sorted(islice(names, RUN))]
    if len(runs[0]) < RUN:
        return iter(runs[0])
    files = []
    while run := runs.pop() if runs else sorted(islice(names, RUN)):
        file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
        file.write("\0".join(run))
        files.append(file)
    return heapq.merge(*map(_read_back, files))


def _read_back(file: IO[str]) -> Iterator[str]:
    with file:
        file.seek(0)
        rest = ""
        while block := file.read(BLOCK):
            *whole, rest = (rest + block).split("\0")
            yield from whole
        yield rest
