"""The part of an image to read, and its rotation."""

from typing import NamedTuple

import numpy as np

from edge_runtime.images.part import Part
from edge_runtime.types import Gray


class View(NamedTuple):
    """Crops and rotates images."""

    part: Part | None = None  # of the camera image; None: all of it
    turn: int = 0  # degrees clockwise, after cropping: 0, 90, 180 or 270

    def apply(self, gray: Gray) -> Gray:
        """Crop and rotate an image, (height, width); raises UsageError if the part is not within the image."""
        if self.part is not None:
            gray, _ = self.part.crop(gray)
        if self.turn:
            gray = np.rot90(gray, -self.turn // 90)
        return np.ascontiguousarray(gray)
