"""Normalise a gray crop of one digit to 28x28 pixels in the layout of MNIST.

Training, calibration and the runtime all call this module, so a network always gets pixels of the polarity, range and
position that it was trained on.

The layout is MNIST's (LeCun et al., http://yann.lecun.com/exdb/mnist/): ink bright on 0, the digit scaled to
fit 20x20 with its aspect ratio kept, its centre of mass in the middle of 28x28. A digit in this layout is returned
with at most its contrast changed.

Clean scans, with paper of a single level, take a fast path. For other paper, stripes of inverted polarity are
inverted back, uneven light is removed, and printed rules along the sides of the crop are erased.

Resizing is exact (`resize`) and shifts are by whole pixels, so that every processor gives the same bytes.
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.images.resize import resize_area, resize_linear
from edge_runtime.types import Gray, Images

SIZE = 28  # pixels: side of a normalised digit
BOX = 20  # pixels: the longer side of the digit in it
CENTRE = SIZE // 2  # index of the pixel that holds the centre of mass
WORK = 60  # pixels: a larger crop is first reduced by an integer factor to at most this size

MIN_CONTRAST = 16  # gray levels between paper and the darkest ink; with less, the crop is blank
WEAK = 16  # of 255: the faintest ink that can belong to a stroke
FULL = 240  # of 255: a digit in the MNIST layout with a pixel this bright is returned unchanged
STRONG = 128  # of 255: a stroke has at least one pixel this bright
SPECK = 0.07  # share of the largest blob's strong ink: a blob with less is a speck
NOISE = 3.0  # mean deviations of the paper's noise that are subtracted from the ink
UNEVEN = 1.0  # gray levels, mean deviation: with more, the paper is not a clean scan
MARGIN = 0.12  # share of the crop's sides: the border where printed rules and neighbouring digits appear
INNER = 0.25  # share of a blob's strong ink: a blob with less inside this border is a rule or a neighbour
MUCH = 0.25  # share of all pixels: with more on both sides of the middle level, ink need not be the rarer side
SURE = 0.2  # share of the contrast: corners this far from the middle level are paper
BAND = 4  # pixels of 28: a narrower stripe is a printed rule

Counts = NDArray[np.int64]

_LEVELS = np.arange(-255, 256)  # gray level minus paper level: the slice from 255 - paper
_CUBES = _LEVELS**3
_MIDDLES = np.arange(SIZE, dtype=np.float32) + np.float32(0.5)  # pixel i covers i to i + 1
# Multiplied by the pixels: mass and first moments. All sums are below 2**24, so float32 is exact.
_MOMENTS = np.stack([np.ones(SIZE * SIZE, np.float32), np.repeat(_MIDDLES, SIZE), np.tile(_MIDDLES, SIZE)])


def normalise(gray: Gray) -> Gray:
    """Return the one digit in `gray` in the layout of MNIST.

    gray: uint8 (height, width), any size and polarity, 0 black to 255 white.
    Returns uint8 (28, 28), ink bright on 0; all 0 without ink. Raises UsageError for any other array.
    """
    digit: Gray = normalise_all([gray])[0]
    return digit


def normalise_all(grays: Iterable[Gray]) -> Images:
    """Normalise N images; faster than `normalise` for images that are normalised already, such as MNIST's.

    grays: each as for `normalise`; larger images are released one by one. Returns uint8 (N, 28, 28).
    """
    digits: list[Gray] = []
    raw: list[int] = []  # indices of the 28x28 images, which may be normalised already
    for gray in grays:
        if not isinstance(gray, np.ndarray) or gray.dtype != np.uint8 or gray.ndim != 2 or gray.size == 0:
            found = f"{gray.dtype} {gray.shape}" if isinstance(gray, np.ndarray) else type(gray).__name__
            raise UsageError(f"a gray image is a uint8 array (height, width) of levels 0..255, not {found}")
        if gray.shape == (SIZE, SIZE):
            raw.append(len(digits))
            digits.append(gray)
        else:
            digits.append(_normalise(gray))
        del gray  # frees it before the next one is loaded
    if not digits:
        return np.zeros((0, SIZE, SIZE), np.uint8)
    stack = np.array(digits)
    for place in (np.array(raw)[~_are_normalised(stack if len(raw) == len(stack) else stack[raw])]) if raw else ():
        stack[place] = _normalise(stack[place])
    return stack


def is_blank(digit: Gray) -> bool:
    """Return whether `normalise` found no ink: digit is uint8 (28, 28), all 0."""
    return not digit.any()


def _are_normalised(digits: Images) -> NDArray[np.bool_]:
    """Return for each of N digits, uint8 (N, 28, 28), whether it is in the layout already: bool (N,).

    The layout: black paper, full contrast, a longer side of 20 pixels, and the centre of mass in the middle pixel.
    """
    # Digits along the last axis, so that the processor handles many of them at once.
    pixels = np.ascontiguousarray(digits.reshape(len(digits), -1).T)
    # No matrix product: on a busy machine BLAS threads wait for each other.
    mass, down, across = np.einsum("ij,jk->ik", _MOMENTS, pixels.astype(np.float32))
    down, across = down / np.maximum(mass, 1), across / np.maximum(mass, 1)
    rows, columns = pixels.reshape(SIZE, SIZE, -1).max(1), pixels.reshape(SIZE, SIZE, -1).max(0)
    full: NDArray[np.bool_] = (
        (rows.max(0) >= FULL) & (down >= CENTRE) & (down < CENTRE + 1) & (across >= CENTRE) & (across < CENTRE + 1)
    )
    inked = np.stack([rows, columns]) >= WEAK
    sides = SIZE - inked.argmax(1) - inked[:, ::-1].argmax(1)
    return np.asarray(full & (sides.max(0) == BOX), np.bool_)


def _normalise(gray: Gray) -> Gray:
    digit = _digit(gray)
    return np.zeros((SIZE, SIZE), np.uint8) if digit is None else _place(digit)


def _digit(gray: Gray, nearer: bool = False) -> Gray | None:
    """Return the ink of the digit, cut out; None without ink. nearer: this is the second pass, on a smaller crop."""
    factor = -(-max(gray.shape) // WORK)
    ink, clean = _ink(gray if factor == 1 else _reduce(gray, factor))
    window = None if ink is None else _window(ink, clean)
    if window is None:
        return None
    digit, top, left = window
    if factor == 1 or nearer or max(digit.shape) >= BOX:
        return digit
    # A small digit on a large crop: repeat with the part of the original that has more pixels for it.
    (height, width), near = digit.shape, max(digit.shape) // 2
    rows = slice(max(0, top - near) * factor, (top + height + near) * factor)
    columns = slice(max(0, left - near) * factor, (left + width + near) * factor)
    return _digit(gray[rows, columns], nearer=True)


def _reduce(gray: Gray, factor: int) -> Gray:
    """Replace each block of `factor` x `factor` pixels by its mean; an incomplete block at the end is dropped."""
    height, width = (max(1, side // factor) for side in gray.shape)
    whole = gray[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _ink(gray: Gray) -> tuple[Gray | None, bool]:
    """Return the ink, 0..255, bright on 0, without the paper's level and noise; and whether the paper was clean."""
    low, high, _, _ = cv2.minMaxLoc(gray)
    if high - low < MIN_CONTRAST:
        return None, True
    middle = int(low + high) // 2
    counts = _counts(gray)
    crowded = MUCH < counts[middle + 1 :].sum() / counts.sum() < 1 - MUCH
    if crowded:
        gray = _undo_stripes(gray, middle)
        counts = _counts(gray)
        # Bold ink on a tight crop can cover more than the paper, but the corners are still paper.
        lean = (_corners(gray) - middle) / (high - low)
        crowded = abs(lean) > SURE
    if crowded:
        dark = lean > 0
        paper = middle + 1 + _median(counts[middle + 1 :]) if dark else _median(counts[: middle + 1])
    else:
        paper = _median(counts)
        # Ink is on the side of the heavier tail, given by the sign of the third moment.
        dark = int(counts @ _CUBES[255 - paper : 511 - paper]) < 0
    noise = _noise(counts, paper, dark)
    clean = crowded or noise < UNEVEN
    if not clean:
        gray, dark = _level_light(gray), False
        counts = _counts(gray)
        paper = _median(counts)
        noise = _noise(counts, paper, dark)
    low, high, _, _ = cv2.minMaxLoc(gray)
    floor = round(NOISE * noise)
    span = int(paper - low if dark else high - paper) - floor
    if span < MIN_CONTRAST:
        return None, clean
    if not dark and paper + floor == 0 and span == 255:
        return gray, clean
    above = _LEVELS[255 - paper : 511 - paper]
    table = ((-above if dark else above) - floor) * 255 // span
    return _look_up(gray, table), clean


def _counts(gray: Gray) -> Counts:
    step = 1 + max(gray.shape) // 40  # a sample is enough
    return np.bincount(gray[::step, ::step].ravel(), minlength=256)


def _median(counts: Counts) -> int:
    cumulated = counts.cumsum()
    return int(cumulated.searchsorted(cumulated[-1] // 2 + 1))


def _noise(counts: Counts, paper: int, dark: bool) -> float:
    """Return the mean deviation on the side of the paper's level without ink; 0 for a clean scan."""
    side = counts[paper:] if dark else counts[paper::-1]
    return float(side @ _LEVELS[255 : 255 + len(side)]) / max(1, int(side.sum()))


def _corners(gray: Gray) -> float:
    """Return the mean level of the four corners, each an eighth of the sides."""
    down, across = (max(1, side // 8) for side in gray.shape)
    patches = gray[:down, :across], gray[:down, -across:], gray[-down:, :across], gray[-down:, -across:]
    return float(sum(int(patch.sum()) for patch in patches) / (4 * down * across))


def _undo_stripes(gray: Gray, middle: int) -> Gray:
    """Invert stripes with inverted polarity along two opposite sides."""
    low, high, _, _ = cv2.minMaxLoc(gray)
    gray = np.array(gray)
    for view in (gray, gray.T):
        # The ends of a column show its polarity: both bright (2) or both dark (0).
        width = view.shape[1]
        ends = (view[0] > middle).astype(np.int8) + (view[-1] > middle)
        inside = np.flatnonzero(ends == ends[width // 2])
        first, last = int(inside[0]), int(inside[-1]) + 1
        sides = np.r_[0:first, last:width]
        if min(first, width - last) < max(1, BAND * width // SIZE) or (ends[sides] + ends[width // 2] != 2).any():
            continue
        # A digit that fills the crop may touch the sides too, but changes the mean of the columns less than paper.
        if abs(float(view[:, sides].mean()) - float(view[:, first:last].mean())) < 0.25 * (high - low):
            continue
        view[:, sides] = np.uint8(high) - (view[:, sides] - np.uint8(low))
        break
    return gray


def _level_light(gray: Gray) -> Gray:
    """Return bright ink on paper of a single level near 0, from a crop with shadows or noise."""
    # The third moment again, but relative to the local light instead of a single level.
    reach = 3 * max(gray.shape) // 4 | 1
    offset = cv2.subtract(gray, cv2.blur(gray, (reach, reach)), dtype=cv2.CV_64F).ravel()  # integers
    if np.einsum("i,i,i->", offset, offset, offset) < 0:
        gray = np.bitwise_not(gray)
    # Subtracting the opening keeps everything narrower than its square: all strokes and no paper.
    square = np.ones((reach // 2 | 1, reach // 2 | 1), np.uint8)
    return np.asarray(cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, square), np.uint8)


def _window(ink: Gray, clean: bool) -> tuple[Gray, int, int] | None:
    """Return the smallest crop around all blobs that are strokes, with other blobs erased, and its top and left."""
    _, mask = cv2.threshold(ink, WEAK - 1, 1, cv2.THRESH_BINARY)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    if count == 2:  # one blob
        left, top, width, height, _ = stats[1].tolist()
        return ink[top : top + height, left : left + width], top, left
    strong = np.bincount(labels[ink >= STRONG], minlength=count)
    strong[0] = 0
    stroke = strong >= max(1.0, SPECK * strong.max())
    if not stroke.any():
        return None
    left, top, width, height, _ = stats.T
    right, bottom = left + width, top + height
    high, wide = ink.shape
    # A rule or a neighbour touches a side of the crop and hardly reaches further in.
    sides = (left == 0).astype(np.int8) + (top == 0) + (right == wide) + (bottom == high)
    outside = stroke & (sides >= (2 if clean else 1))
    if outside.any():
        down, across = round(MARGIN * high), round(MARGIN * wide)
        middle = np.s_[down : high - down, across : wide - across]
        inner = np.bincount(labels[middle][ink[middle] >= STRONG], minlength=count)
        outside &= inner < INNER * strong
        if (stroke & ~outside).any():
            stroke &= ~outside
    first, last = int(top[stroke].min()), int(left[stroke].min())
    window = np.s_[first : bottom[stroke].max(), last : right[stroke].max()]
    digit = ink[window]
    return (digit if stroke[1:].all() else digit * stroke[labels[window]]), first, last


def _place(digit: Gray) -> Gray:
    """Scale to the 20x20 box and shift by whole pixels so that the centre of mass is in the middle pixel."""
    scale = BOX / max(digit.shape)
    if scale != 1:
        digit = _resize(digit, scale)
    digit = _stretch(digit)
    height, width = digit.shape
    moments = cv2.moments(digit)  # sums of integers, exact in a double
    mass = int(moments["m00"])
    top = CENTRE - (2 * int(moments["m01"]) + mass) // (2 * mass)
    left = CENTRE - (2 * int(moments["m10"]) + mass) // (2 * mass)
    top, left = min(max(top, 0), SIZE - height), min(max(left, 0), SIZE - width)
    placed = np.zeros((SIZE, SIZE), np.uint8)
    placed[top : top + height, left : left + width] = digit
    return placed


def _stretch(digit: Gray) -> Gray:
    """Scale the brightest pixel to 255."""
    top = int(cv2.minMaxLoc(digit)[1])
    if top == 255 or top == 0:
        return digit
    return _look_up(digit, _LEVELS[255:] * 255 // top)


def _look_up(gray: Gray, table: NDArray[np.int64]) -> Gray:
    return np.asarray(cv2.LUT(gray, np.minimum(np.maximum(table, 0), 255).astype(np.uint8)), np.uint8)


def _resize(gray: Gray, scale: float) -> Gray:
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    return resize_area(gray, width, height) if scale < 1 else resize_linear(gray, width, height)
