"""Draws digits in shapes that other schools teach and that are rare or missing in MNIST, with random parameters.

Ones with a flag or a foot, slashed zeros and zeros that lead on to the next digit, hooked and looped twos, open fours,
fives with a detached bar, wavy and crossed sevens, open eights, nines with a foot or a curl. Coordinates are (x, y) in
a box of 28 by 28, y downward.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from train.augmentation.strokes import spline_through
from train.synthetic.scenes.types import Curve, Points, Random

STEPS = 6  # points of a curve from one of its given points to the next
PLAIN_WRITERS = 0.45  # share of writers who write all digits as MNIST's do
SHARE = 0.3  # of the labels of any other writer are drawn here
LOOSE = 0.35  # pixels of the box: standard deviation of the drift along a stroke


def choose_variants(random: Random) -> dict[int, int]:
    """Return the labels that a writer draws in one of these shapes, each with the seed of its variant."""
    if random.random() < PLAIN_WRITERS:
        return {}
    return {label: int(random.integers(1 << 30)) for label in SHAPES if random.random() < SHARE}


def draw(label: int, variant: int, random: Random) -> list[Points]:
    """Return the strokes of a digit, float32 (n, 2) each.

    variant: seed of the shape. random: how this digit differs from others of the same variant.
    """
    paths = SHAPES[label](np.random.default_rng(variant))
    return [np.asarray(path + _drift(len(path), random), np.float32) for path in paths]


def _drift(count: int, random: Random) -> Curve:
    """Return smooth random shifts (count, 2) along a path."""
    knots = max(2, count // 5)
    along = np.linspace(0, knots - 1, count)
    return np.stack([np.interp(along, np.arange(knots), random.normal(0, LOOSE, knots)) for _ in range(2)], 1)


def _curve(*points: tuple[float, float]) -> Curve:
    """Return a smooth curve through points."""
    return spline_through(np.asarray(points, np.float64), STEPS)


def _line(*corners: tuple[float, float]) -> Curve:
    """Return straight lines from corner to corner."""
    points = np.asarray(corners, np.float64)
    parts = [np.linspace(start, stop, STEPS, endpoint=False) for start, stop in pairwise(points)]
    return np.vstack([*parts, points[-1:]])


def _zero(random: Random) -> list[Curve]:
    across, down = random.uniform(5, 8.5), 10.0  # half axes
    start, lean = random.uniform(-0.6, 0.6), random.uniform(-2, 2)
    gap = random.uniform(-0.5, 0.35)  # below 0 the ends overlap
    angles = start - np.pi / 2 - np.linspace(gap / 2, 2 * np.pi - gap / 2, 26)
    x, y = 14 + across * np.cos(angles), 14 + down * np.sin(angles)
    paths = [np.stack([x - lean * (y - 14) / 10, y], 1)]
    kind = random.random()
    if kind < 0.45:  # slashed
        over = random.uniform(0.7, 1.15)
        paths.append(
            _line(
                (14 + over * across * 0.8, 14 - over * down * 0.75), (14 - over * across * 0.8, 14 + over * down * 0.75)
            )
        )
    elif kind < 0.75:  # leads on to the next digit
        reach = random.uniform(4, 9)
        end = paths[0][0]
        paths.append(
            _curve((end[0], end[1]), (end[0] + reach / 2, end[1] + random.uniform(-2, 2)), (end[0] + reach, end[1]))
        )
    return paths


def _one(random: Random) -> list[Curve]:
    top = (random.uniform(13, 18), 4.0)
    foot = (top[0] + random.normal(-1.5, 1.5), 24.0)
    length, steep = random.uniform(4, 22), np.deg2rad(random.uniform(35, 80))
    end = (top[0] - length * np.cos(steep), top[1] + length * np.sin(steep))
    bow = random.normal(0, 0.8)
    if random.random() < 0.7:
        paths = [
            np.vstack(
                [
                    _curve(end, ((end[0] + top[0]) / 2 + bow, (end[1] + top[1]) / 2 + bow), top),
                    _line(top, foot),
                ]
            )
        ]
    else:
        paths = [_line(top, foot)]
    if random.random() < 0.35:
        left, right, tilt = random.uniform(2, 7), random.uniform(2, 7), random.uniform(-1, 1)
        paths.append(_line((foot[0] - left, 24 + tilt), (foot[0] + right, 24 - tilt)))
    return paths


def _two(random: Random) -> list[Curve]:
    kind = random.random()
    if kind < 0.3:  # a loop as round as a zero, closed by the stroke that leads down
        left, high = random.uniform(6, 9), random.uniform(11, 14)
        hook = [(random.uniform(14, 18), high - 2), ((left + 15) / 2, high), (left, random.uniform(7, 10))]
    elif kind < 0.6:
        hook = [(random.uniform(10, 15), random.uniform(8, 11)), (8, 8)]
    else:
        hook = [(7, random.uniform(7, 10))]
    foot = [(6, 22), (7, 19.5), (11, 21.5)] if random.random() < 0.6 else [(7, 23)]
    return [_curve(*hook, (10, 4.5), (15, 4), (18.5, 8), (15, 14), *foot, (21, random.uniform(20.5, 24)))]


def _three(random: Random) -> list[Curve]:
    if random.random() < 0.5:  # flat top
        corner = (random.uniform(17, 20), random.uniform(4, 5.5))
        waist = (random.uniform(11, 14), random.uniform(10.5, 12.5))
        return [
            np.vstack(
                [
                    _line((random.uniform(6, 9), random.uniform(4, 6)), corner, waist),
                    _curve(waist, (18, 14), (18.5, 19.5), (13, 24), (7, 21)),
                ]
            )
        ]
    waist = (random.uniform(12, 16), random.uniform(11.5, 13.5))
    return [
        np.vstack(
            [
                _curve((random.uniform(7, 9), random.uniform(5, 8)), (13, 4), (18, 8), waist),
                _curve(
                    waist, (19, 17.5), (14, random.uniform(23, 24.5)), (random.uniform(6, 9), random.uniform(19, 22))
                ),
            ]
        )
    ]


def _four(random: Random) -> list[Curve]:
    kind = random.random()
    if kind < 0.2:  # in one stroke, like an h
        left, low = random.uniform(6, 9), random.uniform(12, 16)
        return [
            _curve(
                (left + random.uniform(-1, 4), 4),
                (left, low),
                (left + 4, low - 2.5),
                (left + random.uniform(7, 10), low - 1),
                (left + random.uniform(6, 11), 24),
            )
        ]
    low = random.uniform(13, 18)
    stem = random.uniform(15, 20)
    if kind < 0.5:  # closed at the top
        return [
            _line((stem, 4), (random.uniform(5, 8), low), (stem + random.uniform(2, 5), low + random.uniform(-1, 1))),
            _line((stem, 4), (stem + random.normal(-0.5, 1), 24)),
        ]
    start = (random.uniform(7, 13), 4)
    corner = (random.uniform(5, 8), low)
    return [
        _line(start, corner, (stem + random.uniform(2, 5), low - random.uniform(-1, 2))),
        _line(
            (stem + random.uniform(-0.5, 1.5), random.uniform(4, low - 2)),
            (stem, low),
            (stem + random.normal(-1.2, 1), 24.5),
        ),
    ]


def _five(random: Random) -> list[Curve]:
    kind = random.random()
    if kind < 0.3:  # in one stroke, like an S
        corner = random.uniform(8, 10.5)
        return [
            _curve(
                (random.uniform(16, 21), random.uniform(3.5, 5.5)),
                (corner + 2, 5),
                (corner, 9),
                (14, 12),
                (18, 16.5),
                (14.5, 22.5),
                (8, random.uniform(20, 23)),
            )
        ]
    head = (random.uniform(9, 11), random.uniform(4, 6))
    body = np.vstack(
        [
            _line(head, (random.uniform(8, 9.5), 11.5)),
            _curve((8.5, 11.5), (14, 10.5), (18.5, 15.5), (15, 22), (7.5, random.uniform(21, 24))),
        ]
    )
    lift = random.uniform(-0.5, 2.5)  # the bar is above the body and does not touch it
    right = random.uniform(16, 24)
    rise = random.uniform(-1.5, 2)
    bar = _curve(
        (head[0] + random.uniform(-0.5, 2), head[1] - lift),
        ((head[0] + right) / 2, head[1] - lift - rise),
        (right, head[1] - lift - 0.6 * rise),
    )
    return [body, bar]


def _six(random: Random) -> list[Curve]:
    across, low = random.uniform(4, 6.5), random.uniform(12, 15)  # half of the width of the bowl, and its top
    return [
        _curve(
            (random.uniform(14, 19), random.uniform(3, 5)),
            (9.5, 11),
            (8, 18),
            (8 + across, 24),
            (8 + 2 * across, 18.5),
            (8 + across, low),
            (8.2, random.uniform(17, 20)),
        )
    ]


def _seven(random: Random) -> list[Curve]:
    right = random.uniform(17, 21)
    left = random.uniform(6, 9)
    foot = (random.uniform(9, 15), 24.5)
    kind = random.random()
    if kind < 0.5:  # a wavy top
        start = [(left, random.uniform(6.5, 10))] if random.random() < 0.7 else []
        top = _curve(
            *start,
            (left + random.uniform(1, 3), random.uniform(4, 5.5)),
            ((left + right) / 2 + 1, random.uniform(5, 7.5)),
            (right, 4.5),
        )
    elif kind < 0.7:  # a short flag
        top = _line((right - random.uniform(5, 8), random.uniform(4, 5.5)), (right, 4.5))
    else:
        top = _line((left, random.uniform(4, 5.5)), (right, 4.5))
    middle = ((right + foot[0]) / 2 + random.normal(-0.5, 1), 14.0)
    paths = [np.vstack([top, _curve((right, 4.5), middle, foot)])]
    if random.random() < 0.7:
        reach, tilt, row = random.uniform(2.5, 6, 2), random.uniform(-1.5, 1.5), random.uniform(12.5, 16)
        paths.append(_line((middle[0] - reach[0], row + tilt), (middle[0] + reach[1], row - tilt)))
    return paths


def _eight(random: Random) -> list[Curve]:
    if random.random() < 0.3:  # two circles
        upper, lower = random.uniform(3.5, 5), random.uniform(4.5, 6)
        turn = np.linspace(0, 2 * np.pi, 18) + random.uniform(0, 6)
        return [
            np.stack([14 + 0.95 * upper * np.cos(turn), 4 + upper + upper * np.sin(turn)], 1),
            np.stack([14 + lower * np.cos(turn), 24 - lower + lower * np.sin(turn)], 1),
        ]
    left, right = random.uniform(8, 10.5), random.uniform(17.5, 20)
    waist = (random.uniform(12.5, 15.5), random.uniform(11, 13))
    end = (random.uniform(14.5, 18.5), random.uniform(3.5, 7))
    start = (random.uniform(14.5, 18.5), random.uniform(3.8, 6))
    return [_curve(start, (12.5, 4.5), (left, 8), waist, (right, 17.5), (14, 23.5), (left - 1, 18), waist, end)]


def _nine(random: Random) -> list[Curve]:
    across, down = random.uniform(3.5, 6), random.uniform(3.2, 4.8)  # half axes of the head
    middle = (random.uniform(12.5, 15), 4 + down)
    turn = np.deg2rad(-20 - np.linspace(0, 350, 14) + random.uniform(-15, 15))
    head = np.stack([middle[0] + across * np.cos(turn), middle[1] + down * np.sin(turn)], 1)
    foot = (middle[0] + random.uniform(-4, 5), random.uniform(22, 24.5))
    stem = [
        (head[-1][0], head[-1][1]),
        ((head[-1][0] + foot[0]) / 2 + random.uniform(-0.5, 2), (head[-1][1] + foot[1]) / 2),
        foot,
    ]
    curl = [(foot[0] - 3, 24.5), (foot[0] - random.uniform(5, 8), random.uniform(20, 22.5))]
    tail = curl[: int(random.integers(0, 3))]
    paths = [np.vstack([head, _curve(*stem, *tail)])]
    if not tail and random.random() < 0.3:
        paths.append(_line((foot[0] - random.uniform(1, 4), foot[1]), (foot[0] + random.uniform(1, 4), foot[1])))
    return paths


SHAPES: dict[int, Callable[[Random], list[Curve]]] = dict(
    enumerate((_zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine))
)
