"""A gray page to its ink: how much darker than the paper around it each pixel is.

The paper is a median over a wide window of a much reduced picture: strokes fall out of it, light and shadow stay. Ink
is what a pixel lacks of its paper's light, as a share, so that a dark corner has the same ink as the bright middle.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.light import lit
from edge_runtime.images.resize import linear, smaller
from edge_runtime.types import Gray

WORK = 3_000_000  # pixels: a larger page is first reduced by a whole factor
LONGEST = 20_000  # pixels: and so is one with a longer side
CROP, HIGH = 300, 1.25  # pixels, and heights: an image with no longer side, and no wider, may be a crop that one digit
PAPER_AROUND = 1  # fills; it gets so many times its longer side of paper on each side
TINY = 240  # pixels: the longer side of the picture that the paper is estimated on
WINDOW = 0.3  # of the page's mean side: the median's window; strokes must fill less than half of it
DARK = 4  # gray levels: added to page and paper, or the noise of black would be ink
SOFT = 0.7  # pixels, standard deviation: a little less noise
GRAINS = 5.0  # standard deviations of noise: hardly a pixel of paper has more
SOFTENED = 0.45  # of a pixel's noise is left where it is softened
FAINT = 20  # of 255: the faintest ink that is looked for
NOISE = (
    (0.5, 6.0),
    (0.98, 2.0),
    (0.998, 1.4),
)  # so many times as dark as such shares of the pixels are bright is paper
LEANING = 0.2  # skewness of the levels about their surroundings: that of noise alone is less, whatever its sign
SHARE = 0.42  # of the way from paper's noise to Otsu's level: the usual threshold, which keeps strokes whole
INKED = 0.75  # of the same way: where no ink around is as strong, there is but texture
AROUND = 0.25  # of the page's mean side: ink is held against the strongest so near
FAINTER = 0.4  # of the strongest ink around: fainter pixels are surely no stroke
LEAST, MOST = 0.5, 1.3  # times the usual threshold: the range of the one that follows the ink around
WEAK = 0.3  # of the way from paper's noise to the threshold: weaker ink is no part of a stroke either


class Ink(NamedTuple):
    """A page's ink at working scale; all arrays are uint8 (height, width)."""

    strength: Gray  # 0 paper to 255 the blackest ink
    mask: Gray  # 255 where ink is strong enough to be part of a stroke, else 0
    sure: Gray  # 255 where it is strong enough to be a stroke; every stroke has some of this
    threshold: int  # strength of the faintest stroke where ink is of the usual strength; 256 where there is no ink
    factor: int  # pixels of the page along one pixel of these


def find_ink(gray: Gray, factor: int = 0) -> Ink:
    """Return the ink of a page: uint8 (height, width), any size, light and polarity.

    factor: pixels of the page along one of the ink map; 0 for what a page of its size can bear.
    """
    is_crop = max(gray.shape) <= CROP and gray.shape[1] <= HIGH * gray.shape[0]
    factor = factor or max(1, int(np.ceil(np.sqrt(gray.size / WORK))), -(-max(gray.shape) // LONGEST))
    if factor > 1:
        gray = smaller(gray, max(1, gray.shape[1] // factor), max(1, gray.shape[0] // factor))
    height, width = gray.shape
    around = PAPER_AROUND * max(height, width) if is_crop else 0
    if around:
        gray = _with_paper(gray, around)
    if _is_light_on_dark(gray):
        gray = np.asarray(cv2.bitwise_not(gray), np.uint8)
    paper = _paper(gray)
    strength = np.asarray(cv2.GaussianBlur(cv2.bitwise_not(lit(gray, paper, DARK, 255)), (3, 3), SOFT), np.uint8)
    mask, sure, threshold = _masks(strength, *_levels(gray, paper, strength))
    if around:
        middle = np.s_[around : around + height, around : around + width]
        strength, mask, sure = (np.ascontiguousarray(each[middle]) for each in (strength, mask, sure))
    return Ink(strength, mask, sure, threshold, factor)


def _with_paper(gray: Gray, around: int) -> Gray:
    """Return an image with paper of its own border's usual level around it."""
    edges = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    return np.asarray(
        cv2.copyMakeBorder(gray, *(around,) * 4, cv2.BORDER_CONSTANT, value=(float(np.median(edges)),)), np.uint8
    )


def _paper(gray: Gray) -> Gray:
    tiny = _tiny(gray, TINY)
    window = max(3, int(WINDOW * np.sqrt(tiny.size)) | 1)
    return _grown(np.asarray(cv2.medianBlur(tiny, window), np.uint8), gray.shape)


def _tiny(gray: Gray, side: int) -> Gray:
    height, width = gray.shape
    scale = side / max(height, width)
    return gray if scale >= 1 else smaller(gray, max(1, round(width * scale)), max(1, round(height * scale)))


def _grown(gray: Gray, shape: tuple[int, ...]) -> Gray:
    return linear(gray, shape[1], shape[0])


def _is_light_on_dark(gray: Gray) -> bool:
    """Strokes are on the side of the heavier tail of the levels about their surroundings: the third moment's sign."""
    small = _tiny(gray, 3 * TINY)
    window = min(63, max(3, int(0.1 * np.sqrt(small.size)) | 1))
    offset = np.asarray(cv2.subtract(small, cv2.medianBlur(small, window), dtype=cv2.CV_16S), np.int64)
    counts = np.bincount(offset.ravel() + 255, minlength=511)
    levels = np.clip(np.arange(-255, 256), -64, 64)  # a glare or the page's edge is no more than a stroke
    mean_square = int(counts @ levels**2) / offset.size
    return bool(int(counts @ levels**3) / offset.size > LEANING * mean_square**1.5)


def _levels(gray: Gray, paper: Gray, strength: Gray) -> tuple[int, int]:
    """The strength that paper's noise and texture reach, and the one between paper and ink; 256 where there is no ink.

    The latter is Otsu's level (1979, doi:10.1109/TSMC.1979.4310076).
    """
    step = 1 + max(gray.shape) // 1000  # a sample will do
    # What is brighter than paper is noise or texture, and as much of it is darker.
    brighter = cv2.subtract(gray[::step, ::step], paper[::step, ::step])
    cumulated = np.bincount(np.asarray(brighter, np.uint8).ravel(), minlength=256).cumsum()
    # Grain, printed texture and the bright corners of a sheet on a dark table each betray another of these shares.
    floor = min(times * int(cumulated.searchsorted(share * cumulated[-1])) for share, times in NOISE)
    floor = round(min(255, max(FAINT, floor, GRAINS * _noise(gray[::step, ::step], paper[::step, ::step]))))
    counts = np.bincount(strength[::step, ::step].ravel(), minlength=256).astype(np.float64)
    level = _otsu(counts)
    if level < floor:  # paper alone, or hardly any ink
        counts[:floor] = 0
        if not counts.any():
            return floor, 256
    return floor, max(floor, level)


def _noise(gray: Gray, paper: Gray) -> float:
    """The standard deviation of the noise of each pixel, in units of strength.

    From the median response of a mask that lines and slopes do not stir, after J. Immerkær: "Fast noise variance
    estimation", 1996 (doi:10.1006/cviu.1996.0060), who takes the mean.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    stirred = cv2.convertScaleAbs(cv2.filter2D(np.ascontiguousarray(gray), cv2.CV_16S, mask))
    cumulated = np.bincount(np.asarray(stirred, np.uint8).ravel(), minlength=256).cumsum()
    middle = int(cumulated.searchsorted(cumulated[-1] / 2)) / (0.6745 * 6)
    return SOFTENED * middle * 255 / (float(paper.mean()) + DARK)


def _masks(strength: Gray, floor: int, level: int) -> tuple[Gray, Gray, int]:
    """Where ink may be, where it is, and the usual threshold.

    A pen fainter or bolder than the usual has thresholds of its own around it.
    """
    if level > 255:
        return np.zeros_like(strength), np.zeros_like(strength), level
    threshold, inked = (round(floor + share * (level - floor)) for share in (SHARE, INKED))
    # The strongest ink of each square, and of the squares around it.
    squares = _strongest(strength, max(1, max(strength.shape) // TINY))
    reach = max(3, int(AROUND * np.sqrt(squares.size)) | 1)
    strongest = np.asarray(cv2.blur(cv2.dilate(squares, np.ones((reach, reach), np.uint8)), (reach, reach)), np.float64)
    local = np.clip(FAINTER * strongest, LEAST * threshold, MOST * threshold)
    local[strongest < inked] = inked
    weak = np.minimum(local, floor + WEAK * np.maximum(0, local - floor))
    mask, sure = (
        cv2.compare(strength, _grown(np.rint(np.minimum(level, 255)).astype(np.uint8), strength.shape), cv2.CMP_GE)
        for level in (weak, local)
    )
    return np.asarray(mask, np.uint8), np.asarray(sure, np.uint8), threshold


def _strongest(strength: Gray, side: int) -> Gray:
    """Return the highest value of each square; rows and columns that fill less than half of a last one are left out."""
    down, across = (np.arange(0, max(1, length - side // 2), side) for length in strength.shape)
    strength = strength[: down[-1] + side, : across[-1] + side]
    return np.asarray(np.maximum.reduceat(np.maximum.reduceat(strength, across, 1), down, 0), np.uint8)


def _otsu(counts: NDArray[np.float64]) -> int:
    mass, moment = counts.cumsum(), (counts * np.arange(len(counts))).cumsum()
    spread = (moment[-1] * mass / mass[-1] - moment) ** 2 / np.maximum(mass * (mass[-1] - mass), 1e-9)
    return int(spread.argmax()) + 1
