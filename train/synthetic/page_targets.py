"""The targets of the page network: what it learns to give for each square and each cell of a tile."""

import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import CELL, CELLS, SQUARE, TILE, Kind
from train.synthetic.page_samples import DIGIT_0, STRUCK, PageSamples

IGNORED = 255  # value of a target without a truth
ONE = 4  # kind of the squares of ones, beside the values of `Kind`: they count more, since they look like rules
UNREADABLE = 8  # pixels: squares of lower digits have no truth
LABELLED = (9, 72)  # pixels: heights of the digits whose label is learned
INKED = 2  # pixels: a cell with fewer pixels of digits has no label
SQUARES = (TILE // SQUARE) ** 2
PARTS = (SQUARES, CELLS, CELLS, 1)  # lengths of a target's parts: kinds, labels, heights, turns


def make_targets(samples: PageSamples) -> NDArray[np.uint8]:
    """Return the targets of N samples of TILE pixels: uint8 (N, 18433).

    In order: the kind of each square, or ONE or IGNORED; the label of each cell, or IGNORED; the height of the digit in
    each cell, pixels, or 0; the turns.
    """
    truth, heights, count = samples.truth, samples.heights, len(samples.truth)
    kinds = np.minimum(truth, Kind.MARK)
    kinds[truth == STRUCK] = Kind.OTHER
    kinds[truth >= DIGIT_0] = Kind.DIGIT
    kinds[truth == DIGIT_0 + 1] = ONE
    side = TILE // SQUARE
    kinds = kinds.reshape(count, side, SQUARE, side, SQUARE).max((2, 4))
    tiny = np.repeat(np.repeat((heights > 0) & (heights < UNREADABLE), CELL // SQUARE, 1), CELL // SQUARE, 2)
    kinds[tiny & (kinds >= Kind.MARK)] = IGNORED
    cells = TILE // CELL
    pixels = truth.reshape(count, cells, CELL, cells, CELL).swapaxes(2, 3).reshape(count, cells, cells, CELL**2)
    counts = np.stack([(pixels == DIGIT_0 + label).sum(3) for label in range(10)], 3)
    labelled = (counts.sum(3) >= INKED) & (heights >= LABELLED[0]) & (heights < LABELLED[1])
    labels = np.where(labelled, counts.argmax(3), IGNORED).astype(np.uint8)
    parts = [each.reshape(count, -1) for each in (kinds, labels, heights, samples.turns)]
    return np.concatenate(parts, 1).astype(np.uint8, copy=False)
