"""Varies samples of the page network as they are shown again: another part, another light, another turn."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import CELL, TILE
from train.synthetic.page_samples import PageSamples

NEGATIVE = 0.08  # share of samples whose light and dark are exchanged
CURVED, GAMMA = 0.5, 0.25  # share with another curve of light; standard deviation of the logarithm of its exponent
LEVELLED, LESS, CONTRAST, BRIGHTNESS = 0.5, -0.1, 0.3, 20.0  # share with other contrast; its logarithm; gray levels
NOISY, NOISE = 0.25, (1.0, 9.0)  # share with more noise; its standard deviation, gray levels
BLURRED, BLUR = 0.12, (0.4, 0.9)  # share with more blur; its standard deviation, pixels
TURNED = 0.1  # share that is rotated by quarter turns


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
    parts = (np.rot90(each, turn) for each in (_vary_light(image[pixels], random), truth[pixels], heights[cells]))
    return *parts, np.array((int(turns) + turn) % 4, np.uint8)


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
