"""A folder of images as frames, sorted by path."""

import time
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import FileError, InputError
from edge_runtime.images.files import read_gray
from edge_runtime.sources.folder import Folder
from edge_runtime.sources.live import Shot


class ImageFolder:
    """Implements Camera; an image that cannot be read is reported and skipped."""

    def __init__(self, folder: Path, report: Callable[[str], None] = lambda line: None) -> None:
        """Raises FileError if there is no such folder."""
        self._folder, self._report = folder, report
        source = Folder(folder)
        source.warn = report
        self._paths = source.paths()
        self._read = 0

    def grab(self) -> Shot | None:
        """See Camera.grab; raises FileError if no image of the folder can be read."""
        for path in self._paths:
            try:
                image = read_gray(self._folder / path)
            except InputError as error:
                self._report(f"{path}: {error}")
                continue
            self._read += 1
            return Shot(image, time.monotonic())
        if not self._read:
            raise FileError(f"{self._folder} contains no image that can be read")
        return None

    def close(self) -> None:
        """See Camera.close."""
