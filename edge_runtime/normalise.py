"""Any gray crop of one digit to 28x28, as MNIST has them: the only way into a classifier.

Training, calibration and the runtime call this same function, so no caller can meet a network with
pixels of another polarity, range or place than the ones it was trained on.

The layout is MNIST's (LeCun et al., http://yann.lecun.com/exdb/mnist/): ink bright on 0, the digit scaled to
fit 20x20 with its aspect kept, its centre of mass in the middle of 28x28. A digit that already is so
comes back unchanged but for its contrast.

Resizing is by area or linear and shifts are by whole pixels, so that every processor gives the same bytes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

SIZE = 28  # pixels: side of a normalised digit
BOX = 20  # pixels: the longer side of the digit in it
CENTRE = SIZE // 2  # the pixel that holds the centre of mass
WORK = 112  # pixels: a larger crop is reduced to this first; strokes keep 4 pixels for each one of the result

MIN_CONTRAST = 16  # gray levels between paper and darkest ink; less is a blank
WEAK = 16  # of 255: the faintest ink that can belong to a stroke
STRONG = 128  # of 255: a stroke has at least one pixel of this
SPECK = 0.05  # of the largest blob's area: a smaller blob is dirt
NOISE = 3.0  # paper noise, in robust standard deviations, that is taken off the ink


def normalise(gray: Gray) -> Gray:
    """Return the one digit in `gray` as MNIST would show it.

    gray: uint8 (height, width), any size and polarity, 0 black to 255 white.
    Returns uint8 (28, 28), ink bright on 0; all 0 where there is no ink.
    """
    longest = max(gray.shape)
    if longest > WORK:
        gray = _resize(gray, WORK / longest, cv2.INTER_AREA)
    ink = _ink(gray)
    digit = _crop(ink)
    return np.zeros((SIZE, SIZE), np.uint8) if digit is None else _place(digit)


def is_blank(digit: Gray) -> bool:
    """Tell whether `normalise` found no ink: uint8 (28, 28) all 0."""
    return not digit.any()


def _ink(gray: Gray) -> Gray:
    """Ink as brightness 0..255: the paper's level and noise taken off, the polarity undone."""
    counts = np.bincount(gray.ravel(), minlength=256)
    levels = np.arange(256)
    paper = _quantile(counts, 0.5)
    # Ink is the side of the paper's level with the heavier tail: the sign of the third moment.
    offset = levels - paper
    if int((counts * offset**3).sum()) < 0:
        offset = -offset
    # Noise shows on the side of the paper where no ink is; a clean scan has none.
    clean_side = counts * (offset < 0)
    noise = float((clean_side * -offset).sum()) / max(1, int((counts * (offset <= 0)).sum()))
    floor = round(NOISE * noise)
    top = int(offset[counts > 0].max())
    if top - floor < MIN_CONTRAST:
        return np.zeros_like(gray)
    table = np.clip((offset - floor) * 255 // (top - floor), 0, 255).astype(np.uint8)
    return table[gray]


def _quantile(counts: NDArray[np.int64], share: float) -> int:
    cumulated = np.cumsum(counts)
    return int(np.searchsorted(cumulated, share * cumulated[-1]))


def _crop(ink: Gray) -> Gray | None:
    """The smallest crop around all blobs that are strokes, the others erased."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink >= WEAK).view(np.uint8), connectivity=8)
    stroke = np.zeros(count, bool)
    stroke[labels[ink >= STRONG]] = True
    stroke[0] = False
    if not stroke.any():
        return None
    area = stats[:, cv2.CC_STAT_AREA]
    stroke &= area >= SPECK * area[stroke].max()
    left, top = stats[stroke, cv2.CC_STAT_LEFT], stats[stroke, cv2.CC_STAT_TOP]
    right = (left + stats[stroke, cv2.CC_STAT_WIDTH]).max()
    bottom = (top + stats[stroke, cv2.CC_STAT_HEIGHT]).max()
    window = np.s_[top.min() : bottom, left.min() : right]
    if stroke[1:].all():
        return ink[window]
    return np.where(stroke[labels[window]], ink[window], np.uint8(0))


def _place(digit: Gray) -> Gray:
    """Scale to the 20x20 box and put the centre of mass into the middle pixel, by whole pixels."""
    scale = BOX / max(digit.shape)
    if scale != 1:
        digit = _resize(digit, scale, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        digit = _stretch(digit)
    height, width = digit.shape
    rows, columns = digit.sum(1, dtype=np.int64), digit.sum(0, dtype=np.int64)
    mass = int(rows.sum())
    top = CENTRE - _centre(rows, mass)
    left = CENTRE - _centre(columns, mass)
    top, left = min(max(top, 0), SIZE - height), min(max(left, 0), SIZE - width)
    placed = np.zeros((SIZE, SIZE), np.uint8)
    placed[top : top + height, left : left + width] = digit
    return placed


def _centre(sums: NDArray[np.int64], mass: int) -> int:
    """The pixel in which the centre of mass lies, exactly: pixel i stands for the span i to i + 1."""
    return int((sums * (2 * np.arange(len(sums)) + 1)).sum()) // (2 * mass)


def _stretch(digit: Gray) -> Gray:
    top = int(digit.max())
    return (digit.astype(np.uint16) * 255 // max(1, top)).astype(np.uint8)


def _resize(gray: Gray, scale: float, how: int) -> Gray:
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    return np.asarray(cv2.resize(gray, (width, height), interpolation=how), np.uint8)
