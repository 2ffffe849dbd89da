"""The part of an image to read, and its rotation."""

from typing import NamedTuple

import numpy as np

from edge_runtime.errors import UsageError
from edge_runtime.types import Box, Gray


class View(NamedTuple):
    """Crops and rotates images."""

    part: Box | None = None  # pixels of the camera image; None: all of it
    turn: int = 0  # degrees clockwise, after cropping: 0, 90, 180 or 270

    def apply(self, gray: Gray) -> Gray:
        """Crop and rotate an image, (height, width); raises UsageError if the part is not within the image."""
        if self.part is not None:
            x, y, width, height = self.part
            if y + height > gray.shape[0] or x + width > gray.shape[1]:
                size = f"{gray.shape[1]} x {gray.shape[0]}"
                raise UsageError(f"--roi {x},{y},{width},{height} is not within the image, which is {size}")
            gray = gray[y : y + height, x : x + width]
        if self.turn:
            gray = np.rot90(gray, -self.turn // 90)
        return np.ascontiguousarray(gray)


def parse_part(text: str) -> Box:
    """Parse a part of an image, X,Y,WIDTH,HEIGHT; raises UsageError."""
    try:
        part = Box(*map(int, text.split(",")))
    except (TypeError, ValueError):
        raise UsageError(f"--roi must be X,Y,WIDTH,HEIGHT in pixels, not {text!r}") from None
    if min(part.x, part.y) < 0 or min(part.width, part.height) < 1:
        raise UsageError(f"--roi {text}: x and y must be at least 0, width and height at least 1")
    return part
