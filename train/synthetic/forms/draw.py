"""Draws blank forms, and filled ones as a scanner or a camera sees them."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.forms.checksums import CHECKSUMS
from edge_runtime.segmentation.outputs import Kind
from train.synthetic.forms.layouts import HEIGHT, WIDTH, Layout, PrintedField
from train.synthetic.scenes import numbers, words
from train.synthetic.scenes.camera import Light, photograph
from train.synthetic.scenes.canvas import Canvas, Mapping
from train.synthetic.scenes.layout import extent, move
from train.synthetic.scenes.scene import World
from train.synthetic.scenes.types import Mask, Random, Shape
from train.synthetic.scenes.writers import Hand

PAPER = 245.0  # gray level of a blank form
WAYS = ("scan", "turned", "photograph")  # of seeing a filled form
CELLS = ("boxes", "comb")  # kinds of fields with a cell for each digit
EMPTY = 0.08  # share of the fields that nobody filled in
PHOTOGRAPH = Light(fall=0.7, shadow=0.35, glare=0.05, blur=0.6, noise=0.7, compression=0.8)
SCAN = Light(fall=0.1, shadow=0.0, glare=0.0, blur=0.4, motion=0.0, noise=0.5, compression=0.6, faded=0.1)


class Sheet(NamedTuple):
    """A filled form as a scanner or a camera sees it."""

    image: Mask  # uint8 (height, width)
    values: list[str]  # the digits of each field; empty if nothing is written
    matrix: NDArray[np.float64]  # (3, 3): homography from pixels of the blank form


@dataclass(frozen=True)
class Pen:
    """A person's pen."""

    radius: float  # half of the stroke width, heights of a digit
    level: float  # gray level, 0 to 255


def draw_blank(layout: Layout) -> Mask:
    """Return the blank form, uint8 (HEIGHT, WIDTH)."""
    canvas = Canvas(np.full((HEIGHT, WIDTH), PAPER, np.float32))
    _print(canvas, layout)
    return np.clip(np.rint(canvas.gray), 0, 255).astype(np.uint8)


def draw_sheet(layout: Layout, number: int, world: World, how: str) -> Sheet:
    """Return a filled form; the same for the same layout, number, world and fonts.

    how: one of `WAYS`: "scan", by a scanner with skew and cut margins; "turned", the same, and turned by a multiple of
    90 degrees; "photograph", by a camera above a desk.
    """
    random = np.random.default_rng((number, 89))
    is_photograph = how == "photograph"
    turns = int(random.integers(1, 4)) if how == "turned" else 0
    size = (WIDTH, HEIGHT) if turns % 2 else (HEIGHT, WIDTH)
    matrix = _camera(random) if is_photograph else _scanner(random, turns, size)
    canvas = Canvas(np.full(size, random.uniform(20, 200) if is_photograph else 250.0, np.float32), Mapping(matrix))
    sheet = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float64)
    canvas.polygon([sheet], Kind.BACKGROUND)
    canvas.ink(random.uniform(215, 250))
    _print(canvas, layout)
    values = _fill(canvas, layout, world, random)
    image = photograph(canvas.gray, PHOTOGRAPH if is_photograph else SCAN, world.fields, random, 45.0)
    return Sheet(image, values, canvas.mapping.matrix)


def _scanner(random: Random, turns: int, size: Shape) -> NDArray[np.float64]:
    """Return the homography of a scanner: turned, with skew, a few per cent of scale, and a shift that cuts margins.

    turns: quarter turns. size: height and width of its image.
    """
    angle, scale = np.deg2rad(random.uniform(-3, 3)) + turns * np.pi / 2, random.uniform(0.95, 1.05)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    middle = np.array((size[1], size[0])) / 2 + random.uniform(-0.02, 0.02, 2) * WIDTH
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return np.asarray(_shift(*middle) @ turn @ _shift(-WIDTH / 2, -HEIGHT / 2), np.float64)


def _shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _camera(random: Random) -> NDArray[np.float64]:
    """Return the homography of a camera above a sheet: turned by up to 8 degrees, with perspective."""
    corners = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float64)
    inner = (corners - (WIDTH / 2, HEIGHT / 2)) * random.uniform(0.84, 0.94)
    angle = np.deg2rad(random.uniform(-8, 8)) * 0.5
    turned = inner @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    places = turned + (WIDTH / 2, HEIGHT / 2) + random.normal(0, 0.012, (4, 2)) * WIDTH
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), places.astype(np.float32))
    return np.asarray(matrix, np.float64)


def _print(canvas: Canvas, layout: Layout) -> None:
    """Draw all that is printed."""
    for line in layout.lines:
        canvas.path(np.array(line.ends, np.float64).reshape(2, 2), line.radius)
    for each in layout.prints:
        for piece in move(words.typeset(each.text, each.font), each.x, each.base - each.size, each.size):
            canvas.polygon(piece.paths)
    canvas.ink(layout.level)


def _fill(canvas: Canvas, layout: Layout, world: World, random: Random) -> list[str]:
    """Write digits into the fields in one hand; returns those of each field."""
    hand = world.writers.hand(random)
    pen = Pen(random.uniform(0.025, 0.055), random.uniform(10, 110))
    values = []
    for field in layout.fields:
        digits = "" if random.random() < EMPTY else random_value(field, random)
        values.append(digits)
        if not digits:
            continue
        if field.kind in CELLS:
            _write_in_cells(canvas, field, digits, hand, pen, random)
        else:
            _write_freely(canvas, field, digits, hand, pen, random)
    canvas.ink(pen.level)
    return values


def random_value(field: PrintedField, random: Random) -> str:
    """Return digits for a field that fit its pattern and checksum."""
    if field.pattern:
        day, month, year = random.integers((1, 1, 1900), (29, 13, 2030)).tolist()
        return f"{day:02}{month:02}{year:04}"
    while True:
        digits = "".join(map(str, random.integers(0, 10, field.cells)))
        if not field.checksum or CHECKSUMS[field.checksum].agrees(digits):
            return digits


def _write_in_cells(canvas: Canvas, field: PrintedField, digits: str, hand: Hand, pen: Pen, random: Random) -> None:
    """Write a digit into each cell, near its middle."""
    for number, digit in enumerate(digits):
        left, top, right, bottom = field.cell(number)
        size = (bottom - top) * random.uniform(0.55, 0.8)
        paths = hand.digit(int(digit))
        points = np.concatenate(paths)
        wide = float(np.ptp(points[:, 0])) * size
        size *= min(1.0, 0.85 * (right - left) / max(wide, 1.0))
        low, high = points.min(0) * size, points.max(0) * size
        shift = np.array(((left + right) / 2, (top + bottom) / 2)) - (low + high) / 2
        shift += random.normal(0, 0.04, 2) * (right - left)
        canvas.paths([path * size + shift for path in paths], pen.radius * size, Kind.DIGIT, 1)


def _write_freely(canvas: Canvas, field: PrintedField, digits: str, hand: Hand, pen: Pen, random: Random) -> None:
    """Write a number into a frame or on a line."""
    left, top, right, bottom = field.box
    pieces = numbers.write(digits, hand, random, random.uniform(0.1, 0.3))
    size = (bottom - top) * random.uniform(0.55, 0.75)
    low, high, end, deep = extent(pieces)
    size *= min(1.0, 0.94 * (right - left) / ((end - low) * size))
    x = left + 0.03 * (right - left) + random.uniform(0, max(1.0, 0.5 * (0.94 * (right - left) - (end - low) * size)))
    spare = (bottom - top) - (deep - high) * size
    y = top + spare * random.uniform(0.4, 0.9)
    for piece in move(pieces, x - low * size, y - high * size, size):
        canvas.paths(piece.paths, pen.radius * size, Kind.DIGIT, 1)
