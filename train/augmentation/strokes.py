"""Strokes that much of Europe writes and MNIST's writers seldom did, drawn on ones, sevens and nines."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Images
from train.augmentation.settings import Augmentation

INK = 96  # gray level: from here on a pixel belongs to a stroke


def with_strokes(images: Images, labels: NDArray[np.integer], how: Augmentation, rng: np.random.Generator) -> Images:
    """Give some ones, sevens and nines the strokes that much of Europe writes and MNIST's writers seldom did."""
    images = images.copy()
    for value, share, add in (
        (1, how.flag_share, _add_flag),
        (1, how.foot_share, _add_foot),
        (7, how.wave_share, _add_wave),
        (7, how.bar_share, _add_bar),
        (9, how.curl_share, _add_curl),
    ):
        chance = rng.random(len(images))
        for place in np.flatnonzero((labels == value) & (chance < share)):
            if np.count_nonzero(images[place] > INK) > 0:
                add(images[place], rng)
    return images


def _pen(image: Images) -> int:
    """Return the stroke width in pixels, about: the ink's area against the length of its edge."""
    ink = image > INK
    edge = int(np.count_nonzero(ink[1:] != ink[:-1])) + int(np.count_nonzero(ink[:, 1:] != ink[:, :-1]))
    return max(1, round(1.9 * int(np.count_nonzero(ink)) / max(1, edge)))


def draw_stroke(image: Images, points: Sequence[tuple[float, float]], pen: int) -> None:
    """Draw a stroke through points (x, y) in pixels; the brighter of stroke and image wins."""
    stroke = np.zeros_like(image)
    # OpenCV takes whole numbers, of which the last 4 bits can stand after the point.
    whole = np.rint(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(stroke, [whole[:, None]], False, 255, pen, cv2.LINE_AA, 4)
    np.maximum(image, stroke, out=image)


def spline_through(points: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Return Catmull and Rom's spline through (n, 2) points, n >= 2, with `steps` points from each to the next."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    way = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for before, start, stop, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        bend = 2 * before - 5 * start + 4 * stop - after
        twist = 3 * start - before - 3 * stop + after
        parts.append(start + 0.5 * way * (stop - before + way * (bend + way * twist)))
    return np.vstack([*parts, points[-1:]])


def parse_strokes(text: str) -> list[tuple[bool, NDArray[np.float64]]]:
    """Parse strokes: for each, whether it is curved, and its points (n, 2).

    text: strokes separated by ;, each of points x,y separated by spaces. A stroke that begins with ~ is a curve
    through its points, any other has corners there.

        parse_strokes("0,10 5,0 10,10; ~2,6 8,6")
    """
    parts = (part.strip() for part in text.split(";"))
    return [
        (part[0] == "~", np.array([[float(value) for value in point.split(",")] for point in part.lstrip("~").split()]))
        for part in parts
    ]


def _add_flag(image: Images, rng: np.random.Generator) -> None:
    """Add an upstroke from the left to the top of a one."""
    rows, columns = np.nonzero(image > INK)
    if np.ptp(columns) > 10:  # lies on its side, or has a flag or foot already
        return
    top, height = rows.min(), np.ptp(rows)
    head = float(columns[rows == top].mean())
    length, steep = rng.uniform(0.15, 0.9) * height, np.deg2rad(rng.uniform(35, 70))
    end = (head - length * np.cos(steep), top + length * np.sin(steep))
    draw_stroke(image, [(head, top), end], _pen(image))


def _add_foot(image: Images, rng: np.random.Generator) -> None:
    """Add a foot, a stroke below a one."""
    rows, columns = np.nonzero(image > INK)
    bottom = rows.max()
    foot = float(columns[rows == bottom].mean())
    left, right, tilt = rng.uniform(2.5, 8), rng.uniform(2.5, 8), rng.uniform(-0.2, 0.2)
    draw_stroke(image, [(foot - left, bottom + tilt * left), (foot + right, bottom - tilt * right)], _pen(image))


def _add_bar(image: Images, rng: np.random.Generator) -> None:
    """Add a bar through the stem of a seven."""
    rows, columns = np.nonzero(image > INK)
    row = round(rows.min() + rng.uniform(0.4, 0.8) * np.ptp(rows))
    stem = columns[rows == row]
    if len(stem) == 0 or np.ptp(stem) > 8:  # the row crosses more than the stem
        return
    middle, left, right = float(stem.mean()), rng.uniform(2.5, 6), rng.uniform(2.5, 6)
    tilt = rng.uniform(-0.2, 0.4)
    draw_stroke(image, [(middle - left, row + tilt * left), (middle + right, row - tilt * right)], _pen(image))


def _add_wave(image: Images, rng: np.random.Generator) -> None:
    """Redraw the top of a seven: from a leg at the left over a dip to the corner."""
    rows, columns = np.nonzero(image > INK)
    top, height, pen = rows.min(), np.ptp(rows), _pen(image)
    upper = rows < top + 0.4 * height
    corner = columns[upper].argmax()
    right, row, left = int(columns[upper][corner]), int(rows[upper][corner]), int(columns[upper].min())
    if right - left < 7 or height < 10:  # hardly any top
        return
    image[: round(top + 0.45 * height), : max(0, right - pen)] = 0
    leg, dip, peak = rng.uniform(0.1, 0.6) * height, rng.uniform(0.05, 0.55) * height, rng.uniform(0.15, 0.45)
    crest = left + peak * (right - left)
    low = crest + rng.uniform(0.3, 0.6) * (right - crest)
    start = (left + rng.uniform(-1, 0.5 * (crest - left)), top + leg)
    draw_stroke(image, [start, (crest, top + rng.uniform(0, 0.1) * height), (low, top + dip), (right, row)], pen)
    if rng.random() < 0.7:  # writers of the one usually write the other
        _add_bar(image, rng)


def _add_curl(image: Images, rng: np.random.Generator) -> None:
    """Bow the stem of a nine to the right and bend its tail to the left and up again."""
    rows, columns = np.nonzero(image > INK)
    bottom, height = rows.max(), np.ptp(rows)
    end = float(columns[rows == bottom].mean())
    if end < columns.min() + 0.3 * np.ptp(columns):  # bent already
        return
    bow, upper = rng.uniform(0, 6), rows.min() + 0.35 * height
    for row in range(round(upper), bottom + 1):
        image[row] = np.roll(image[row], round(bow * np.sin(np.pi * (row - upper) / (bottom + 1 - upper))))
    reach, depth, rise = rng.uniform(0.3, 0.9) * height, rng.uniform(0, 0.2) * height, rng.uniform(0, 0.45) * height
    way = np.linspace(0, 1, 7)[:, None]  # along a quadratic curve
    start, bend, stop = (end, bottom - 1), (end - 0.5 * reach, bottom + 2 * depth), (end - reach, bottom - rise)
    curve = (1 - way) ** 2 * start + 2 * way * (1 - way) * bend + way**2 * stop
    draw_stroke(image, curve.tolist(), _pen(image))
