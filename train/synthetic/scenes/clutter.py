"""Draws what surrounds or crosses numbers: boxes, rings, rules, scribbles, holes, stains, staples, objects, fingers.

Most functions only add to the coverage of a canvas (see `Canvas`), in page coordinates. Lengths, places and radii are
in pixels of the page; a radius is half of the stroke width.
"""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from edge_runtime.segmentation.outputs import Kind
from train.augmentation.strokes import spline_through
from train.synthetic.scenes.canvas import Canvas
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.types import Box, Curve, Random

Place = tuple[float, float]  # x and y


def line(*corners: Place, step: float = 12.0) -> Curve:
    """Return a path from corner to corner, (n, 2), with points about `step` pixels apart, so that waves bend it."""
    found = []
    for start, stop in pairwise(corners):
        count = max(2, int(np.hypot(stop[0] - start[0], stop[1] - start[1]) / step))
        found.append(np.linspace(start, stop, count, endpoint=False))
    return np.vstack([*found, np.asarray(corners[-1:], np.float64)])


def shake(points: Curve, amount: float, random: Random) -> Curve:
    """Return a path (n, 2) with smooth random deviations, as if drawn by hand. amount: standard deviation, pixels."""
    knots = max(2, len(points) // 6)
    along = np.linspace(0, knots - 1, len(points))
    drift = np.stack([np.interp(along, np.arange(knots), random.normal(0, amount, knots)) for _ in range(2)], 1)
    return np.asarray(points + drift, np.float64)


def disk(place: Place, radius: float, count: int = 20) -> Curve:
    """Return a circle as a polygon of `count` points."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.asarray(place) + radius * np.stack([np.cos(turn), np.sin(turn)], 1)


# Around numbers


def box(canvas: Canvas, at: Box, radius: float, random: Random, by_hand: bool = False) -> None:
    """Draw a rectangle, by hand or printed, which may have rounded corners."""
    left, top, right, bottom = at
    if by_hand:
        over = 0.06 * (bottom - top)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top - over)]
        canvas.path(shake(line(*corners), 0.015 * (bottom - top), random), radius)
        return
    if random.random() < 0.15:
        bend = min(right - left, bottom - top) * random.uniform(0.1, 0.35)
        turn = np.linspace(0, np.pi / 2, 6)
        rounded = []
        for x, y, start in (
            (right - bend, top + bend, -np.pi / 2),
            (right - bend, bottom - bend, 0),
            (left + bend, bottom - bend, np.pi / 2),
            (left + bend, top + bend, np.pi),
        ):
            rounded += [(x + bend * np.cos(start + each), y + bend * np.sin(start + each)) for each in turn]
        canvas.path(line(*rounded, rounded[0]), radius)
        return
    canvas.path(line((left, top), (right, top), (right, bottom), (left, bottom), (left, top)), radius)


def comb(canvas: Canvas, at: Box, edges: Sequence[float], radius: float, random: Random) -> None:
    """Draw joined boxes, or a base line with short dividers. edges: x of the inner dividers."""
    left, top, right, bottom = at
    low = random.random() < 0.35
    start = bottom - random.uniform(0.2, 0.5) * (bottom - top) if low else top
    canvas.path(line((left, bottom), (right, bottom)), radius)
    if not low:
        canvas.path(line((left, top), (right, top)), radius)
    for x in (left, *edges, right):
        canvas.path(line((x, start), (x, bottom)), radius)


def ring(canvas: Canvas, at: Box, radius: float, random: Random) -> None:
    """Draw an ellipse around a box by hand, closed or nearly closed."""
    left, top, right, bottom = at
    middle = np.array(((left + right) / 2, (top + bottom) / 2))
    axes = np.array(((right - left) / 2, (bottom - top) / 2)) * random.uniform(1.15, 1.6) + 0.12 * (bottom - top)
    start, length = random.uniform(0, 6.28), random.uniform(5.8, 7.4)
    turn = start + np.linspace(0, length, 40)
    grow = 1 + random.normal(0, 0.05) * np.linspace(-1, 1, 40)
    points = middle + np.stack([axes[0] * np.cos(turn), axes[1] * np.sin(turn)], 1) * grow[:, None]
    canvas.path(shake(points, 0.02 * axes[1], random), radius)
    if random.random() < 0.1:
        canvas.path(shake(middle + 1.12 * (points - middle), 0.03 * axes[1], random), radius)


def underline(canvas: Canvas, at: Box, radius: float, random: Random) -> None:
    """Draw one or two lines below a box."""
    left, top, right, bottom = at
    height = bottom - top
    for number in range(1 if random.random() < 0.7 else 2):
        y = bottom + (0.12 + random.uniform(0, 0.15) + 0.13 * number) * height
        over = random.uniform(-0.1, 0.5, 2) * height
        fall = random.normal(0, 0.04) * height
        canvas.path(shake(line((left - over[0], y - fall), (right + over[1], y + fall)), 0.01 * height, random), radius)


def strike(canvas: Canvas, at: Box, radius: float, random: Random) -> None:
    """Strike out the content of a box with one or two lines, a cross or a scribble."""
    left, top, right, bottom = at
    height = bottom - top
    kind = random.random()
    if kind < 0.3:
        y = (top + bottom) / 2 + random.normal(0, 0.06) * height
        for shift in (0.0, 0.12 * height)[: 1 if random.random() < 0.6 else 2]:
            points = line((left - 0.1 * height, y + shift), (right + 0.1 * height, y + shift))
            canvas.path(shake(points, 0.02 * height, random), radius)
    elif kind < 0.5:
        canvas.path(shake(line((left, top), (right, bottom)), 0.02 * height, random), radius)
        canvas.path(shake(line((left, bottom), (right, top)), 0.02 * height, random), radius)
    else:
        scribble(canvas, at, radius, random)


# On the page


def scribble(canvas: Canvas, at: Box, radius: float, random: Random) -> None:
    """Draw a dense zigzag, or loops, over a box."""
    left, top, right, bottom = at
    turns = max(4, int((right - left) / (bottom - top + 1e-6) * random.uniform(4, 9)))
    x = np.linspace(left, right, 2 * turns) + random.normal(0, 0.06, 2 * turns) * (bottom - top)
    y = np.where(np.arange(2 * turns) % 2, top, bottom) + random.normal(0, 0.1, 2 * turns) * (bottom - top)
    points = np.stack([x, y], 1)
    if random.random() < 0.5:
        points = points[random.permutation(len(points))]
    canvas.path(spline_through(points, 6) if random.random() < 0.7 else points, radius)


def doodle(canvas: Canvas, place: Place, size: float, radius: float, random: Random) -> None:
    """Draw a random curve, a spiral, a tick, an arrow or a star, about `size` large."""
    middle = np.asarray(place)
    kind = random.random()
    if kind < 0.4:  # a curve
        points = middle + np.cumsum(random.normal(0, 0.35 * size, (int(random.integers(3, 9)), 2)), 0)
        canvas.path(spline_through(points, 8), radius)
    elif kind < 0.55:  # a spiral
        turn = np.linspace(0, random.uniform(6, 30), 80)
        grow = np.linspace(0.1, 1, 80) * size * random.uniform(0.4, 1)
        canvas.path(middle + np.stack([grow * np.cos(turn), grow * np.sin(turn)], 1), radius)
    elif kind < 0.7:  # a tick
        canvas.path(middle + size * np.array([[-0.4, 0], [-0.1, 0.4], [0.6, -0.6]]), radius)
    elif kind < 0.85:  # an arrow
        angle = random.uniform(0, 6.28)
        along = np.array((np.cos(angle), np.sin(angle))) * size * random.uniform(0.8, 2.5)
        end = middle + along
        canvas.path(line(tuple(middle), tuple(end)), radius)
        for back_angle in (angle + 2.6, angle - 2.6):
            back = np.array((np.cos(back_angle), np.sin(back_angle))) * 0.3 * size
            canvas.path(np.stack([end, end + back]), radius)
    else:  # a star
        for angle in np.arange(3) * np.pi / 3 + random.uniform(0, 1):
            arm = 0.5 * size * np.array((np.cos(angle), np.sin(angle)))
            canvas.path(np.stack([middle - arm, middle + arm]), radius)


def holes(canvas: Canvas, page: Box, size: float, random: Random) -> None:
    """Draw punched holes along an edge of the page, as disks. size: a digit's height."""
    left, top, right, bottom = page
    radius = random.uniform(0.12, 0.45) * size
    count = int(random.choice([1, 2, 4, 20]))
    upright = random.random() < 0.7
    edge = random.uniform(1.0, 2.5) * radius + 2
    for number in range(count):
        share = (number + 0.5) / count + random.normal(0, 0.01)
        if upright:
            place = (left + edge if random.random() < 0.95 else right - edge, top + share * (bottom - top))
        else:
            place = (left + share * (right - left), top + edge)
        canvas.polygon([disk(place, radius)])


def stain(canvas: Canvas, place: Place, size: float, random: Random) -> None:
    """Draw the ring that a cup leaves, or a splash of drops. size: a digit's height."""
    middle = np.asarray(place)
    if random.random() < 0.6:
        radius = random.uniform(0.8, 2.5) * size
        start, length = random.uniform(0, 6.28), random.uniform(2.5, 6.4)
        turn = start + np.linspace(0, length, 60)
        points = middle + radius * np.stack([np.cos(turn), random.uniform(0.85, 1) * np.sin(turn)], 1)
        widths = 0.7 + 0.5 * np.abs(np.sin(turn * random.uniform(0.5, 3)))
        canvas.path(points, random.uniform(0.03, 0.12) * size, widths=widths)
    else:
        for _ in range(int(random.integers(2, 9))):
            drop = disk(tuple(middle + random.normal(0, size, 2)), random.uniform(0.03, 0.3) * size)
            canvas.polygon([shake(drop, 0.02 * size, random)])


def specks(canvas: Canvas, page: Box, random: Random) -> None:
    """Draw dust: 3 to 39 dots of up to three pixels."""
    for _ in range(int(random.integers(3, 40))):
        place = random.uniform(page[:2], page[2:])
        canvas.path(np.stack([place, place + random.normal(0, 0.6, 2)]), random.uniform(0.3, 1.3))


def stamp(canvas: Canvas, place: Place, size: float, random: Random) -> None:
    """Draw the frame of a stamp: two circles or rectangles, rotated. size: its radius."""
    middle, turn = np.asarray(place), random.uniform(-0.5, 0.5)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    for grow in (1.0, random.uniform(0.75, 0.92)):
        if random.random() < 0.6:
            circle = disk(tuple(middle), grow * size, 40)
            canvas.path(np.vstack([circle, circle[:1]]), 0.03 * size)
        else:
            half = np.array((1.4, 0.6)) * grow * size
            corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * half @ rotation + middle
            canvas.path(line(*map(tuple, corners)), 0.03 * size)


def staple(canvas: Canvas, place: Place, size: float, random: Random) -> None:
    """Draw a staple or a paper clip. size: a digit's height."""
    middle, turn = np.asarray(place), random.uniform(0, 3.14)
    along = np.array((np.cos(turn), np.sin(turn))) * size * random.uniform(0.3, 0.6)
    if random.random() < 0.6:
        canvas.path(np.stack([middle - along, middle + along]), 0.035 * size)
        return
    across = np.array((-along[1], along[0])) * 0.35
    points = [
        middle - along + across,
        middle + along + across,
        middle + along - across,
        middle - 0.8 * along - across,
        middle - 0.8 * along + 0.5 * across,
        middle + 0.6 * along + 0.5 * across,
    ]
    canvas.path(spline_through(np.array(points), 6), 0.03 * size)


def rules(canvas: Canvas, page: Box, kind: str, step: float, radius: float, random: Random) -> None:
    """Draw ruling on the page. kind: lines, squares or dots. step: distance of two rules."""
    left, top, right, bottom = page
    rows = np.arange(top + random.uniform(0.2, 1) * step, bottom, step)
    columns = np.arange(left + random.uniform(0.2, 1) * step, right, step)
    if kind == "dots":
        for y in rows:
            for x in columns:
                canvas.path(np.array([[x, y], [x, y]]), radius)
        return
    for y in rows:
        canvas.path(line((left, y), (right, y)), radius)
    if kind == "squares":
        for x in columns:
            canvas.path(line((x, top), (x, bottom)), radius)
    elif random.random() < 0.4:  # a margin
        x = left + random.uniform(0.08, 0.2) * (right - left)
        canvas.path(line((x, top), (x, bottom)), radius)


# In front of the page


def occlude(canvas: Canvas, fields: Fields, random: Random) -> None:
    """Draw fingers, a pen, a coin or a phone on the image; what is below becomes background."""
    side = float(max(canvas.width, canvas.height))
    level, shade = _object(canvas, side, random)
    found = canvas.take_coverage()
    if found is None:
        return
    coverage, part = found
    rounded = cv2.GaussianBlur(coverage, (0, 0), max(1.0, 0.02 * side))
    tone = level * (1 - shade + shade * rounded) + 3 * fields.window(coverage.shape, 3, random)
    canvas.gray[part] += coverage * (tone.astype(np.float32) - canvas.gray[part])
    canvas.hide(coverage, part)


def _object(canvas: Canvas, side: float, random: Random) -> tuple[float, float]:
    """Draw the outline of an object; returns its gray level and how much darker its edge is, 0 to 1.

    side: the longer side of the image, pixels.
    """
    kind = random.random()
    place = random.uniform((0, 0), (canvas.width, canvas.height))
    angle = random.uniform(0, 6.28)
    along = np.array((np.cos(angle), np.sin(angle)))
    if kind < 0.45:  # fingers from an edge
        count = int(random.integers(1, 4))
        radius = random.uniform(0.04, 0.12) * side
        across = np.array((-along[1], along[0]))
        for number in range(count):
            tip = place + across * 2.1 * radius * number + along * random.normal(0, 0.03) * side
            canvas.path(np.stack([tip, tip + along * 2 * side]), radius, Kind.BACKGROUND, mapped=False)
        return random.uniform(60, 210), 0.25
    if kind < 0.7:  # a pen
        radius = random.uniform(0.012, 0.03) * side
        end = place + along * random.uniform(0.4, 1.2) * side
        canvas.path(np.stack([place, end]), radius, Kind.BACKGROUND, mapped=False)
        return random.uniform(10, 230), 0.5
    if kind < 0.85:  # a coin
        coin = disk(tuple(place), random.uniform(0.03, 0.12) * side, 30)
        canvas.polygon([coin], Kind.BACKGROUND, mapped=False)
        return random.uniform(60, 200), 0.3
    size = np.array((1, random.uniform(1.2, 2.2))) * random.uniform(0.15, 0.4) * side
    corners = cv2.boxPoints((tuple(place), tuple(size), float(np.rad2deg(angle))))
    canvas.polygon([np.asarray(corners, np.float64)], Kind.BACKGROUND, mapped=False)
    return random.uniform(5, 120), 0.1
