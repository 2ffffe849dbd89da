"""Maps of a page: what each square of it shows, found from a coarse scale to finer ones.

The whole page is one tile first. Where its digits are too small for that, and only there, it is looked at again at
twice the scale, and so on. A page of very large digits is looked at again at half the scale.
"""

from collections.abc import Callable, Sequence
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
    SMALLEST,
    SQUARE,
    TILE,
    TURNS,
    USUAL,
    Kind,
    Tiles,
)
from edge_runtime.types import Box, Gray, Images

MARGIN = 16  # pixels: the edge of a tile, which is taken from the tile beside it
FINEST = 2048  # pixels: the longer side of the page at the finest scale
COARSEST = 64  # pixels: the same at the coarsest
SMALL_SHARE = 0.4  # probability of a small digit from which a cell is looked at again at twice the scale
LARGE = 64.0  # pixels: a page of higher digits is looked at again at half the scale
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


class _Level(NamedTuple):
    """A page at one scale."""

    image: Gray
    scale: float  # pixels of the level per pixel of the page
    kinds: NDArray[np.float32]  # (height / 2, width / 2, 4), probabilities
    cells: NDArray[np.float32]  # (height / 8, width / 8, 16), logits


def map_page(gray: Gray, run: Run, boxes: Sequence[Box] = ()) -> PageMap:
    """Return the map of a page.

    gray: uint8 (height, width), any size, light and polarity. run: the network. boxes: of what may be digits, pixels of
    the page: they are looked at at a scale at which digits of their height can be read.
    """
    level = _look(gray, TILE, run)
    while (_has_large_digits(level) or _are_large(level, boxes)) and max(level.image.shape) // 2 >= COARSEST:
        level = _look(gray, max(level.image.shape) // 2, run)
    wanted = (_sigmoid(level.cells[..., SMALL]) > SMALL_SHARE) | _find_small(level, boxes)
    while wanted.any() and level.scale < 1 and max(level.image.shape) < FINEST:
        level, wanted = _refine(gray, level, wanted, run)
        wanted |= _find_small(level, boxes)
    return PageMap(
        level.kinds,
        _softmax(level.cells[..., LABELS]),
        _softmax(level.cells[..., TURNS]),
        (USUAL * np.exp2(level.cells[..., HEIGHT]) / level.scale).astype(np.float32),
        level.scale / SQUARE,
    )


def _find_small(level: _Level, boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Return the cells of boxes that are too low for the scale."""
    small = np.zeros(level.cells.shape[:2], np.bool_)
    side = level.scale / CELL
    for box in boxes:
        if box.height * level.scale < SMALLEST:
            rows, columns = (
                slice(int(start * side), int((start + length) * side) + 1)
                for start, length in ((box.y, box.height), (box.x, box.width))
            )
            small[rows, columns] = True
    return small


def _look(gray: Gray, side: int, run: Run) -> _Level:
    """Return a page, reduced to a longer side of at most `side` pixels, with all of its tiles."""
    image, scale = _reduce(gray, side)
    kinds, cells = _segment(image, run, np.ones(_cells_of(image), np.bool_))
    return _Level(image, scale, kinds, cells)


def _refine(gray: Gray, level: _Level, wanted: NDArray[np.bool_], run: Run) -> tuple[_Level, NDArray[np.bool_]]:
    """Return a page at twice the scale, with new tiles where they are wanted, and the cells wanted at the next one."""
    image, scale = _reduce(gray, 2 * max(level.image.shape))
    shape = _cells_of(image)
    around = cv2.dilate(wanted.astype(np.uint8), np.ones((3, 3), np.uint8))
    times = scale / level.scale
    new = enlarge(around, shape, times, cv2.INTER_NEAREST) > 0
    kinds, cells = _segment(image, run, new)
    squares = np.repeat(np.repeat(new, PER_CELL, 0), PER_CELL, 1)
    before = np.stack([enlarge(np.ascontiguousarray(each), shape, times) for each in np.moveaxis(level.cells, 2, 0)], 2)
    before[..., HEIGHT] += np.log2(times)
    known = enlarge(level.kinds, squares.shape, times)
    kinds = np.where(squares[..., np.newaxis], kinds, known)
    wanted = new & (_sigmoid(cells[..., SMALL]) > SMALL_SHARE)
    return _Level(image, scale, kinds, np.where(new[..., np.newaxis], cells, before)), wanted


def _has_large_digits(level: _Level) -> bool:
    """Return whether most of the strokes belong to digits that are too large for the scale."""
    rows, columns = level.cells.shape[:2]
    digits = level.kinds[..., Kind.DIGIT].reshape(rows, PER_CELL, columns, PER_CELL).mean((1, 3))
    large = USUAL * np.exp2(level.cells[..., HEIGHT]) > LARGE
    return bool(digits.sum() > 1 and digits[large].sum() > 0.5 * digits.sum())


def _are_large(level: _Level, boxes: Sequence[Box]) -> bool:
    """Return whether most boxes are too high for the scale."""
    return bool(boxes) and float(np.median([box.height for box in boxes])) * level.scale > LARGE


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
    if places:
        found = run(np.stack([padded[top : top + TILE, left : left + TILE] for top, left, _, _ in places]))
        shares = _softmax(found.kinds)
        for number, (top, left, down, right) in enumerate(places):
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


def _reduce(gray: Gray, side: int) -> tuple[Gray, float]:
    """Return a page with a longer side of at most `side` pixels, and its scale."""
    height, width = gray.shape
    scale = min(1.0, side / max(height, width))
    if scale == 1:
        return gray, 1.0
    return resize_area(gray, max(1, round(width * scale)), max(1, round(height * scale))), scale


def enlarge(
    values: NDArray[Any], shape: tuple[int, ...], times: float, how: int = cv2.INTER_LINEAR
) -> NDArray[np.float32]:
    """Return values, which begin at the top left corner of a page, that many times as large, up to a shape."""
    matrix = np.array([[times, 0, (times - 1) / 2], [0, times, (times - 1) / 2]])
    size = shape[1], shape[0]
    return np.asarray(cv2.warpAffine(values, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True), np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
