"""Pages of a batch with their readings drawn over them."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from edge_runtime.batch.copies import copy_path
from edge_runtime.overlay import MOST, Drawing, draw_digits, draw_fields
from edge_runtime.types import Digit, FieldReading, Gray


class AnnotatedPages:
    """A folder of PNG files, each at the path of its image: `scans/a.tif` is `scans/a.tif.png`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_digits(self, path: str, page: int, gray: Gray, digits: Sequence[Digit]) -> str:
        """Draw the digits of a page; returns why it could not be written, empty if it was."""
        return self._write(path, page, draw_digits(gray, digits, MOST))

    def write_fields(self, path: str, page: int, gray: Gray, fields: Sequence[FieldReading]) -> str:
        """Draw the fields of a page; returns why it could not be written, empty if it was."""
        return self._write(path, page, draw_fields(gray, fields, MOST))

    def _write(self, path: str, page: int, drawing: Drawing) -> str:
        place = self._folder / copy_path(path)
        number = f".page{page}" if page > 1 else ""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.with_name(f"{place.name}{number}.png").write_bytes(bytes(cv2.imencode(".png", drawing)[1]))
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL byte
            return f"the annotated page cannot be written: {getattr(error, 'strerror', None) or error}"
        return ""
