"""Maps of a page: what each square of it shows, found from a coarse scale to finer ones.

The page is reduced to one tile first, or at most to an eighth. Where its digits are too low for that, and only there,
it is looked at again at the scale at which the map expects them to be of the usual height. A page whose digits are seen
as well at half the scale is looked at at that one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.resize import resize_area
from edge_runtime.segmentation.outputs import (
    CELL,
    HEIGHT,
    LABELS,
    SMALL,
    SQUARE,
    TILE,
    TURNS,
    USUAL,
    Kind,
    Tiles,
)
from edge_runtime.types import Box, Gray, Images

MARGIN = 16  # pixels: the edge of a tile, which is taken from the tile beside it
FIRST, FINEST, COARSEST = 256, 2048, 64  # pixels: the longer side of the page at the first, finest, coarsest scale
SMALL_SHARE = 0.2  # probability of a small digit from which a cell with ink is looked at again at a finer scale
MOST = 8  # times that a page is reduced at the first scale: small digits would be lost
LOW = 20.0  # pixels: cells of lower digits are looked at again at a finer scale
WANTED = 30.0  # pixels: median height of these digits at that scale
TIMES = (1.5, float(MOST))  # how much finer it is
LARGEST = 1.5  # times that a page is enlarged at most, where it is looked at again
AGAIN = 1_500_000  # pixels of the page at most, where it is looked at again, which bounds memory and time
ANOTHER = 0.1  # logarithm of the least change of the scale, for another look
HIGH = 28.0  # pixels: digits at least as high may be looked at at this scale instead of at twice of it
COARSER = 0.8  # a page is looked at at half the scale if that shows this share of the digits, at least `HIGH`
DIGIT, INK = 0.3, 0.2  # probability of a digit, and of any ink, from which a cell counts for that
TILES = 8  # that are run at once, which bounds the memory of their outputs
NEAR = 1  # cells: the height of a digit is the mean over cells so far around
BESIDE = 4  # cells: ink so far beside lower digits is looked at with them
LIMIT = 40.0  # logits: larger ones are no more certain, and their exponentials stay in range
PER_CELL = CELL // SQUARE  # squares along a cell

Run = Callable[[Images], Tiles]


class PageMap(NamedTuple):
    """What a page shows. Squares and cells cover it from the top left corner; the last ones may reach over its edge."""

    kinds: NDArray[np.float32]  # (rows, columns, 4): probability of each `Kind` for each square
    labels: NDArray[np.float32]  # (rows / 4, columns / 4, 10): probability of each label, in the cells of digits
    turns: NDArray[np.float32]  # (rows / 4, columns / 4, 4): probability of each number of quarter turns, the same
    heights: NDArray[np.float32]  # (rows / 4, columns / 4): of the digits in a cell, pixels of the page
    scale: float  # squares per pixel of the page, in both directions

    @property
    def digits(self) -> NDArray[np.float32]:
        """Probability of a digit's stroke for each square."""
        return self.kinds[..., Kind.DIGIT]

    def most(self, box: Box) -> float:
        """Return the highest probability of a digit in a box, pixels of the page."""
        return float(self.digits[self.squares(box)].max())

    def squares(self, box: Box, margin: float = 0.0) -> tuple[slice, slice]:
        """Return the squares, at least one, that a box with a margin covers, pixels of the page."""
        return cover(box, self.scale, self.digits.shape, margin)


class _Level(NamedTuple):
    """A page at one scale."""

    image: Gray
    scale: float  # pixels of the level per pixel of the page
    kinds: NDArray[np.float32]  # (height / 2, width / 2, 4), probabilities
    cells: NDArray[np.float32]  # (height / 8, width / 8, 16), logits

    @property
    def heights(self) -> NDArray[np.float32]:
        """Height of the digits in each cell, pixels of the level."""
        return np.float32(USUAL) * np.exp2(self.cells[..., HEIGHT])


def map_page(gray: Gray, run: Run, first: int = FIRST) -> PageMap:
    """Return the map of a page.

    gray: uint8 (height, width), any size, light and polarity. run: the network. first: pixels, the longer side of the
    page at the first scale; only from the usual one, coarser ones are tried.
    """
    longest = max(gray.shape)
    finest = min(1.0, FINEST / longest)
    level = _look(gray, min(finest, max(first / longest, 1 / MOST)), run)
    while first == FIRST and max(level.image.shape) // 2 >= COARSEST:
        coarser = _look(gray, level.scale / 2, run)
        if _area_of_digits(coarser, HIGH) < COARSER * _area_of_digits(level):
            break
        level = coarser
    low = _find_low_digits(level)
    while low.any() and level.scale < finest:
        level = _refine(gray, level, low, finest, run)
        low = _find_low_digits(level)
    return _page_map(level, longest)


def map_again(gray: Gray, page: PageMap, times: float, run: Run) -> PageMap | None:
    """Return the map of the parts of a page that show digits, at another scale; None without digits or another scale.

    page: the map of the page. times: its scale is multiplied with this.
    """
    most = min(max(FINEST / max(gray.shape), 1 / MOST), float(np.sqrt(AGAIN / gray.size)), LARGEST)
    scale = min(times * page.scale * SQUARE, most)
    change = scale / (page.scale * SQUARE)
    digits = (_by_cell(page.digits).max((1, 3)) > DIGIT).astype(np.uint8)
    if abs(np.log(change)) < ANOTHER or not digits.any():
        return None
    image = _scale(gray, scale)
    shape = _cells_of(image)
    around = cv2.dilate(digits, np.ones((2 * BESIDE + 1,) * 2, np.uint8))
    kinds, cells = _segment(image, run, enlarge(around, shape, change, cv2.INTER_NEAREST) > 0)
    return _page_map(_Level(image, scale, kinds, cells), max(gray.shape))


def _page_map(level: _Level, longest: int) -> PageMap:
    """Return the map of a level. longest: side of the page, pixels."""
    return PageMap(
        level.kinds,
        _softmax(level.cells[..., LABELS]),
        _softmax(level.cells[..., TURNS]),
        np.minimum(level.heights / level.scale, longest).astype(np.float32),
        level.scale / SQUARE,
    )


def _scale(gray: Gray, scale: float) -> Gray:
    """Return a page at any scale."""
    if scale <= 1:
        return _reduce(gray, scale)
    return np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def _look(gray: Gray, scale: float, run: Run) -> _Level:
    """Return a page at a scale, with all of its tiles."""
    image = _reduce(gray, scale)
    kinds, cells = _segment(image, run, np.ones(_cells_of(image), np.bool_))
    return _Level(image, scale, kinds, cells)


def _refine(gray: Gray, level: _Level, low: NDArray[np.bool_], finest: float, run: Run) -> _Level:
    """Return a page at a finer scale, with new tiles where its digits are low and beside them."""
    times = min(max(TIMES[0], WANTED / float(np.median(level.heights[low]))), TIMES[1])
    scale = min(finest, times * level.scale)
    image = _reduce(gray, scale)
    shape = _cells_of(image)
    times = scale / level.scale
    around = cv2.dilate(_with_ink_beside(level, low).astype(np.uint8), np.ones((3, 3), np.uint8))
    new = enlarge(around, shape, times, cv2.INTER_NEAREST) > 0
    kinds, cells = _segment(image, run, new)
    squares = np.repeat(np.repeat(new, PER_CELL, 0), PER_CELL, 1)
    before = np.stack([enlarge(np.ascontiguousarray(each), shape, times) for each in np.moveaxis(level.cells, 2, 0)], 2)
    before[..., HEIGHT] += np.log2(times)
    known = enlarge(level.kinds, squares.shape, times)
    np.copyto(known, kinds, where=squares[..., np.newaxis])
    return _Level(image, scale, known, np.where(new[..., np.newaxis], cells, before))


def _area_of_digits(level: _Level, lowest: float = 0.0) -> float:
    """Return the area of the strokes of digits at least this high in pixels of the level, in pixels of the page."""
    digits = _by_cell(level.kinds[..., Kind.DIGIT]).sum((1, 3))
    return float(digits[USUAL * np.exp2(level.cells[..., HEIGHT]) >= lowest].sum()) / level.scale**2


def _find_low_digits(level: _Level) -> NDArray[np.bool_]:
    """Return the cells of digits that are too low for the scale."""
    small = _inked(level) & (_sigmoid(level.cells[..., SMALL]) > SMALL_SHARE)
    weights = np.maximum(_by_cell(level.kinds[..., Kind.DIGIT]).max((1, 3)), 1e-6)
    around = (2 * NEAR + 1,) * 2
    mean = cv2.blur(weights * level.cells[..., HEIGHT], around) / cv2.blur(weights, around)
    return np.asarray(small | ((weights > DIGIT) & (np.float32(USUAL) * np.exp2(mean) < LOW)), np.bool_)


def _with_ink_beside(level: _Level, low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells of low digits and of ink beside them."""
    around = cv2.dilate(low.astype(np.uint8), np.ones((2 * BESIDE + 1,) * 2, np.uint8)) > 0
    return np.asarray(low | (around & _inked(level)), np.bool_)


def _inked(level: _Level) -> NDArray[np.bool_]:
    return np.asarray(1 - _by_cell(level.kinds[..., Kind.BACKGROUND]).min((1, 3)) > INK, np.bool_)


def _by_cell(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return values of squares by the cell that they are in, (rows, 4, columns, 4)."""
    rows, columns = squares.shape
    return squares.reshape(rows // PER_CELL, PER_CELL, columns // PER_CELL, PER_CELL)


def _segment(image: Gray, run: Run, asked: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the kinds of the squares and the logits of the cells.

    asked: the cells that are needed; tiles without any are not run.
    """
    rows, columns = asked.shape
    tall, wide = max(rows * CELL, TILE), max(columns * CELL, TILE)
    padded = cv2.copyMakeBorder(image, 0, tall - image.shape[0], 0, wide - image.shape[1], cv2.BORDER_REPLICATE)
    kinds = np.zeros((tall // SQUARE, wide // SQUARE, len(Kind)), np.float32)
    kinds[..., Kind.BACKGROUND] = 1
    cells = np.full((tall // CELL, wide // CELL, 16), -8, np.float32)
    places = [
        (top, left, down, right)
        for top, down in _places(tall)
        for left, right in _places(wide)
        if asked[_part(down, CELL), _part(right, CELL)].any()
    ]
    for part in (places[start : start + TILES] for start in range(0, len(places), TILES)):
        found = run(np.stack([padded[top : top + TILE, left : left + TILE] for top, left, _, _ in part]))
        shares = _softmax(found.kinds)
        for number, (top, left, down, right) in enumerate(part):
            for target, source, side in ((kinds, shares, SQUARE), (cells, found.cells, CELL)):
                inner = _part(down, side, top), _part(right, side, left)
                target[_part(down, side), _part(right, side)] = source[number][inner]
    squares = rows * PER_CELL, columns * PER_CELL
    return kinds[: squares[0], : squares[1]], cells[:rows, :columns]


def _places(length: int) -> list[tuple[int, tuple[int, int]]]:
    """Return where tiles start along a side, and the part of the side that each gives, pixels."""
    if length == TILE:
        return [(0, (0, TILE))]
    count = -(-(length - 2 * MARGIN) // (TILE - 2 * MARGIN))
    starts = [round(number * (length - TILE) / (count - 1) / CELL) * CELL for number in range(count)]
    edges = [0, *(start + MARGIN for start in starts[1:]), length]
    return [(start, (edges[number], edges[number + 1])) for number, start in enumerate(starts)]


def _part(span: tuple[int, int], side: int, start: int = 0) -> slice:
    """Return a part of a side, in squares or cells of `side` pixels from `start`."""
    return slice((span[0] - start) // side, (span[1] - start) // side)


def _cells_of(image: Gray) -> tuple[int, int]:
    height, width = image.shape
    return -(-height // CELL), -(-width // CELL)


def _reduce(gray: Gray, scale: float) -> Gray:
    """Return a page at a scale of at most 1; its last pixels may reach over the edge of the page.

    It is reduced by an integer factor first, which is fast.
    """
    height, width = gray.shape
    down, across = (min(int(1 / scale), side) for side in (height, width))
    if max(down, across) > 1:
        below, beside = -height % down, -width % across
        if below or beside:
            gray = np.asarray(cv2.copyMakeBorder(gray, 0, below, 0, beside, cv2.BORDER_REPLICATE), np.uint8)
        gray = resize_area(gray, gray.shape[1] // across, gray.shape[0] // down)
    rows, columns = (max(1, round(side * scale)) for side in (height, width))
    return resize_area(gray, min(columns, gray.shape[1]), min(rows, gray.shape[0]))


def cover(box: Box, scale: float, shape: tuple[int, ...], margin: float = 0.0) -> tuple[slice, slice]:
    """Return the part of a map of this shape, at least one square, that a box with a margin in pixels covers."""
    starts = (int((side - margin) * scale) for side in (box.y, box.x))
    stops = (int(np.ceil((side + margin) * scale)) for side in (box.y + box.height, box.x + box.width))
    firsts = [min(max(0, start), length - 1) for start, length in zip(starts, shape, strict=True)]
    rows, columns = (slice(first, max(first + 1, stop)) for first, stop in zip(firsts, stops, strict=True))
    return rows, columns


def enlarge(
    values: NDArray[Any], shape: tuple[int, ...], times: float, how: int = cv2.INTER_LINEAR
) -> NDArray[np.float32]:
    """Return values, which begin at the top left corner of a page, that many times as large, up to a shape."""
    matrix = np.array([[times, 0, (times - 1) / 2], [0, times, (times - 1) / 2]])
    size = shape[1], shape[0]
    return np.asarray(cv2.warpAffine(values, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of the classes in the last axis, which is too short for NumPy to add it up fast."""
    weights = np.exp(np.clip(logits, -LIMIT, LIMIT))
    total = sum(weights[..., number] for number in range(1, logits.shape[-1])) + weights[..., 0]
    return np.asarray(weights / total[..., np.newaxis], np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
