"""Draws surfaces: paper, boards, screens, desks, cloth, and photograph-like images without writing.

Surfaces are gray levels, float32 (height, width), 0 to 255, if not said otherwise.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes.fields import Fields, soften
from train.synthetic.scenes.types import Level, Mask, Random, Shape


def paper(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return paper of one colour: smooth, fibrous, crumpled or recycled."""
    bright = random.uniform(175, 252) if random.random() < 0.7 else random.uniform(100, 200)
    level = np.full(shape, bright, np.float32)
    kind = random.random()
    if kind < 0.55:
        level *= 1 + np.float32(random.uniform(0, 0.015)) * fields.window(shape, 1, random)
    elif kind < 0.65:
        strength = np.float32(random.uniform(0.005, 0.03))
        level *= 1 + strength * fields.window(shape, int(random.integers(1, 3)), random, (3, 1))
    elif kind < 0.85:
        level *= crumple(shape, fields, random)
    else:
        level *= 1 + np.float32(random.uniform(0.01, 0.05)) * fields.window(shape, int(random.integers(1, 4)), random)
    return level


def crumple(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return the light and shade of creased paper: factors around 1."""
    height, width = shape
    shade = np.zeros(shape, np.float32)
    down, across = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(int(random.integers(2, 14))):
        angle, offset = random.uniform(0, np.pi), random.uniform(-0.6, 0.6) * max(shape)
        distance = np.cos(angle) * (across - width / 2) + np.sin(angle) * (down - height / 2) - offset
        reach = random.uniform(0.05, 0.5) * max(shape)
        fold = np.clip(distance / np.float32(reach), -1, 1)
        shade += np.float32(random.normal(0, 0.05)) * np.sign(fold) * (1 - np.abs(fold))
    shade += np.float32(random.uniform(0, 0.02)) * fields.window(shape, 4, random)
    return np.asarray(1 + shade, np.float32)


def board(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return a chalkboard with wiped chalk."""
    level = np.full(shape, random.uniform(22, 85), np.float32)
    level += np.float32(random.uniform(1, 9)) * fields.window(shape, 4, random, (2, 1))
    level += np.float32(random.uniform(1, 5)) * fields.window(shape, 2, random, (5, 1))
    return level


def whiteboard(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return a whiteboard with uneven light."""
    level = np.full(shape, random.uniform(150, 225), np.float32)
    level += np.float32(random.uniform(0, 5)) * fields.window(shape, 4, random)
    return level


def screen(shape: Shape, random: Random) -> Level:
    """Return the screen of a phone or laptop: one level, and a fine pattern of pixels."""
    level = np.full(shape, random.choice([random.uniform(5, 60), random.uniform(190, 255)]), np.float32)
    if random.random() < 0.6:
        height, width = shape
        down, across = np.mgrid[:height, :width].astype(np.float32)
        pitch, angle = random.uniform(1.6, 4), random.normal(0, 0.1)
        wave = np.sin(6.2832 * (across * np.cos(angle) + down * np.sin(angle)) / pitch)
        wave = wave + np.sin(6.2832 * (down * np.cos(angle) - across * np.sin(angle)) / pitch)
        level += np.float32(random.uniform(1, 9)) * wave
    return level


def security(shape: Shape, size: float, random: Random) -> Level:
    """Return fine printed waves, as on cheques: factors up to 1. size: a digit's height, pixels."""
    height, width = shape
    down, across = np.mgrid[:height, :width].astype(np.float32)
    factor = np.ones(shape, np.float32)
    for _ in range(int(random.integers(1, 3))):
        pitch = np.float32(max(2.5, random.uniform(0.08, 0.5) * size))
        kind = random.random()
        if kind < 0.3:  # circles
            centre = random.uniform(-0.5, 1.5, 2) * (width, height)
            distance = np.hypot(across - np.float32(centre[0]), down - np.float32(centre[1]))
        else:
            angle = random.uniform(0, np.pi) if kind < 0.6 else random.normal(0, 0.15)
            distance = np.float32(np.cos(angle)) * down + np.float32(np.sin(angle)) * across
        length = random.uniform(0.4, 4) * size
        swing = random.uniform(0, 1.0) * min(float(pitch), 0.2 * length)
        distance = distance + np.float32(swing) * np.sin((across + np.float32(0.4) * down) / np.float32(length / 6.283))
        wave = (0.5 + 0.5 * np.cos(distance * np.float32(6.2832) / pitch)) ** np.float32(random.uniform(1, 6))
        factor *= 1 - np.float32(0.02 + 0.3 * random.random() ** 2) * wave
    return factor


def desk(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return what a sheet of paper may lie on: wood, stone, cloth, carpet, a plain table, tiles."""
    base = np.float32(random.uniform(15, 200) if random.random() < 0.4 else random.uniform(10, 95))
    kind = random.random()
    if kind < 0.25:
        level = np.full(shape, base, np.float32)
        return level + np.float32(random.uniform(0, 6)) * fields.window(shape, int(random.integers(1, 5)), random)
    if kind < 0.55:
        return wood(shape, float(base), fields, random)
    if kind < 0.75:  # carpet, cloth
        smooth = int(random.integers(0, 4))
        zoom = random.uniform(1, 3)
        rough = fields.window(shape, smooth, random, (zoom, zoom * random.uniform(0.6, 1.6)))
        cloth = base * (1 + np.float32(random.uniform(0.08, 0.5)) * rough)
        if random.random() < 0.4:
            cloth = cloth * (0.85 + 0.15 * np.sign(_stripes(shape, random)))
        return np.asarray(np.clip(cloth, 0, 255), np.float32)
    if kind < 0.88:
        return pattern(shape, fields, random)
    return photograph(shape, fields, random)


def wood(shape: Shape, base: float, fields: Fields, random: Random) -> Level:
    """Return wood with grain in one direction and, in some cases, joints between boards. base: mean gray level."""
    zoom = (random.uniform(8, 30), random.uniform(0.7, 2.5))
    horizontal = bool(random.random() < 0.5)
    sides = shape if horizontal else (shape[1], shape[0])
    grain = fields.window(sides, int(random.integers(2, 4)), random, zoom)
    fine = fields.window(sides, 1, random, (zoom[0] / 2, 1))
    level = base * (1 + np.float32(random.uniform(0.05, 0.25)) * grain + np.float32(random.uniform(0, 0.08)) * fine)
    if random.random() < 0.3:
        step = int(random.uniform(0.2, 0.6) * sides[0]) + 4
        start = int(random.integers(0, step))
        for row in range(start, sides[0], step):
            level[row : row + max(1, sides[0] // 150)] *= 0.5
    level = level if horizontal else level.T
    return np.ascontiguousarray(np.clip(level, 0, 255), np.float32)


def pattern(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return a texture: stripes, checks, hatching, blocks of gray levels, or blots."""
    kind = int(random.integers(6))
    low, high = np.sort(random.uniform(0, 255, 2))
    if kind == 0:
        wave = _stripes(shape, random)
    elif kind == 1:
        wave = _stripes(shape, random) * _stripes(shape, random)
    elif kind == 2:
        wave = np.maximum(_stripes(shape, random), _stripes(shape, random))
    elif kind == 3:  # blocks
        cell = int(random.integers(2, 14))
        coarse = random.standard_normal((-(-shape[0] // cell), -(-shape[1] // cell))).astype(np.float32)
        wave = np.kron(coarse, np.ones((cell, cell), np.float32))[: shape[0], : shape[1]]
    elif kind == 4:  # blots
        zoom = random.uniform(0.7, 3)
        wave = fields.window(shape, int(random.integers(1, 5)), random, (zoom, zoom))
    else:
        wave = _stripes(shape, random) + fields.window(shape, int(random.integers(1, 4)), random)
    if random.random() < 0.6:
        wave = np.tanh(wave * random.uniform(1, 8))
    span = max(1e-3, float(np.abs(wave).max()))
    return np.asarray(low + (high - low) * (0.5 + 0.5 * wave / span), np.float32)


def _stripes(shape: Shape, random: Random) -> Level:
    """Return a sine wave in a random direction, -1 to 1."""
    height, width = shape
    down, across = np.mgrid[:height, :width].astype(np.float32)
    angle, pitch = random.uniform(0, np.pi), random.uniform(4, 40)
    return np.asarray(np.sin((across * np.cos(angle) + down * np.sin(angle)) * np.float32(6.2832 / pitch)), np.float32)


def photograph(shape: Shape, fields: Fields, random: Random) -> Level:
    """Return what resembles a photograph: light and dark areas, edges, round objects, windows, branches; no writing."""
    height, width = shape
    side = float(max(shape))
    base, strength = random.uniform(40, 220), random.uniform(10, 60)
    level = np.asarray(base + strength * fields.window(shape, 5, random, (1 + side / 300,) * 2), np.float32)
    ramp = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    level += np.float32(random.normal(0, 40)) * ramp
    for _ in range(int(random.integers(2, 16))):
        mask = np.zeros(shape, np.uint8)
        centre = random.uniform((0, 0), (width, height))
        _shape(mask, centre, side, random)
        blur = random.choice([0.0, random.uniform(0.5, 4), random.uniform(4, 20)], p=[0.5, 0.35, 0.15])
        coverage = soften(mask, float(blur)) if blur else mask.astype(np.float32) / np.float32(255)
        weight = coverage * np.float32(random.uniform(0.4, 1))
        tone = np.float32(random.uniform(0, 255))
        flat = random.random() < 0.5
        inner = tone if flat else tone * (1 + 0.3 * fields.window(shape, int(random.integers(0, 5)), random))
        level += weight * (inner - level)
    return np.asarray(np.clip(level, 0, 255), np.float32)


def _shape(mask: Mask, centre: NDArray[np.float64], side: float, random: Random) -> None:
    """Draw a random object on a mask. centre: (x, y). side: the longer side of the image; both in pixels."""
    kind = random.random()
    if kind < 0.3:  # an ellipse
        axes = random.uniform(0.02, 0.35, 2) * side
        cv2.ellipse(mask, (tuple(centre), tuple(2 * axes), random.uniform(0, 180)), (255,), -1, cv2.LINE_AA)
        if random.random() < 0.3:
            cv2.ellipse(mask, (tuple(centre), tuple(1.5 * axes), random.uniform(0, 180)), (0,), -1, cv2.LINE_AA)
    elif kind < 0.55:  # a polygon
        count = int(random.integers(3, 8))
        angles = np.sort(random.uniform(0, 2 * np.pi, count))
        reach = random.uniform(0.03, 0.4) * side * random.uniform(0.4, 1, count)
        points = centre + np.stack([reach * np.cos(angles), reach * np.sin(angles)], 1)
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (255,), cv2.LINE_AA)
    elif kind < 0.7:
        _grid(mask, centre, side, random)
    elif kind < 0.9:
        _branches(mask, centre, side, random)
    else:  # a polyline
        points = np.cumsum(random.normal(0, 0.12 * side, (int(random.integers(2, 8)), 2)), 0) + centre
        thick = int(random.integers(1, 9))
        cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, (255,), thick, cv2.LINE_AA)


def _grid(mask: Mask, centre: NDArray[np.float64], side: float, random: Random) -> None:
    """Draw bars or windows in a grid, like a facade or a fence."""
    step, size = random.uniform(0.03, 0.15, 2) * side, random.uniform(0.3, 0.9, 2)
    columns, rows = (int(each) for each in random.integers(2, 9, 2))
    lean = random.normal(0, 0.1)
    for row in range(rows):
        for column in range(columns):
            x, y = centre[0] + column * step[0], centre[1] + row * step[1] + lean * column * step[0]
            corners = np.array([[x, y], [x + size[0] * step[0], y + lean * step[0]]])
            end = corners[1] + (0, size[1] * step[1])
            start = corners[0] + (0, size[1] * step[1])
            cv2.fillPoly(mask, [np.rint(np.array([*corners, end, start])).astype(np.int32)], (255,), cv2.LINE_AA)


def _branches(mask: Mask, centre: NDArray[np.float64], side: float, random: Random) -> None:
    """Draw lines that branch, like twigs, hair or cables."""
    heads = [(centre, random.uniform(0, 2 * np.pi), random.uniform(0.005, 0.03) * side)]
    for _ in range(int(random.integers(8, 60))):
        place, angle, thick = heads[int(random.integers(len(heads)))]
        angle = angle + random.normal(0, 0.5)
        end = place + random.uniform(0.02, 0.15) * side * np.array((np.cos(angle), np.sin(angle)))
        ends = np.rint([place, end]).astype(int).tolist()
        cv2.line(mask, tuple(ends[0]), tuple(ends[1]), (255,), max(1, round(thick)), cv2.LINE_AA)
        heads.append((end, angle, thick * random.uniform(0.6, 1)))
