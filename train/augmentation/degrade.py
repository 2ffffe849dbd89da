"""Degrades digits as paper, pens, scanners and cameras do, in the order in which they act."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.augmentation.chance import CANVAS, Fields, Strip, draw, places, windows
from train.augmentation.settings import Augmentation
from train.augmentation.strokes import INK, draw_stroke


def degrade(strip: Strip, how: Augmentation, fields: Fields, rng: np.random.Generator) -> Strip:
    """Apply each kind of degradation to some digits, in place and in order."""
    count = len(strip)
    for place in places(rng, how.cut_share, count):
        _cut(strip[place], round(rng.uniform(*how.cut)), rng)
    some = places(rng, how.outline_share, count)
    strip[some] = _outline(strip[some])
    some = places(rng, how.grain_share, count)
    strip[some] *= np.clip(1 + draw(rng, (0.2, 0.8), len(some)) * windows(fields.grain, len(some), rng), 0, 1.5)
    for place in places(rng, how.line_share, count):
        _strike(strip[place], rng)
    for place in places(rng, how.border_share, count):
        _rule(strip[place], rng)
    for place in places(rng, how.speck_share, count):
        _speckle(strip[place], rng)
    some = places(rng, how.blot_share, count)
    blots = windows(fields.blots, len(some), rng) > draw(rng, (0.7, 1.6), len(some))
    strip[some] = np.maximum(strip[some], blots * draw(rng, (30, 110), len(some)))
    for place in places(rng, how.blur_share, count):
        strip[place] = cv2.GaussianBlur(strip[place], (0, 0), rng.uniform(*how.blur))
    for place in places(rng, how.motion_share, count):
        strip[place] = cv2.filter2D(strip[place], -1, _motion_kernel(rng.uniform(*how.motion), rng.uniform(0, np.pi)))
    some = places(rng, how.paper_share, count)
    contrast = draw(rng, how.contrast, len(some))
    strip[some] = strip[some] * contrast + 255 * (1 - contrast) * draw(rng, (0, 1), len(some))
    some = places(rng, how.shade_share, count)
    strip[some] = _shade(strip[some], how, fields, rng)
    some = places(rng, how.noise_share, count)
    strip[some] += draw(rng, how.noise, len(some)) * rng.standard_normal((len(some), CANVAS, CANVAS), np.float32)
    some = places(rng, how.salt_share, count)
    part, level = strip[some], rng.random((len(some), CANVAS, CANVAS), np.float32)
    salt = draw(rng, how.salt, len(some)) / 2
    part[level < salt] = 0
    part[level > 1 - salt] = 255
    strip[some] = part
    for place in places(rng, how.band_share, count):
        _invert_band(strip[place], rng)
    some = places(rng, how.negative_share, count)
    strip[some] = 255 - strip[some]
    return strip


def _outline(strip: Strip) -> Strip:
    """Return the edges of the strokes alone, one pixel wide."""
    square = np.ones((3, 3), np.uint8)
    ink = (strip > 100).astype(np.float32)
    return np.float32(255) * (filtered(ink, lambda flat: cv2.dilate(flat, square)) - ink)


def _cut(image: Strip, depth: int, rng: np.random.Generator) -> None:
    """Cut off one side of the digit, as a crop that begins too late does."""
    view = np.rot90(image, int(rng.integers(4)))
    rows = np.flatnonzero((view > INK).any(1))
    if len(rows):
        view[: rows[0] + depth] = 0


def _strike(image: Strip, rng: np.random.Generator) -> None:
    """Draw a stroke from side to side: straight or zigzag, solid, dashed or dotted."""
    zigzag = rng.random() < 0.6
    steps = round((CANVAS + 4) / rng.uniform(2, 4.5)) if zigzag else int(rng.integers(2, 5))
    x = np.linspace(-2, CANVAS + 2, steps)
    y = np.linspace(rng.uniform(3, CANVAS - 3), rng.uniform(3, CANVAS - 3), steps)
    if zigzag:  # flatter than a straight line, often near the top or the bottom, and of full ink
        y = 0.3 * (y - y.mean()) + rng.uniform(5, CANVAS - 5)
        y[1::2] += rng.uniform(1.5, 6)
    if rng.random() < 0.2:  # downwards rather than across
        x, y = y, x
    ink = np.zeros((CANVAS, CANVAS), np.uint8)
    draw_stroke(ink, np.stack([x, y], 1).tolist(), 1 if rng.random() < 0.7 else 2)
    if rng.random() < (0.1 if zigzag else 0.4):
        dash, gap = rng.integers(1, 4), rng.integers(2, 4)
        ink[:, np.arange(CANVAS) % (dash + gap) >= dash] = 0
    np.maximum(image, ink * np.float32(rng.uniform(0.4, 1) ** 0.5), out=image)


def _rule(image: Strip, rng: np.random.Generator) -> None:
    """Draw rules along one or two sides, as a crop of a printed cell has them."""
    ink = np.zeros((CANVAS, CANVAS), np.uint8)
    sides = rng.permutation(4)[: rng.integers(1, 3)]
    for side in sides:
        near, far = rng.uniform(-0.5, 4, 2)
        if rng.random() < 0.8:  # nearly parallel to the side
            far = near + rng.uniform(-1, 1)
        ends = [(near, -1.0), (far, float(CANVAS))]
        if side & 1:
            ends = [(CANVAS - 1 - across, along) for across, along in ends]
        if side & 2:
            ends = [(along, across) for across, along in ends]
        draw_stroke(ink, ends, int(rng.integers(1, 4)))
    np.maximum(image, ink * np.float32(rng.uniform(0.2, 1)), out=image)


def _speckle(image: Strip, rng: np.random.Generator) -> None:
    """Draw a few dots of one to three pixels."""
    for left, top, side in rng.integers((0, 0, 1), (CANVAS, CANVAS, 4), (rng.integers(1, 7), 3)):
        spot = image[top : top + side, left : left + side]
        np.maximum(spot, np.float32(rng.uniform(60, 255)), out=spot)


def _motion_kernel(length: float, angle: float) -> NDArray[np.float64]:
    """Return the kernel of a straight movement: odd sides, sum 1."""
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.uint8)
    middle, x, y = (side - 1) / 2, np.cos(angle) * (length - 1) / 2, np.sin(angle) * (length - 1) / 2
    draw_stroke(kernel, [(middle - x, middle - y), (middle + x, middle + y)], 1)
    return np.asarray(kernel.astype(np.float32) / kernel.sum(), np.float64)


def _shade(strip: Strip, how: Augmentation, fields: Fields, rng: np.random.Generator) -> Strip:
    """Add a gradient of light in any direction, or clouds; lower the contrast where the sum would exceed 255."""
    count = len(strip)
    angle = draw(rng, (0, 2 * np.pi), count)
    way = np.linspace(-0.5, 0.5, CANVAS, dtype=np.float32)
    slope = np.cos(angle) * way[None, None, :] + np.sin(angle) * way[None, :, None]
    cloudy = (rng.random((count, 1, 1)) < 0.5).astype(np.float32)
    light = (1 - cloudy) * slope + 0.25 * cloudy * windows(fields.clouds, count, rng)
    light *= draw(rng, how.shade, count)
    light -= light.min((1, 2), keepdims=True)
    return np.asarray(light + strip * (1 - np.minimum(light.max((1, 2), keepdims=True), 255) / 255), np.float32)


def _invert_band(image: Strip, rng: np.random.Generator) -> None:
    """Invert what is left or right of a column, or both; or above and below a row."""
    view = image if rng.random() < 0.7 else image.T
    if rng.random() < 0.8:
        left = rng.integers(4, CANVAS // 2 - 4)
        view[:, :left] = 255 - view[:, :left]
    if rng.random() < 0.8:
        right = rng.integers(CANVAS // 2 + 4, CANVAS - 4)
        view[:, right:] = 255 - view[:, right:]


def filtered(strip: Strip, call: Callable[[Strip], NDArray[Any]]) -> Strip:
    """Apply an OpenCV filter to all digits of a strip at once; OpenCV itself refuses an empty one."""
    if strip.size == 0:
        return strip
    return np.asarray(call(strip.reshape(-1, CANVAS)).reshape(strip.shape), np.float32)
