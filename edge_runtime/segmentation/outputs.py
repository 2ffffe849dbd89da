"""The layout of the page network's outputs, which its training and the runtime share.

The network takes a tile of a gray page, 256x256 pixels, and gives rows of 16 logits. The first rows are *blocks* of 4x4
pixels: four kinds for each of the four 2x2 squares of a block. The last rows are *cells* of 8x8 pixels: ten labels,
four turns, whether digits are too small to be read at this scale, and the height of the digit.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TILE = 256  # pixels: height and width of a tile
BLOCK, CELL = 4, 8  # pixels: height and width of a block and of a cell
SQUARE = 2  # pixels: height and width of a square, the smallest area with a kind of its own
ROW = 16  # logits of a block or a cell
BLOCKS, CELLS = (TILE // BLOCK) ** 2, (TILE // CELL) ** 2  # of a tile
LABELS = slice(0, 10)  # of a cell: which digit
TURNS = slice(10, 14)  # of a cell: quarter turns, counterclockwise, by which the digit is rotated
SMALL = 14  # of a cell: whether it shows digits that are smaller than `SMALLEST`
HEIGHT = 15  # of a cell: the digit's height, as the logarithm to base 2 of a multiple of `USUAL`
SMALLEST = 11.0  # pixels: lower digits need a finer scale
USUAL = 24.0  # pixels: height of a digit where `HEIGHT` is 0


class Kind(IntEnum):
    """What a square of a page shows."""

    BACKGROUND = 0
    OTHER = 1  # ink that is neither digit nor mark: words, rules, boxes, scribbles
    MARK = 2  # point, comma, minus, slash or colon of a number
    DIGIT = 3


class Tiles(NamedTuple):
    """The outputs of N tiles."""

    kinds: NDArray[np.float32]  # (N, 128, 128, 4): logits of each square
    cells: NDArray[np.float32]  # (N, 32, 32, 16): logits of each cell


def split(outputs: NDArray[np.float32]) -> Tiles:
    """Split the network's outputs, float32 (N, 5120, 16), by their layout."""
    count, blocks, cells = len(outputs), TILE // BLOCK, TILE // CELL
    kinds = outputs[:, :BLOCKS].reshape(count, blocks, blocks, 2, 2, len(Kind)).swapaxes(2, 3)
    squares = TILE // SQUARE
    return Tiles(
        kinds.reshape(count, squares, squares, len(Kind)), outputs[:, BLOCKS:].reshape(count, cells, cells, ROW)
    )
