"""Random numbers, places and windows of smooth fields for each digit of a strip."""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.augmentation.settings import Augmentation, Span

CANVAS = 36  # pixels: side of the image a digit is augmented on; leaves room around an enlarged digit
FIELD = 640  # pixels: side of the random fields; each digit takes a window of its own out of them

Strip = NDArray[np.float32]


class Fields:
    """Large random fields; each digit takes a window at a random place, which costs only a copy."""

    def __init__(self, augmentation: Augmentation, seed: int) -> None:
        rng = np.random.default_rng((seed, 0))
        noise = rng.standard_normal((4, FIELD, FIELD), np.float32)
        self.ripple = [_smooth(field, augmentation.ripple_smoothness) for field in noise[:2]]
        self.bend = [_smooth(field, augmentation.bend_smoothness) for field in noise[2:]]
        self.clouds = _smooth(noise[0], 6.0)
        self.blots = _smooth(noise[1], 1.8)
        self.grain = _smooth(noise[2], 0.7)


def _smooth(noise: Strip, sigma: float) -> Strip:
    """Return low-pass noise with a mean of 0 and a root mean square of 1."""
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    smooth -= smooth.mean()
    return np.asarray(smooth / smooth.std(), np.float32)


def windows(field: Strip, count: int, rng: np.random.Generator) -> Strip:
    """Cut `count` random windows out of a field: float32 (count, 36, 36), with either sign."""
    view = np.lib.stride_tricks.sliding_window_view(field, (CANVAS, CANVAS))
    top, left = rng.integers(0, FIELD - CANVAS, (2, count))
    sign = rng.choice(np.array([-1, 1], np.float32), (count, 1, 1))
    return np.asarray(view[top, left] * sign, np.float32)


def draw(rng: np.random.Generator, span: Span, count: int) -> Strip:
    """Return one uniform random number for each digit: float32 (count, 1, 1)."""
    return rng.uniform(*span, (count, 1, 1)).astype(np.float32)


def places(rng: np.random.Generator, share: float, count: int) -> NDArray[np.intp]:
    """Return the places of the digits that get a kind of degradation."""
    return np.flatnonzero(rng.random(count) < share)
