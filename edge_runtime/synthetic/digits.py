"""Draw our own digits for samples and tests, which must not contain pixels of a data set.

Each digit consists of a few strokes in a unit square, displaced at random by the seed, smoothed, and drawn with a round
pen.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Gray

FINE = 4  # drawn this many times larger, then reduced: gives the same soft edges on every processor

# Strokes as (x, y) points, x to the right, y down, 0..1.
STROKES: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
    (((0.52, 0.04), (0.20, 0.20), (0.10, 0.55), (0.28, 0.92), (0.62, 0.94), (0.86, 0.62), (0.80, 0.22), (0.52, 0.04)),),
    (((0.38, 0.24), (0.56, 0.04), (0.54, 0.50), (0.52, 0.97)),),
    (((0.16, 0.24), (0.44, 0.04), (0.78, 0.20), (0.62, 0.54), (0.14, 0.94), (0.14, 0.94), (0.50, 0.92), (0.88, 0.94)),),
    (((0.18, 0.12), (0.52, 0.04), (0.78, 0.22), (0.42, 0.46), (0.42, 0.46), (0.82, 0.68), (0.54, 0.95), (0.14, 0.86)),),
    (
        ((0.30, 0.04), (0.16, 0.58), (0.16, 0.58), (0.50, 0.60), (0.88, 0.58)),
        ((0.66, 0.26), (0.64, 0.60), (0.62, 0.97)),
    ),
    (
        ((0.26, 0.06), (0.20, 0.44), (0.20, 0.44), (0.52, 0.38), (0.82, 0.62), (0.58, 0.94), (0.14, 0.88)),
        ((0.26, 0.06), (0.52, 0.06), (0.84, 0.05)),
    ),
    (((0.68, 0.05), (0.34, 0.28), (0.16, 0.66), (0.40, 0.95), (0.76, 0.84), (0.74, 0.56), (0.44, 0.52), (0.18, 0.74)),),
    (((0.14, 0.10), (0.46, 0.09), (0.84, 0.07), (0.84, 0.07), (0.56, 0.46), (0.40, 0.96)),),
    (
        (
            *((0.54, 0.48), (0.22, 0.30), (0.48, 0.04), (0.76, 0.24), (0.50, 0.48), (0.18, 0.74), (0.48, 0.96)),
            *((0.82, 0.76), (0.54, 0.48)),
        ),
    ),
    (((0.76, 0.22), (0.46, 0.05), (0.22, 0.26), (0.44, 0.48), (0.76, 0.22), (0.76, 0.22), (0.72, 0.60), (0.58, 0.96)),),
)


def draw_digit(label: int, seed: int, size: int = 28, pen: float = 0.09, bend: float = 0.03) -> Gray:
    """Draw one digit, bright on 0, filling about three quarters of the image.

    label: 0..9. seed: selects a handwriting. size: pixels of each side. pen: stroke width, and bend: random
    displacement of the strokes' points, both as shares of `size`. Returns uint8 (size, size).
    """
    random = np.random.default_rng((seed, label))
    slant = random.uniform(-0.15, 0.15)
    canvas = np.zeros((size * FINE, size * FINE), np.uint8)
    for stroke in STROKES[label]:
        points = _smooth(np.array(stroke) + random.normal(0, bend, (len(stroke), 2)))
        points[:, 0] -= slant * (points[:, 1] - 0.5)
        pixels = np.rint((0.12 + 0.76 * points) * size * FINE).astype(np.int32)
        cv2.polylines(canvas, [pixels.reshape(-1, 1, 2)], False, (255,), max(1, round(pen * size * FINE)))
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


Colour = tuple[int, int, int]  # blue, green, red, each 0..255


@dataclass(frozen=True)
class Light:
    """Effects of a camera on a photograph."""

    loss: float = 0.0  # 0..1: share of the light that is lost towards the bottom right corner
    noise: float = 0.0  # gray levels, standard deviation


def draw_photograph(
    digit: Gray,
    size: tuple[int, int],
    at: tuple[int, int],
    ink: Colour,
    paper: Colour,
    light: Light = Light(),
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Draw a photograph of a digit.

    digit: from `draw_digit`. size: width and height in pixels. at: top left corner (x, y) of the digit. seed: of the
    noise. Returns uint8 (height, width, 3).
    """
    (width, height), (x, y) = size, at
    cover = np.zeros((height, width, 1), np.float32)
    cover[y : y + digit.shape[0], x : x + digit.shape[1], 0] = digit / np.float32(255)
    image = (1 - cover) * np.array(paper, np.float32) + cover * np.array(ink, np.float32)
    fall = 1 - light.loss * np.hypot(*np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 0.7, height)))
    grain = np.random.default_rng(seed).normal(0, light.noise, (height, width, 1))
    return np.clip(image * fall[..., np.newaxis] + grain, 0, 255).astype(np.uint8)


def _smooth(points: NDArray[np.float64], steps: int = 12) -> NDArray[np.float64]:
    """Return a Catmull-Rom spline through points (n, 2); a point given twice is a corner."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis]
    parts = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
        parts.append(0.5 * (2 * p1 + (p2 - p0) * t + cubic))
    return np.concatenate([*parts, points[-1:]])
