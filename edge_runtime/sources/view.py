"""The part of an image that is read, and its rotation."""

from typing import NamedTuple

import numpy as np

from edge_runtime.errors import UsageError
from edge_runtime.types import Box, Gray


class View(NamedTuple):
    """Crops and rotates images."""

    part: Box | None = None  # pixels of the camera's image; None for all of it
    turn: int = 0  # degrees clockwise, after cropping: 0, 90, 180 or 270

    def apply(self, gray: Gray) -> Gray:
        """Return the view of an image, (height, width); raises UsageError where the part is not in it."""
        if self.part is not None:
            x, y, width, height = self.part
            if y + height > gray.shape[0] or x + width > gray.shape[1]:
                size = f"{gray.shape[1]} x {gray.shape[0]}"
                raise UsageError(f"--roi {x},{y},{width},{height} is not within the picture, which is {size}")
            gray = gray[y : y + height, x : x + width]
        if self.turn:
            gray = np.rot90(gray, -self.turn // 90)
        return np.ascontiguousarray(gray)


def parse_part(text: str) -> Box:
    """Return the part of an image that X,Y,WIDTH,HEIGHT names; raises UsageError."""
    try:
        part = Box(*map(int, text.split(",")))
    except (TypeError, ValueError):
        raise UsageError(f"--roi is X,Y,WIDTH,HEIGHT in pixels, not {text!r}") from None
    if min(part.x, part.y) < 0 or min(part.width, part.height) < 1:
        raise UsageError(f"--roi {text}: x and y are 0 and up, width and height 1 and up")
    return part
