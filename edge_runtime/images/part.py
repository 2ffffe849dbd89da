"""A part of an image, as a user gives it: in pixels, or in shares of the image."""

from typing import NamedTuple

import numpy as np

from edge_runtime.errors import UsageError
from edge_runtime.types import Box, Gray

SHARES = "%"


class Part(NamedTuple):
    """A rectangle: x, y, width and height, each in pixels or as a percentage of the image's width or height."""

    sides: tuple[float, float, float, float]
    shares: tuple[bool, bool, bool, bool] = (False, False, False, False)  # which of them are percentages

    @property
    def text(self) -> str:
        """The part as the user writes it."""
        pairs = zip(self.sides, self.shares, strict=True)
        return ",".join(f"{side:g}{SHARES if share else ''}" for side, share in pairs)

    def box(self, width: int, height: int) -> Box:
        """Return the rectangle in pixels of an image of this size; raises UsageError if it is not within the image."""
        columns = zip(self.sides, self.shares, (width, height, width, height), strict=True)
        x, y, wide, high = (side * length / 100 if share else side for side, share, length in columns)
        left, top, right, bottom = round(x), round(y), round(x + wide), round(y + high)
        box = Box(left, top, max(1, right - left), max(1, bottom - top))
        if box.x + box.width > width or box.y + box.height > height:
            raise UsageError(f"the part {self.text} (--roi) is not within the image, which is {width} x {height}")
        return box

    def crop(self, gray: Gray) -> tuple[Gray, Box]:
        """Return this part of an image, uint8 (height, width), and where it is; raises UsageError as `box` does."""
        box = self.box(gray.shape[1], gray.shape[0])
        return np.ascontiguousarray(gray[box.y : box.y + box.height, box.x : box.x + box.width]), box


WHOLE = Part((0, 0, 100, 100), (True, True, True, True))


def parse_part(text: str) -> Part:
    """Parse a part of an image: X,Y,WIDTH,HEIGHT in pixels, or with % each; raises UsageError.

    parse_part("120,200,400,100").box(640, 480)  # Box(x=120, y=200, width=400, height=100)
    parse_part("10%,20%,50%,15%").box(640, 480)  # Box(x=64, y=96, width=320, height=72)
    """
    words = text.split(",")
    shares = tuple(word.strip().endswith(SHARES) for word in words)
    try:
        x, y, width, height = (
            float(word.strip().removesuffix(SHARES)) if share else int(word)
            for word, share in zip(words, shares, strict=True)
        )
    except ValueError:
        raise UsageError(f"--roi must be X,Y,WIDTH,HEIGHT in pixels or each with %, not {text!r}") from None
    part = Part((x, y, width, height), (shares[0], shares[1], shares[2], shares[3]))
    if not (x >= 0 and y >= 0 and width > 0 and height > 0):  # false for NaN, too
        raise UsageError(f"--roi {text}: x and y must be at least 0, width and height more than 0")
    if any(share and side > 100 for side, share in zip(part.sides, part.shares, strict=True)):
        raise UsageError(f"--roi {text}: a share is at most 100%")
    return part
