"""The picture files below a folder, in the order of their paths."""

import os
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.errors import FileError
from edge_runtime.image import is_image_name


class Folder:
    """Walks a folder once; links to folders are not followed, so a loop of them cannot catch it."""

    def __init__(self, root: str | Path) -> None:
        """root: raises FileError where it is no folder or cannot be listed."""
        self.root = Path(root)
        self.skipped = 0  # files that are no pictures by name, so far
        self.unread: list[str] = []  # folders below that cannot be listed, so far
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
        yield from self._below("")

    def _below(self, prefix: str) -> Iterator[str]:
        try:
            with os.scandir(self.root / prefix) as entries:
                # A folder sorts as if its slash were part of its name: then the walk is in the order of whole paths.
                names = sorted(
                    entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name for entry in entries
                )
        except OSError:
            self.unread.append(prefix)
            return
        for name in names:
            if name.endswith("/"):
                yield from self._below(prefix + name)
            elif is_image_name(name):
                yield prefix + name
            else:
                self.skipped += 1
