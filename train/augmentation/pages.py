"""Varies samples of the page network as they are shown again: another part, another light, another turn."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import CELL, TILE
from train.synthetic.page_samples import PageSamples

NEGATIVE = 0.12  # share of samples whose light and dark are exchanged
CURVED, GAMMA = 0.5, 0.25  # share with another curve of light; standard deviation of the logarithm of its exponent
LEVELLED, LESS, CONTRAST, BRIGHTNESS = 0.5, -0.1, 0.3, 20.0  # share with other contrast; its logarithm; gray levels
NOISY, NOISE = 0.25, (1.0, 9.0)  # share with more noise; its standard deviation, gray levels
BLURRED, BLUR = 0.12, (0.4, 0.9)  # share with more blur; its standard deviation, pixels
TURNED = 0.12  # share that is rotated by quarter turns
CUT, EDGE = 0.15, 4  # share cut out around its digits, as a small image; the widest margin around them, cells


def vary(samples: PageSamples, random: np.random.Generator) -> PageSamples:
    """Return a random part of TILE pixels of each sample, varied."""
    varied = [_vary(*sample, random) for sample in zip(*samples, strict=True)]
    return PageSamples(*(np.stack(column) for column in zip(*varied, strict=True)))


def _vary(
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    heights: NDArray[np.uint8],
    turns: np.uint8,
    random: np.random.Generator,
) -> tuple[NDArray[np.uint8], ...]:
    top, left = random.integers(0, heights.shape[0] - TILE // CELL + 1, 2).tolist()
    pixels = np.s_[top * CELL : top * CELL + TILE, left * CELL : left * CELL + TILE]
    cells = np.s_[top : top + TILE // CELL, left : left + TILE // CELL]
    turn = int(random.integers(1, 4)) if random.random() < TURNED else 0
    part = (
        np.rot90(_vary_light(image[pixels], random), turn),
        np.rot90(truth[pixels], turn),
        np.rot90(heights[cells], turn),
    )
    if random.random() < CUT and part[2].any():
        part = _cut_out(*part, random)
    return *part, np.array((int(turns) + turn) % 4, np.uint8)


def _cut_out(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], heights: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a tile of a small image, the part around the digits: the runtime repeats the edges of such images."""
    rows, columns = (np.flatnonzero((heights > 0).any(axis)) for axis in (1, 0))
    margins = random.integers(0, EDGE + 1, 4).tolist()
    top, left = max(0, int(rows[0]) - margins[0]), max(0, int(columns[0]) - margins[1])
    cells = np.s_[top : int(rows[-1]) + 1 + margins[2], left : int(columns[-1]) + 1 + margins[3]]
    pixels = np.s_[cells[0].start * CELL : cells[0].stop * CELL, cells[1].start * CELL : cells[1].stop * CELL]
    return _fill(image[pixels], TILE, "edge"), _fill(truth[pixels], TILE), _fill(heights[cells], TILE // CELL)


def _fill(values: NDArray[np.uint8], side: int, how: Literal["edge", "constant"] = "constant") -> NDArray[np.uint8]:
    """Return values with more below and on the right, up to `side`."""
    return np.pad(values, [(0, side - length) for length in values.shape], mode=how)


def _vary_light(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    levels: NDArray[np.float32] = image.astype(np.float32)
    if random.random() < NEGATIVE:
        levels = np.float32(255) - levels
    if random.random() < CURVED:
        levels = np.asarray(255 * (levels / 255) ** np.float32(np.exp(random.normal(0, GAMMA))), np.float32)
    if random.random() < LEVELLED:
        contrast = np.float32(np.exp(random.normal(LESS, CONTRAST)))
        levels = np.asarray((levels - 128) * contrast + np.float32(128 + random.normal(0, BRIGHTNESS)), np.float32)
    if random.random() < NOISY:
        levels += np.float32(random.uniform(*NOISE)) * random.standard_normal(levels.shape, np.float32)
    if random.random() < BLURRED:
        levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), random.uniform(*BLUR)), np.float32)
    return np.asarray(np.clip(levels, 0, 255), np.uint8)
