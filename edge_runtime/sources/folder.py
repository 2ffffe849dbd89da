"""Image files in a folder and its subfolders, sorted by path, in bounded memory."""

import heapq
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO

from edge_runtime.common.written import MARK, is_written
from edge_runtime.errors import FileError
from edge_runtime.images.files import is_image_name, needs_extra

RUN = 50_000  # names of one folder sorted in memory at once; more go to temporary files
BLOCK = 64 * 1024  # characters read from such a file at once
KINDS = 100  # kinds of skipped files that are counted separately; others are counted together
SUFFIX = 12  # maximum characters of a suffix that is a kind
# Kinds of skipped files, in addition to the suffixes of other files, which start with a dot.
HIDDEN, WRITTEN, PATTERN, LINK, OTHER = "hidden", "written", "pattern", "link", "other"
SYSTEM = frozenset(  # names that systems and storage devices use, in lower case
    {
        "#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recently-snapshot", "@recycle", "__macosx", "desktop.ini",
        "ehthumbs.db", "lost+found", "network trash folder", "recycled", "recycler", "system volume information",
        "temporary items", "thumbs.db", "~snapshot",
    }
)  # fmt: skip


class Folder:
    """Walks a folder once. Links to folders are not followed, so loops are impossible.

    Hidden and system files and folders are skipped, and so are files written by this package.
    """

    def __init__(
        self,
        root: str | Path,
        recursive: bool = True,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        hidden: bool = False,
    ) -> None:
        """Open a folder; raises FileError if it is not a folder or cannot be listed.

        include, exclude: shell patterns; a pattern with a slash matches the relative path, others match the file name.
        hidden: include hidden and system files.

        Attributes to set: `own`, relative paths of files that the caller writes; they are skipped, but not counted.
        `on_listed`, called with each folder's prefix and modification time in ns. `warn`, called with one line for each
        subfolder that cannot be listed.
        """
        self.root = Path(root)
        self.skipped: Counter[str] = Counter()  # skipped files so far, by kind: a suffix or one of the above
        self.unread = 0  # subfolders that could not be listed so far
        self.on_listed: Callable[[str, int], None] = lambda prefix, modified: None
        self.warn: Callable[[str], None] = lambda line: None
        self.own: frozenset[str] = frozenset()
        self._recursive, self._hidden = recursive, hidden
        self._include, self._exclude = tuple(include), tuple(exclude)
        try:
            os.scandir(self.root).close()
        except NotADirectoryError:
            raise FileError(f"{self.root} is not a folder") from None
        except FileNotFoundError:
            raise FileError(f"there is no folder {self.root}") from None
        except OSError as error:
            raise FileError(f"the folder {self.root} cannot be listed: {error.strerror}") from error

    def paths(self) -> Iterator[str]:
        """Yield paths relative to the root, with forward slashes, sorted as strings."""
        # Without recursion, as a tree may be deeper than Python's stack.
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
        """Count the paths quickly, without sorting and without side effects."""
        below = [""]
        found = 0
        while below:
            prefix = below.pop()
            with suppress(OSError):
                for name in self._select_names(prefix, Counter()):
                    if name.endswith("/"):
                        below.append(prefix + name)
                    else:
                        found += 1
        return found

    def _names(self, prefix: str) -> Iterator[str]:
        """Yield the sorted paths of images and folders in one folder; those of folders end with a slash."""
        folder = f"{self.root}/{prefix}"
        skipped: Counter[str] = Counter()
        try:
            modified = os.stat(folder).st_mtime_ns  # noqa: PTH116
            names = _sort(self._select_names(prefix, skipped))
        except OSError as error:
            reason = f"cannot be listed: {error.strerror}"
            if not prefix:
                raise FileError(f"the folder {self.root} {reason}") from error
            self.unread += 1
            self.warn(f"the folder {prefix} {reason}")
            return
        for kind, count in skipped.items():
            self.skipped[kind if kind in self.skipped or len(self.skipped) < KINDS else OTHER] += count
        self.on_listed(prefix, modified)
        for name in names:
            yield prefix + name

    def _select_names(self, prefix: str, skipped: Counter[str]) -> Iterator[str]:
        """Yield the names of images and folders in one folder; counts skipped files in `skipped`.

        The name of a folder ends with a slash, so that names sort like the whole paths below them.
        """
        folder = f"{self.root}/{prefix}"
        if prefix and os.path.lexists(folder + MARK):
            skipped[WRITTEN] += 1
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if not self._hidden and (name[0] == "." or name.lower() in SYSTEM):
                    skipped[HIDDEN] += 1
                elif entry.is_dir(follow_symlinks=False):
                    if self._recursive:
                        yield name + "/"
                elif not _is_readable(name[name.rfind(".") :]):
                    if prefix + name not in self.own:
                        skipped[LINK if entry.is_symlink() and entry.is_dir() else _suffix(name)] += 1
                elif is_written(name):
                    skipped[WRITTEN] += 1
                elif self._is_chosen(prefix, name):
                    yield name
                else:
                    skipped[PATTERN] += 1

    def _is_chosen(self, prefix: str, name: str) -> bool:
        if self._include and not _matches(prefix, name, self._include):
            return False
        return not (self._exclude and _matches(prefix, name, self._exclude))


@lru_cache
def _is_readable(suffix: str) -> bool:
    """Return whether files with a suffix can be read with the installed libraries."""
    return is_image_name(suffix) and not needs_extra(suffix)


def _suffix(name: str) -> str:
    """Return the kind of a file without an image suffix."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    return suffix if len(suffix) <= SUFFIX and suffix[1:].isalnum() and suffix.isascii() else OTHER


def _matches(prefix: str, name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(prefix + name if "/" in pattern else name, pattern) for pattern in patterns)


def _sort(names: Iterator[str]) -> Iterator[str]:
    """Sort any number of names in bounded memory: sorted runs of `RUN` names are stored in files and merged."""
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
