"""Find the ink of a gray page: how much darker each pixel is than the paper around it.

The paper is the median over a wide window of a much reduced image: strokes disappear, light and shadow stay. Ink is the
missing light as a share of the paper's light, so that a dark corner has the same ink as the bright middle.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.light import divide_by_paper
from edge_runtime.images.resize import resize_area, resize_linear
from edge_runtime.types import Gray

WORK = 3_000_000  # pixels: a larger page is first reduced by an integer factor
LONGEST = 20_000  # pixels: so is a page with a longer side
CROP, HIGH = 300, 1.25  # pixels, times the height: an image with shorter sides and less width may be a crop of a digit
PAPER_AROUND = 1  # times the longer side of such a crop: width of the paper that is added on each side
TINY = 240  # pixels: the longer side of the image for estimating the paper
WINDOW = 0.3  # share of the page's mean side: window of the median; strokes must fill less than half of it
DARK = 4  # gray levels: added to page and paper, so that noise on black is not ink
SOFT = 0.7  # pixels: standard deviation of the blur against noise
GRAINS = 5.0  # standard deviations of noise: hardly any pixel of paper exceeds this
SOFTENED = 0.45  # share of a pixel's noise that is left after the blur
FAINT = 20  # of 255: the faintest ink
NOISE = (
    (0.5, 6.0),
    (0.98, 2.0),
    (0.998, 1.4),
)  # (share, factor): noise of paper is at most the factor times the quantile of brightness at the share
LEANING = 0.2  # skewness of the levels relative to their surroundings: that of pure noise is smaller
SHARE = 0.42  # from the paper's noise (0) to Otsu's level (1): the usual threshold, which keeps strokes whole
INKED = 0.75  # on the same scale: an area without ink this strong holds only texture
AROUND = 0.25  # share of the page's mean side: ink is compared with the strongest ink within this distance
FAINTER = 0.4  # share of the strongest ink around: fainter pixels are not part of a stroke
LEAST, MOST = 0.5, 1.3  # times the usual threshold: range of the local threshold
WEAK = 0.3  # from the paper's noise (0) to the threshold (1): weaker ink is not part of a stroke

NO_BOXES = np.zeros((0, 4), np.intp)


class Ink(NamedTuple):
    """A page's ink at working scale; all arrays are uint8 (height, width)."""

    strength: Gray  # 0 paper to 255 the blackest ink
    mask: Gray  # 255 where ink is strong enough to be part of a stroke, else 0
    sure: Gray  # 255 where ink is certain; every stroke has some
    threshold: int  # strength of the faintest stroke among ink of the usual strength; 256 without ink
    factor: int  # pixels of the page per pixel of these arrays
    left_out: NDArray[np.intp] = NO_BOXES  # (N, 4): x, y, width, height of other ink, pixels of the page


def may_be_crop(gray: Gray) -> bool:
    """Return whether an image may be the crop of one digit, by its size and shape."""
    height, width = gray.shape
    return bool(max(height, width) <= CROP and width <= HIGH * height)


def find_ink(gray: Gray, factor: int = 0) -> Ink:
    """Return the ink of a page. gray: uint8 (height, width), any size, light and polarity.

    factor: pixels of the page per pixel of the ink map; 0 to choose it by the size of the page.
    """
    is_crop = may_be_crop(gray)
    factor = factor or max(1, int(np.ceil(np.sqrt(gray.size / WORK))), -(-max(gray.shape) // LONGEST))
    if factor > 1:
        gray = resize_area(gray, max(1, gray.shape[1] // factor), max(1, gray.shape[0] // factor))
    height, width = gray.shape
    around = PAPER_AROUND * max(height, width) if is_crop else 0
    if around:
        gray = _add_paper(gray, around)
    if _is_light_on_dark(gray):
        gray = np.asarray(cv2.bitwise_not(gray), np.uint8)
    paper = _paper(gray)
    strength = np.asarray(
        cv2.GaussianBlur(cv2.bitwise_not(divide_by_paper(gray, paper, DARK, 255)), (3, 3), SOFT), np.uint8
    )
    mask, sure, threshold = _masks(strength, *_levels(gray, paper, strength))
    if around:
        middle = np.s_[around : around + height, around : around + width]
        strength, mask, sure = (np.ascontiguousarray(each[middle]) for each in (strength, mask, sure))
    return Ink(strength, mask, sure, threshold, factor)


def _add_paper(gray: Gray, around: int) -> Gray:
    """Return an image with paper of the median level of its border around it."""
    edges = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    return np.asarray(
        cv2.copyMakeBorder(gray, *(around,) * 4, cv2.BORDER_CONSTANT, value=(float(np.median(edges)),)), np.uint8
    )


def _paper(gray: Gray) -> Gray:
    tiny = _shrink(gray, TINY)
    window = max(3, int(WINDOW * np.sqrt(tiny.size)) | 1)
    return _enlarge(np.asarray(cv2.medianBlur(tiny, window), np.uint8), gray.shape)


def _shrink(gray: Gray, side: int) -> Gray:
    height, width = gray.shape
    scale = side / max(height, width)
    return gray if scale >= 1 else resize_area(gray, max(1, round(width * scale)), max(1, round(height * scale)))


def _enlarge(gray: Gray, shape: tuple[int, ...]) -> Gray:
    return resize_linear(gray, shape[1], shape[0])


def _is_light_on_dark(gray: Gray) -> bool:
    """Return whether strokes are brighter than their surroundings: the sign of the third moment of the differences."""
    small = _shrink(gray, 3 * TINY)
    window = min(63, max(3, int(0.1 * np.sqrt(small.size)) | 1))
    offset = np.asarray(cv2.subtract(small, cv2.medianBlur(small, window), dtype=cv2.CV_16S), np.int64)
    counts = np.bincount(offset.ravel() + 255, minlength=511)
    levels = np.clip(np.arange(-255, 256), -64, 64)  # glare and the edge of the page count no more than a stroke
    mean_square = int(counts @ levels**2) / offset.size
    return bool(int(counts @ levels**3) / offset.size > LEANING * mean_square**1.5)


def _levels(gray: Gray, paper: Gray, strength: Gray) -> tuple[int, int]:
    """Return the strength that noise and texture of paper reach, and the level between paper and ink; 256 without ink.

    The level is Otsu's (1979, doi:10.1109/TSMC.1979.4310076).
    """
    step = 1 + max(gray.shape) // 1000  # a sample is enough
    # Pixels brighter than paper are noise or texture; as many are darker by the same cause.
    brighter = cv2.subtract(gray[::step, ::step], paper[::step, ::step])
    cumulated = np.bincount(np.asarray(brighter, np.uint8).ravel(), minlength=256).cumsum()
    # Grain, printed texture and bright corners of a sheet on a dark table each show at a different share.
    floor = min(times * int(cumulated.searchsorted(share * cumulated[-1])) for share, times in NOISE)
    floor = round(min(255, max(FAINT, floor, GRAINS * _noise(gray[::step, ::step], paper[::step, ::step]))))
    counts = np.bincount(strength[::step, ::step].ravel(), minlength=256).astype(np.float64)
    level = _otsu_level(counts)
    if level < floor:  # only paper, or hardly any ink
        counts[:floor] = 0
        if not counts.any():
            return floor, 256
    return floor, max(floor, level)


def _noise(gray: Gray, paper: Gray) -> float:
    """Return the standard deviation of the noise of a pixel, in units of strength.

    It is estimated from the median response of a mask that is insensitive to lines and slopes, after J. Immerkær: "Fast
    noise variance estimation", 1996 (doi:10.1006/cviu.1996.0060), who uses the mean.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    stirred = cv2.convertScaleAbs(cv2.filter2D(np.ascontiguousarray(gray), cv2.CV_16S, mask))
    cumulated = np.bincount(np.asarray(stirred, np.uint8).ravel(), minlength=256).cumsum()
    middle = int(cumulated.searchsorted(cumulated[-1] / 2)) / (0.6745 * 6)
    return SOFTENED * middle * 255 / (float(paper.mean()) + DARK)


def _masks(strength: Gray, floor: int, level: int) -> tuple[Gray, Gray, int]:
    """Return the masks of possible and of certain ink, and the usual threshold.

    The threshold is adapted locally to fainter and bolder pens.
    """
    if level > 255:
        return np.zeros_like(strength), np.zeros_like(strength), level
    threshold, inked = (round(floor + share * (level - floor)) for share in (SHARE, INKED))
    # The strongest ink of each square and of the squares around it.
    squares = _block_maxima(strength, max(1, max(strength.shape) // TINY))
    reach = max(3, int(AROUND * np.sqrt(squares.size)) | 1)
    strongest = np.asarray(cv2.blur(cv2.dilate(squares, np.ones((reach, reach), np.uint8)), (reach, reach)), np.float64)
    local = np.clip(FAINTER * strongest, LEAST * threshold, MOST * threshold)
    local[strongest < inked] = inked
    weak = np.minimum(local, floor + WEAK * np.maximum(0, local - floor))
    mask, sure = (
        cv2.compare(strength, _enlarge(np.rint(np.minimum(level, 255)).astype(np.uint8), strength.shape), cv2.CMP_GE)
        for level in (weak, local)
    )
    return np.asarray(mask, np.uint8), np.asarray(sure, np.uint8), threshold


def _block_maxima(strength: Gray, side: int) -> Gray:
    """Return the maximum of each square block; a last block that is less than half full is ignored."""
    down, across = (np.arange(0, max(1, length - side // 2), side) for length in strength.shape)
    strength = strength[: down[-1] + side, : across[-1] + side]
    return np.asarray(np.maximum.reduceat(np.maximum.reduceat(strength, across, 1), down, 0), np.uint8)


def _otsu_level(counts: NDArray[np.float64]) -> int:
    mass, moment = counts.cumsum(), (counts * np.arange(len(counts))).cumsum()
    spread = (moment[-1] * mass / mass[-1] - moment) ** 2 / np.maximum(mass * (mass[-1] - mass), 1e-9)
    return int(spread.argmax()) + 1
