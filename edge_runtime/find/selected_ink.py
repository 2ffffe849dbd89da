"""The ink of a page's digits: the gray page where its map shows digits, relative to the paper and the ink around.

The map selects ink and does not replace it: edges come from the gray page. Paper is the mean of the background nearby,
and full ink the mean of the strokes nearby, so that shadows and white ink on black need no rules of their own.
A place is kept by the odds that the map gives for it, times the odds of all ink that it is connected with.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.ink import Ink
from edge_runtime.images.resize import resize_area
from edge_runtime.segmentation.maps import PageMap, enlarge
from edge_runtime.segmentation.outputs import Kind
from edge_runtime.types import Gray

WORK = 1_500_000  # pixels: a larger page is first reduced by an integer factor
SIDE = 40.0  # pixels: height that digits are reduced to, if they are larger
DIGIT = 0.4  # probability of a digit from which a page has digits
INKED = 0.4  # probability of ink from which a place may be ink
PAPER, INK = 0.6, 0.9  # heights of a digit: windows of the means of paper and of ink
WIDER, LESS = 3, 0.05  # times the window: a second mean, for places without any of the first; and its weight
FAINTEST = 3.0  # gray levels: the least difference of ink from paper
AROUND = 1.5  # heights of a digit: margin around the digits of the page, within which paper and ink are measured
KEPT = 0.5  # share of connected ink that belongs to digits, below which the rest counts as left out
TALL = 0.5  # heights of a digit: lower ink that was left out is not listed
WEAK, SURE = 0.35, 0.6  # share of full ink that may be a stroke, and that some part of each stroke has

Kinds = NDArray[np.float32]


def select_ink(gray: Gray, page: PageMap) -> Ink:
    """Return the ink of the digits of a page. gray: uint8 (height, width), of which `page` is the map."""
    found = page.kinds[..., Kind.DIGIT] > DIGIT
    least = max(1, int(np.ceil(np.sqrt(gray.size / WORK))))
    if not found.any():
        blank = np.zeros([max(1, side // least) for side in gray.shape], np.uint8)
        return Ink(blank, blank, blank, 256, least)
    rows, columns = page.heights.shape
    cells = found.reshape(rows, found.shape[0] // rows, columns, -1).any((1, 3))
    height = float(np.median(page.heights[cells]))
    factor = max(least, int(height / SIDE))
    part, squares = _part_with_digits(found, AROUND * height * page.scale, page.scale, factor, gray.shape)
    reduced = gray[part]
    if factor > 1:
        reduced = resize_area(reduced, max(1, reduced.shape[1] // factor), max(1, reduced.shape[0] // factor))
    scale, kinds = page.scale * factor, page.kinds[squares]  # squares per pixel
    share, inked = _measure_ink(reduced, kinds, height * page.scale, scale)
    strength = (255 * share).astype(np.uint8)
    strength[~inked] = 0
    mask, left_out = _keep_digits(cv2.compare(strength, np.array(255 * WEAK), cv2.CMP_GE), kinds, scale)
    strength &= np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), np.uint8)
    sure = np.asarray(cv2.compare(strength, np.array(255 * SURE), cv2.CMP_GE), np.uint8) & mask
    strength, mask, sure = _paste([strength, mask, sure], gray.shape, factor, part)
    left_out = left_out[left_out[:, 3] * factor >= TALL * height] * factor
    left_out[:, :2] += part[1].start, part[0].start
    return Ink(strength, mask, sure, round(255 * WEAK), factor, left_out)


def _part_with_digits(
    found: NDArray[np.bool_], margin: float, scale: float, factor: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of a page of this shape that has digits, in pixels and in squares, whole multiples of a factor.

    found: which squares show digits. margin: around them, squares. scale: squares per pixel.
    """
    pixels, squares = [], []
    for axis, side in enumerate(shape):
        places = np.flatnonzero(found.any(1 - axis))
        first = max(0, int(places[0] - margin)) // factor * factor
        start = round(first / scale) // factor * factor
        length = min(int((places[-1] + 1 + margin) / scale), side) - start
        pixels.append(slice(start, start + max(1, length // factor * factor)))
        squares.append(slice(first, first + int(np.ceil(length * scale)) + 1))
    return (pixels[0], pixels[1]), (squares[0], squares[1])


def _paste(arrays: list[Gray], shape: tuple[int, ...], factor: int, part: tuple[slice, slice]) -> list[Gray]:
    """Return arrays of a part of a page as those of the whole page, all reduced by a factor."""
    pasted = [np.zeros([max(1, side // factor) for side in shape], np.uint8) for _ in arrays]
    top, left = part[0].start // factor, part[1].start // factor
    for whole, each in zip(pasted, arrays, strict=True):
        whole[top : top + each.shape[0], left : left + each.shape[1]] = each
    return pasted


def _measure_ink(gray: Gray, kinds: Kinds, side: float, scale: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return each pixel's ink as a share of full ink, 0 to 1, and where the map shows ink at all.

    kinds: of the map, (rows, columns, 4). side: height of the digits, squares. scale: squares per pixel. Arrays are
    reused, since they may have a million pixels.
    """
    digits, background = kinds[..., Kind.DIGIT], kinds[..., Kind.BACKGROUND]
    paper = enlarge(_mean(_to_squares(gray, digits.shape, scale), background**4, PAPER * side), gray.shape, 1 / scale)
    difference = np.subtract(gray, paper, out=paper)
    chance = enlarge(1 - background, gray.shape, 1 / scale)
    inked = chance >= INKED
    chance = np.minimum(chance, INKED, out=chance)
    weight = np.multiply(chance, np.abs(difference), out=chance)
    amounts = _to_squares(weight, digits.shape, scale)
    values = _to_squares(np.multiply(weight, difference, out=weight), digits.shape, scale)
    del chance, weight
    full = enlarge(_mean(values, np.maximum(digits, 0.02), INK * side, amounts), gray.shape, 1 / scale)
    full[(full > -FAINTEST) & (full < FAINTEST)] = np.inf
    share = np.divide(difference, full, out=difference)
    return np.clip(share, 0, 1, out=share), inked


def _keep_digits(mask: cv2.typing.MatLike, kinds: Kinds, scale: float) -> tuple[Gray, NDArray[np.intp]]:
    """Return the part of a mask of ink that belongs to digits, and the boxes of connected ink that does not, (N, 4).

    kinds: of the map. scale: squares per pixel of the mask.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(mask, np.uint8))
    digits = enlarge(kinds[..., Kind.DIGIT], labels.shape, 1 / scale)
    others = enlarge(kinds[..., Kind.OTHER] + kinds[..., Kind.MARK], labels.shape, 1 / scale)
    places = np.flatnonzero(mask)
    mine = labels.ravel()[places]
    digit, other = digits.ravel()[places], others.ravel()[places]
    sums = np.bincount(mine, digit, count), np.bincount(mine, other, count)
    share = (sums[0] / np.maximum(sums[0] + sums[1], 1e-6))[mine]
    kept = digit * share > other * (1 - share)
    result = np.zeros(labels.size, np.uint8)
    result[places[kept]] = 255
    left_out = np.bincount(mine, kept, count) < KEPT * stats[:, cv2.CC_STAT_AREA]
    left_out[0] = False  # the paper
    return result.reshape(labels.shape), stats[left_out, :4].astype(np.intp)


def _mean(
    values: NDArray[np.float32],
    weights: NDArray[np.float32],
    window: float,
    amounts: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the weighted mean around each square, in a window of this side and a little of a wider one.

    amounts: what the values are already multiplied with, by default 1.
    """
    given = weights if amounts is None else weights * amounts
    total = np.zeros_like(values)
    count = np.full_like(values, 1e-6)
    for side, share in ((window, 1.0), (WIDER * window, LESS), (max(values.shape), LESS**2)):
        box = (max(3, int(side) | 1),) * 2
        total += np.float32(share) * cv2.blur(values * weights, box, borderType=cv2.BORDER_REPLICATE)
        count += np.float32(share) * cv2.blur(given, box, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(total / count, np.float32)


def _to_squares(values: NDArray[np.generic], shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    """Reduce an image to squares. scale: squares per pixel."""
    size = max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale))
    reduced = cv2.resize(values.astype(np.float32, copy=False), size, interpolation=cv2.INTER_AREA)
    below, beside = max(0, shape[0] - size[1]), max(0, shape[1] - size[0])
    padded = cv2.copyMakeBorder(reduced, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    return np.asarray(padded[: shape[0], : shape[1]], np.float32)
