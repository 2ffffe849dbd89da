"""Divide an image by its paper, with the same bytes on every processor.

OpenCV 5.0.0 divides bytes differently on arm64 and x86-64: one pixel in 500 is off by 1.
"""

import cv2
import numpy as np

from edge_runtime.types import Gray

ROWS = 64  # rows that are divided at a time, so that they fit in the cache of the processor


def divide_by_paper(gray: Gray, paper: Gray, dark: int, whole: int) -> Gray:
    """Divide an image by its paper: uint8 (height, width), `whole` where they are equal, rounded, at most 255.

    gray, paper: uint8 (height, width). dark: gray levels, > 0, added to both, so that noise on black does not count.
    """
    below = np.minimum(np.arange(256) + dark, 255).astype(np.float32)
    above = whole * below  # exact, like all integers up to 2**24
    shares = np.empty_like(gray)
    for first in range(0, len(gray), ROWS):
        rows = np.s_[first : first + ROWS]
        share = np.asarray(cv2.LUT(gray[rows], above), np.float32)
        share /= cv2.LUT(paper[rows], below)
        cv2.convertScaleAbs(share, shares[rows])
    return shares
