"""Redraws digits in shapes that other schools teach and that are rare or missing in MNIST.

Ones with a long upstroke, hooked and looped twos, open fours, fives with a flying bar or no corner, sevens with a wavy
top, eights that stay open, nines with a small head and a curled tail, zeros that lead on to the next digit: from the
28x28 image of a digit to another of the same value.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.augmentation.strokes import draw_stroke, spline_through

SLIM, WIDE = (
    1,
    2,
)  # pens: a slim one keeps small loops open, a wide one is like MNIST's; the pen of the line is applied later
STEPS = 6  # points of a curve from one of its marks to the next

Gray = NDArray[np.uint8]
Points = Sequence[tuple[float, float]]


def redraw(image: Gray, label: int, random: np.random.Generator) -> Gray:
    """Return a digit, uint8 (28, 28), unchanged or in another shape; the same for the same state of the generator."""
    share, draw = SHAPES.get(int(label), (0.0, None))
    if draw is None or random.random() >= share:
        return image
    drawn = draw(image, random)
    if label and random.random() < 0.5:  # a zero is MNIST's own with a stroke more
        return np.asarray(cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))), np.uint8)
    return drawn


def _one(image: Gray, random: np.random.Generator) -> Gray:
    if random.random() < 0.12:  # like an l, up and down in one curve
        head, foot = random.uniform(14, 17), random.uniform(9, 12)
        up = [(foot - random.uniform(1, 6), random.uniform(17, 23)), (random.uniform(12, 15), random.uniform(9, 13))]
        marks = [*up, (head, 4.5), (head - random.uniform(1, 3), 4), (foot, 16), (foot + 1, 22.5), (foot + 4, 22)]
        return _curve(np.zeros_like(image), marks, random, 0.4)
    top = (random.uniform(14, 18), random.uniform(3, 6))
    length, steep = random.uniform(4, 25), np.deg2rad(random.uniform(30, 82))
    end = (top[0] - length * np.cos(steep), top[1] + length * np.sin(steep))
    middle = (
        (top[0] + end[0]) / 2 + random.normal(0, 0.8),
        (top[1] + end[1]) / 2 + random.normal(0, 0.8),
    )
    bottom = (top[0] + random.normal(-2, 1.5), 24.0)
    canvas = _curve(np.zeros_like(image), [end, middle, top], random, 0.3)
    _curve(canvas, [top, ((top[0] + bottom[0]) / 2, 14), bottom], random, 0.4)
    if length < 10 and random.random() < 0.5:  # the pen stays down towards the next digit
        _curve(canvas, [bottom, (bottom[0] + random.uniform(2, 8), random.uniform(21.5, 24))], random, 0.3)
    elif random.random() < 0.15:
        _curve(canvas, [(bottom[0] - random.uniform(2, 6), 24), (bottom[0] + random.uniform(2, 6), 23.5)], random, 0.3)
    return canvas


def _two(image: Gray, random: np.random.Generator) -> Gray:
    kind = random.random()
    if kind < 0.25:  # a loop as round as a zero, closed by the stroke that leads down
        left, high = random.uniform(5, 8), random.uniform(12, 15)
        hook = [(random.uniform(15, 18), high - 2), ((left + 15) / 2, high), (left, random.uniform(7, 10))]
    elif kind < 0.6:  # a loop that is nearly closed
        hook = [(random.uniform(14, 18), random.uniform(9, 12)), (random.uniform(9, 12), 12), (7.5, 8)]
    elif kind < 0.9:
        hook = [(random.uniform(10, 16), random.uniform(8, 11)), (8, 8)]
    else:
        hook = [(7, 8)]
    loop = [(6, 22), (7, 20), (11, 21.5)] if random.random() < 0.5 else [(7, 22.5)]
    marks = [*hook, (10, 4.5), (15, 4), (18, 8), (15, 14), *loop, (21, random.uniform(20, 24))]
    return _curve(np.zeros_like(image), marks, random)


def _four(image: Gray, random: np.random.Generator) -> Gray:
    if random.random() < 0.35:  # in one stroke, like an h
        left, low = random.uniform(6, 9), random.uniform(12, 17)
        bow = [(left + 3, low - random.uniform(0, 3)), (left + random.uniform(7, 10), low - random.uniform(0, 2))]
        foot = (left + random.uniform(6, 11), random.uniform(21, 24))
        return _curve(np.zeros_like(image), [(left + random.uniform(-1, 5), 4), (left, low), *bow, foot], random, 0.5)
    low = random.uniform(11, 19)
    corner = [(6, low)] if random.random() < 0.5 else [(6.5, low - 2), (9, low)]
    start = (random.choice([8, random.uniform(8, 17)]), 4)  # upright, or as steep as the arm of a large L
    canvas = _curve(
        np.zeros_like(image), [start, *corner, (random.uniform(15, 23), low - random.uniform(-1, 2))], random
    )
    stem = random.uniform(max(14, start[0] + 1), 20)
    head = low - random.uniform(1, 5) if random.random() < 0.5 else random.uniform(3, low - 1)
    foot = (stem + random.normal(-1.5, 1.2), random.uniform(21, 25))
    marks = [(stem + 1, head), (stem, low), foot]
    return _curve(canvas, marks, random)


def _five(image: Gray, random: np.random.Generator) -> Gray:
    kind = random.random()
    if kind < 0.3:  # no bowl: a tick and a detached bar
        head = (random.uniform(11, 16), random.uniform(4, 8))
        canvas = np.zeros_like(image)
        tick = [(random.uniform(6, 9), random.uniform(11, 17)), (random.uniform(8, 11), random.uniform(20, 23)), head]
        _curve(canvas, tick, random, 0.4)
        return _curve(canvas, [head, (random.uniform(19, 25), head[1] + random.uniform(-2, 1))], random, 0.3)
    if kind < 0.6:  # in one stroke, like an S
        corner = random.uniform(8, 10.5)
        neck = [(random.uniform(16, 22), random.uniform(3.5, 5.5)), (corner + 2, 5), (corner, 9), (14, 12)]
        return _curve(np.zeros_like(image), [*neck, (18, 16.5), (14.5, 22), (8, random.uniform(20, 23))], random, 0.6)
    canvas = _curve(np.zeros_like(image), [(10, 4.5), (9, 11), (14, 10.5), (18, 15), (15, 21), (8, 22.5)], random)
    start = (random.uniform(9.5, 12), random.uniform(3, 6))
    return _curve(canvas, [start, (random.uniform(17, 25), start[1] - random.uniform(-0.5, 2.5))], random, 0.3)


def _seven(image: Gray, random: np.random.Generator) -> Gray:
    right = random.uniform(17, 21)
    short = random.uniform(0, 9) if random.random() < 0.3 else 0.0  # hardly any top
    start = [(random.uniform(6, 9) + short, random.uniform(7, 11))] if random.random() < 0.7 else []
    peak = random.uniform(8, 10) + short
    wave = [(peak, random.uniform(4, 5.5)), ((peak + right) / 2, random.uniform(4.5, 7.5)), (right, 4.5)]
    canvas = _curve(np.zeros_like(image), [*start, *wave], random, 0.5)
    foot = (random.uniform(9, 15), 24.0)
    middle = ((right + foot[0]) / 2 + random.normal(-0.5, 1), 14.0)
    _curve(canvas, [(right, 4.5), middle, foot], random, 0.3)
    if random.random() < 0.75:
        reach = random.uniform(3, 8, 2)
        tilt = random.uniform(-2, 1.5)
        row = random.uniform(12, 17)
        _curve(canvas, [(middle[0] - reach[0], row), (middle[0] + reach[1], row + tilt)], random, 0.3)
    return canvas


def _eight(image: Gray, random: np.random.Generator) -> Gray:
    """Draw from the upper right around both loops; the upper one may stay open."""
    left, right = random.uniform(8, 10.5), random.uniform(17.5, 20)
    waist = (random.uniform(12.5, 15.5), random.uniform(10.5, 13))
    low = [(right, 17.5), (14, random.uniform(22.5, 24)), (left - 1, 18)]
    end = (random.uniform(15, 20), random.uniform(3.5, 8))
    start = (random.uniform(14, 19), random.uniform(3.5, 6.5))
    return _curve(np.zeros_like(image), [start, (12.5, 4.5), (left, 8), waist, *low, waist, end], random, 0.5)


def _nine(image: Gray, random: np.random.Generator) -> Gray:
    wide, high = random.uniform(2.8, 6), random.uniform(2.6, 4.6)
    middle = (random.uniform(12.5, 15), 4 + high)
    # The loop begins and ends at the stem: at its right, below it as on a lollipop, or at its left as in a P.
    start = -20 if random.random() < 0.4 else random.uniform(40, 200)
    turn = np.deg2rad(start - np.array([0, 70, 140, 210, 280, 350]) + random.uniform(-15, 15))
    head = [(middle[0] + wide * np.cos(angle), middle[1] + high * np.sin(angle)) for angle in turn]
    foot = (middle[0] + random.uniform(-6, 6), random.uniform(21, 24))
    bow = random.uniform(-1, 2)
    stem = [((head[-1][0] + foot[0]) / 2 + bow, (head[-1][1] + foot[1]) / 2), foot]
    tail = [(foot[0] - 3, 24.0), (foot[0] - random.uniform(5, 8), 21.5)][: int(random.integers(0, 3))]
    return _curve(np.zeros_like(image), [*head, *stem, *tail], random, 0.4)


def _zero(image: Gray, random: np.random.Generator) -> Gray:
    rows, columns = np.nonzero(image > 96)
    if len(rows) == 0:
        return image
    top = rows.min() + random.uniform(0, 0.25) * np.ptp(rows)
    start = float(columns[rows <= top + 1].mean()) if (rows <= top + 1).any() else 14.0
    reach = random.uniform(4, 12)
    marks = [
        (start, top),
        (start + reach / 2, top + random.uniform(-2, 2.5)),
        (start + reach, top + random.normal(0, 2)),
    ]
    return _curve(image.copy(), marks, random, 0.3, WIDE)


# The share of each digit that is redrawn, and the function for it.
SHAPES = {
    0: (0.2, _zero),
    1: (0.5, _one),
    2: (0.45, _two),
    4: (0.5, _four),
    5: (0.45, _five),
    7: (0.45, _seven),
    8: (0.15, _eight),
    9: (0.55, _nine),
}


def _curve(canvas: Gray, marks: Points, random: np.random.Generator, loose: float = 0.7, pen: int = SLIM) -> Gray:
    """Draw a curved stroke through marks (x, y), each moved at random by about `loose` pixels."""
    points = np.asarray(marks, np.float64) + random.normal(0, loose, (len(marks), 2))
    draw_stroke(canvas, np.clip(spline_through(points, STEPS), 1, 26).tolist(), pen)
    return canvas
