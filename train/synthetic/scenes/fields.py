"""Smooth random fields: paper grain, uneven light, grain of ink.

The fields are drawn once. A random window of one costs only a copy.
"""

import cv2
import numpy as np

from train.synthetic.scenes.types import Level, Mask, Random

SIDE = 1024  # pixels of a field
SMOOTH = (0.0, 0.8, 2.0, 5.0, 14.0, 40.0)  # pixels: standard deviation of the low pass of each field


class Fields:
    """Fields of Gaussian noise with mean 0 and standard deviation 1, one for each entry of `SMOOTH`."""

    def __init__(self, seed: int) -> None:
        """Draw the fields; the same for the same seed."""
        random = np.random.default_rng((seed, 17))
        self._fields = []
        for sigma in SMOOTH:
            noise = random.standard_normal((SIDE, SIDE), np.float32)
            smooth = cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise
            self._fields.append(np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32))

    def window(
        self, shape: tuple[int, ...], smooth: int, random: Random, zoom: tuple[float, float] = (1.0, 1.0)
    ) -> Level:
        """Return a random window of a field: float32 `shape` (height, width), mirrored and negated at random.

        smooth: index into `SMOOTH`. zoom: factors by which the window is stretched along x and y.
        """
        height = max(2, min(SIDE, int(shape[0] / zoom[1]) + 1))
        width = max(2, min(SIDE, int(shape[1] / zoom[0]) + 1))
        top, left = int(random.integers(0, SIDE - height + 1)), int(random.integers(0, SIDE - width + 1))
        part = self._fields[smooth][top : top + height, left : left + width]
        if random.random() < 0.5:
            part = part[:, ::-1]
        if part.shape != shape:
            part = np.asarray(cv2.resize(part, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
        return np.ascontiguousarray(part if random.random() < 0.5 else -part, np.float32)


def soften(image: Mask, sigma: float) -> Level:
    """Blur an image, uint8 (height, width), with a Gaussian and return it as float32, 0 to 1.

    sigma: standard deviation, pixels; from 4 on, a reduced copy is blurred, which is faster.
    """
    factor = int(sigma / 2)
    height, width = image.shape
    if factor > 1 and min(height, width) > 4 * factor:
        small = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
        blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        blurred = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.asarray(blurred, np.float32) / np.float32(255)
