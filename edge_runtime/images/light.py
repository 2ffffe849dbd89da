"""A picture's light as a share of its paper's, with the same bytes on every processor.

OpenCV 5.0.0 divides bytes on arm64 other than on x86-64: one pixel in 500 is off by 1.
"""

import cv2
import numpy as np

from edge_runtime.types import Gray

ROWS = 64  # that are divided at a time: few enough for a processor's cache


def lit(gray: Gray, paper: Gray, dark: int, whole: int) -> Gray:
    """Divide a picture by its paper: uint8 (height, width), `whole` where they are equal, rounded, 255 and up to 255.

    gray, paper: uint8 (height, width). dark: gray levels over 0, added to both, or the noise of black would count.
    """
    below = np.minimum(np.arange(256) + dark, 255).astype(np.float32)
    above = whole * below  # exact, as every number up to 2**24
    shares = np.empty_like(gray)
    for first in range(0, len(gray), ROWS):
        rows = np.s_[first : first + ROWS]
        share = np.asarray(cv2.LUT(gray[rows], above), np.float32)
        share /= cv2.LUT(paper[rows], below)
        cv2.convertScaleAbs(share, shares[rows])
    return shares
