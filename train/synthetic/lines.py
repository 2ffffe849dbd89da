"""Draws lines of handwritten digits from single ones: the training images of the line recogniser.

The digits of a line share pen, slant and size, as those of one writer do; they touch, overlap or keep apart; dots,
dashes and other signs separate them; rules, printed patterns and grain lie under them. Lines are drawn 1.5 times as
large as the network sees them, and pass through the runtime's own `line_image`.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find import line
from edge_runtime.find.line import HEIGHT, WIDTH, line_image
from train.augmentation import chance, settings, strokes
from train.augmentation.chance import Fields
from train.augmentation.settings import STRONG
from train.augmentation.strokes import with_strokes
from train.data.pool import fingerprint
from train.synthetic import hands
from train.synthetic.hands import redraw

SCALE = 1.5  # drawn pixels for each one that the network sees
TALL = round(HEIGHT * SCALE)  # pixels of a drawn line
MOST = 8  # digits of a line
STYLE = replace(STRONG, flag_share=0.3, foot_share=0.1, wave_share=0.1, bar_share=0.4, curl_share=0.4)
MIDST = (0.55, 0.25, 0.1, 0.03, 0.03, 0.02, 0.02)  # the share of each between two digits
ENDS = (0.25, 0.12, 0.25, 0.16, 0.12, 0.05, 0.05)  # before the first and after the last
SIGNS = ("dot", "comma", "dash", "equals", "hash", "star", "dollar")  # no slash, which looks like a one

Gray = NDArray[np.uint8]
Canvas = NDArray[np.float32]


class Lines(NamedTuple):
    """Lines and their digits."""

    images: Gray  # (N, HEIGHT, WIDTH), ink bright
    labels: NDArray[np.int8]  # (N, MOST), 0..9, then -1

    def texts(self) -> NDArray[np.str_]:
        """Return the text of each line, (N,)."""
        return np.array(["".join(str(digit) for digit in label if digit >= 0) for label in self.labels])


class LineDrawer:
    """Draws epochs of lines; the same for the same digits, count and epoch.

    images: uint8 (N, 28, 28), ink bright on 0; labels: (N,), all ten among them. count: lines in an epoch.
    """

    suffix = ".npz"

    def __init__(self, images: Gray, labels: NDArray[np.uint8], count: int) -> None:
        self.images, self.labels, self.count = images, labels, count

    @property
    def key(self) -> str:
        """Name of the folder for these digits and this count, drawn by this version of the code."""
        modules = (chance, settings, hands, strokes, line, sys.modules[__name__])
        return "lines-" + fingerprint((self.images.tobytes(), self.labels.tobytes()), self.count, modules)

    def epoch(self, number: int) -> Lines:
        """Return the lines of an epoch."""
        return draw_lines(self.images, self.labels, self.count, number)

    def save(self, file: BinaryIO, drawn: Lines) -> None:
        """Write images and labels as one archive."""
        np.savez(file, images=drawn.images, labels=drawn.labels)

    def read(self, path: Path) -> Lines:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return Lines(arrays["images"], arrays["labels"])


def draw_lines(images: Gray, labels: NDArray[np.uint8], count: int, seed: int) -> Lines:
    """Draw `count` lines of 1 to `MOST` digits; the same for the same seed.

    images: uint8 (N, 28, 28), ink bright on 0; labels: (N,), all ten among them.
    """
    fields = Fields(STRONG, seed)
    drawn = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    truth = np.full((count, MOST), -1, np.int8)
    for number in range(count):
        random = np.random.default_rng((seed, number))
        drawn[number], text = _draw_line(images, labels, fields, random)
        truth[number, : len(text)] = text
    return Lines(drawn, truth)


def _draw_line(
    images: Gray, labels: NDArray[np.uint8], fields: Fields, random: np.random.Generator
) -> tuple[Gray, list[int]]:
    wide = round(WIDTH * SCALE)
    size = random.uniform(0.52, 0.92) * TALL  # a digit's height
    count = int(random.choice(MOST, p=[0.06, 0.08, 0.14, 0.2, 0.22, 0.16, 0.09, 0.05])) + 1
    ink, text = _write(images, labels, count, size, wide, fields, random)
    ink = _apply_pen(ink, size, random)
    ink *= _grain(fields, ink.shape, random)
    dark = random.uniform(0.35, 0.95)  # share of the light that ink absorbs
    paper = _paper(ink.shape, size, dark, fields, random)
    image = paper * (1 - dark * ink)
    if random.random() < 0.9:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.5)), np.float32)
    if random.random() < 0.5:
        image += random.uniform(1, 8) * random.standard_normal(image.shape, np.float32)
    gray = np.clip(image, 0, 255).astype(np.uint8)
    if random.random() < 0.3:
        _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 90))])
        gray = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    inked = np.flatnonzero(ink.max(0) > 0.3)
    margin = size * random.uniform(0.1, 1.0, 2)
    left, right = (max(0, round(inked[0] - margin[0])), round(inked[-1] + margin[1])) if len(inked) else (0, wide)
    return line_image(255 - gray[:, left : max(left + 4, right)]), text


def _write(
    images: Gray,
    labels: NDArray[np.uint8],
    count: int,
    size: float,
    wide: int,
    fields: Fields,
    random: np.random.Generator,
) -> tuple[Canvas, list[int]]:
    """Return digits and signs without paper, float32 (TALL, wide), 0 to 1, and the digits that found room."""
    canvas = np.zeros((TALL, wide), np.float32)
    middle = TALL / 2 + random.normal(0, 0.05) * TALL
    slope = random.normal(0, 0.03)
    slant, aspect = random.normal(0.18, 0.24), np.exp(random.normal(-0.05, 0.16))
    spread = float(random.choice([random.uniform(-0.12, 0.05), random.uniform(0.0, 0.25), random.uniform(0.1, 0.7)]))
    uneven = random.uniform(0, 0.12)
    vary = random.choice([0.06, 0.12, 0.2])
    signs = random.random() < 0.65
    joins = random.choice([0, 0.4], p=[0.75, 0.25])  # share of neighbours whose strokes are joined
    frame = random.uniform(0, 0.6) * size
    edge = np.full(TALL, frame, np.float32)  # where ink ends in each row so far
    text: list[int] = []
    if signs and random.random() < 0.3:
        _draw_sign(canvas, edge, middle, size, ENDS, random)
    picked = random.integers(0, len(images), count)
    if random.random() < 0.15:
        picked = random.choice(np.flatnonzero(labels == random.integers(0, 10)), count)
    if random.random() < 0.3:  # round amounts
        zeros = int(random.integers(1, 4))
        picked[-zeros:] = random.choice(np.flatnonzero(labels == 0), len(picked[-zeros:]))
    lower = random.uniform(0.5, 0.9) if random.random() < 0.35 else 1.0  # zeros are often smaller than other digits
    digits = with_strokes(images[picked], labels[picked], STYLE, random)
    for image, place in zip(digits, picked, strict=True):
        high = size * np.exp(random.normal(0, vary)) * (lower if labels[place] == 0 else 1)
        piece = _warp(
            redraw(image, labels[place], random), high, slant + random.normal(0, 0.06), aspect, fields, random
        )
        bottom = middle + size / 2 + slope * edge.max() + random.normal(0, 0.04) * size
        rise = random.random() * (size - high) if high < size else 0.0  # small digits stand on the line or above it
        top = round(bottom - rise - high / 2 - piece.shape[0] / 2)
        gap = (spread + random.normal(0, uneven)) * size
        before = edge.copy()
        if not _put(canvas, edge, piece, top, gap):
            break
        if text and random.random() < joins:
            _join(canvas, before, edge, size, random)
        text.append(int(labels[place]))
        if signs and random.random() < 0.25:
            _draw_sign(canvas, edge, middle + slope * edge.max(), size, MIDST, random)
    if signs and random.random() < 0.6:
        for _ in range(int(random.integers(1, 3))):
            _draw_sign(canvas, edge, middle + slope * edge.max(), size, ENDS, random)
    return canvas, text


def _warp(image: Gray, high: float, slant: float, aspect: float, fields: Fields, random: np.random.Generator) -> Canvas:
    """Return one digit at its size on the line, warped and slanted: float32, 0 to 1, with a margin."""
    rows, columns = np.flatnonzero(image.max(1) > 64), np.flatnonzero(image.max(0) > 64)
    if len(rows) == 0:
        return np.zeros((2, 2), np.float32)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    zoom = high / max(bottom - top, 0.6 * (right - left))
    turn = random.normal(0, 0.06)
    side = int(1.5 * max(high, zoom * aspect * (right - left) + abs(slant) * high)) + 6
    way = np.arange(side, dtype=np.float32) - (side - 1) / 2
    across, down = np.meshgrid(way, way)
    x = (np.cos(turn) * across + (np.sin(turn) + slant) * down) / (zoom * aspect) + (left + right - 1) / 2
    y = (np.cos(turn) * down - np.sin(turn) * across) / zoom + (top + bottom - 1) / 2
    for axis, field in enumerate((x, y)):
        field += random.uniform(0, 1.3) * _window(fields.bend[axis], side, random)
        if random.random() < 0.5:
            field += random.uniform(0, 0.8) * _window(fields.ripple[axis], side, random)
    maps = x.astype(np.float32), y.astype(np.float32)
    warped = cv2.remap(image, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(warped.astype(np.float32) / 255, np.float32)


def _window(field: Canvas, side: int, random: np.random.Generator) -> Canvas:
    """Return a random window of a field, scaled as single digits are scaled to the line."""
    small = max(2, round(side / SCALE / 1.2))
    top, left = random.integers(0, field.shape[0] - small, 2)
    return np.asarray(cv2.resize(field[top : top + small, left : left + small], (side, side)), np.float32)


def _put(canvas: Canvas, edge: NDArray[np.float32], piece: Canvas, top: int, gap: float) -> bool:
    """Put a piece to the right of the ink so far, `gap` pixels apart; returns whether there was room."""
    first, last = max(0, -top), min(piece.shape[0], TALL - top)
    if last - first < 3:
        return False
    piece = piece[first:last]
    ink = piece > 0.35
    inked = ink.any(1)
    if not inked.any():
        return True
    starts, ends = ink.argmax(1), ink.shape[1] - ink[:, ::-1].argmax(1)
    rows = slice(top + first, top + last)
    # Writers keep a distance from strokes some rows above and below as well.
    near = cv2.dilate(edge[:, np.newaxis], np.ones((7, 1), np.uint8))[:, 0][rows]
    left = int(np.ceil((near - starts)[inked].max() + gap))
    if left + ends.max() > canvas.shape[1]:
        return False
    begin = max(0, -left)
    window = canvas[rows, left + begin : left + piece.shape[1]]
    np.maximum(window, piece[:, begin : begin + window.shape[1]], out=window)
    edge[rows] = np.where(inked, np.maximum(edge[rows], left + ends), edge[rows])
    return True


def _join(
    canvas: Canvas, before: NDArray[np.float32], after: NDArray[np.float32], size: float, random: np.random.Generator
) -> None:
    """Draw a stroke from the ink before a digit to the digit."""
    rows = np.flatnonzero(before > before.min() + 1)
    new = np.flatnonzero(after > before)
    if len(rows) == 0 or len(new) == 0:
        return
    start, stop = int(random.choice(rows)), int(random.choice(new))
    end = canvas[stop, int(before[stop]) :] > 0.35
    if abs(start - stop) > 0.5 * size or not end.any():
        return
    right = int(before[stop]) + int(end.argmax())
    if right - before[start] > 0.6 * size:
        return
    ends = (int(before[start]) - 1, start), (right, stop)
    cv2.line(canvas, *ends, 1.0, max(1, round(0.08 * size)), cv2.LINE_AA)


def _draw_sign(
    canvas: Canvas,
    edge: NDArray[np.float32],
    middle: float,
    size: float,
    shares: tuple[float, ...],
    random: np.random.Generator,
) -> None:
    """Draw a sign to the right of the ink so far."""
    kind = random.choice(SIGNS, p=shares)
    size *= random.uniform(0.75, 1.3)
    side = int(1.2 * size) + 4
    piece = np.zeros((side, side), np.float32)
    pen = max(1, round(0.11 * size))
    centre = side / 2

    def stroke(*points: tuple[float, float]) -> None:
        """Draw a stroke through points relative to the centre, in units of the size."""
        jitter = random.normal(0, 0.03, (len(points), 2))
        whole = np.rint((centre + (np.array(points) + jitter) * size) * 16).astype(np.int32)
        cv2.polylines(piece, [whole[:, np.newaxis]], False, 1.0, pen, cv2.LINE_AA, 4)

    low = 0.5 + random.uniform(-0.12, 0.06)
    reach = random.uniform(0.1, 0.4)
    if kind == "dot":
        stroke((0, low), (random.uniform(0, 0.08), low))
    elif kind == "comma":
        stroke((0.04, low - 0.08), (0.03, low), (-0.08, low + 0.12))
    elif kind == "dash":
        tilt = random.uniform(-0.1, 0.1)
        height = random.uniform(-0.15, 0.35)
        stroke((-reach, height + tilt), (reach, height - tilt))
    elif kind == "equals":
        upper = random.uniform(-0.25, 0.25)
        lower = upper + random.uniform(0.12, 0.25)
        if random.random() < 0.3:  # in one stroke
            stroke((-reach, upper), (reach, upper), (-reach, lower), (reach, lower))
        else:
            stroke((-reach, upper), (reach, upper))
            stroke((-reach, lower), (reach, lower))
    elif kind == "hash":
        high, wide, lean = random.uniform(0.2, 0.45), random.uniform(0.3, 0.55), random.uniform(0, 0.3)
        for at in (-0.15, 0.15):
            stroke((at - lean / 2, high), (at + lean / 2, -high))
        for at in (-0.12, 0.12) if random.random() < 0.6 else (0.0,):
            stroke((-wide, at), (wide, at - 0.05))
    elif kind == "star":
        for angle in np.arange(3) * np.pi / 3 + random.uniform(0, 1):
            dx, dy = 0.25 * np.cos(angle), 0.25 * np.sin(angle)
            stroke((-dx, -dy), (dx, dy))
    else:
        stroke((0.25, -0.3), (0, -0.4), (-0.22, -0.2), (0.22, 0.2), (0, 0.4), (-0.25, 0.3))
        stroke((0.02, -0.55), (-0.02, 0.55))
    _put(canvas, edge, piece, round(middle - centre), random.uniform(0, 0.3) * size)


def _apply_pen(ink: Canvas, size: float, random: np.random.Generator) -> Canvas:
    """Redraw all strokes with one pen: equally dark along their middles, as wide as the pen."""
    soft = np.asarray(cv2.GaussianBlur(ink, (0, 0), random.uniform(0.03, 0.05) * size), np.float32)
    reach = 2 * round(0.09 * size) + 1
    ridge = cv2.dilate(soft, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    soft /= np.maximum(cv2.blur(ridge, (reach, reach)), 0.2)
    return np.asarray(np.clip((soft - random.uniform(0.45, 0.92)) * random.uniform(3, 8) + 0.5, 0, 1), np.float32)


def _grain(fields: Fields, shape: tuple[int, ...], random: np.random.Generator) -> Canvas | float:
    """Return the darkness of the ink along the strokes, where the pressure varies."""
    if random.random() < 0.5:
        return 1.0
    grain = _cloud(fields.clouds if random.random() < 0.7 else fields.grain, shape, random)
    return np.asarray(np.clip(1 - random.uniform(0, 0.3) * (1 + grain), 0.15, 1), np.float32)


def _cloud(field: Canvas, shape: tuple[int, ...], random: np.random.Generator, most: float = 3.0) -> Canvas:
    """Return a window of a field, stretched over a line."""
    zoom = random.uniform(1, most)
    height, width = max(2, int(shape[0] / zoom)), max(2, int(shape[1] / zoom))
    top = int(random.integers(0, max(1, field.shape[0] - height)))
    left = int(random.integers(0, max(1, field.shape[1] - width)))
    part = field[top : top + height, left : left + width]
    return np.asarray(cv2.resize(part, (shape[1], shape[0])), np.float32)


def _paper(shape: tuple[int, ...], size: float, dark: float, fields: Fields, random: np.random.Generator) -> Canvas:
    """Return paper with printed patterns: float32, gray levels."""
    height, width = shape
    paper = np.full(shape, random.uniform(110, 250), np.float32)
    if random.random() < 0.4:
        paper *= 1 + np.float32(random.uniform(0, 0.12)) * _cloud(fields.clouds, shape, random, 8.0)
    if random.random() < 0.4:
        across, down = np.linspace(-0.5, 0.5, width, dtype=np.float32), np.linspace(-0.5, 0.5, height, dtype=np.float32)
        fall = random.uniform(-0.4, 0.4, 2).astype(np.float32)
        paper *= 1 + fall[0] * across + fall[1] * down[:, np.newaxis]
    if random.random() < 0.5:
        for _ in range(int(random.integers(1, 3))):
            paper *= 1 - dark * _waves(shape, size, random)
    if random.random() < 0.3:
        grain = _cloud(fields.grain, shape, random, 2.0)
        paper *= 1 + np.float32(dark * (0.01 + 0.15 * random.random() ** 2)) * grain
    if random.random() < 0.4:
        _draw_rules(paper, size, random)
    return np.asarray(np.clip(paper, 5, 255), np.float32)


def _waves(shape: tuple[int, ...], size: float, random: np.random.Generator) -> Canvas:
    """Return fine printed patterns, straight, wavy or round: the share of light that they absorb."""
    height, width = shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    pitch = np.float32(random.uniform(0.1, 0.5) * size)
    kind = random.random()
    if kind < 0.3:  # around a point
        at = random.uniform(-0.5, 1.5, 2) * (width, height)
        way = np.hypot(x - np.float32(at[0]), y - np.float32(at[1]))
    else:
        angle = random.uniform(0, np.pi) if kind < 0.6 else random.normal(0, 0.15)
        way = np.float32(np.cos(angle)) * y + np.float32(np.sin(angle)) * x
    if random.random() < 0.6:
        length = random.uniform(0.4, 4) * size
        most: float | np.float32 = 0.2 * length if 0.2 * length < pitch else pitch
        swing = random.uniform(0.1, 1.0) * most
        way = way + np.float32(swing) * np.sin((x + np.float32(0.4) * y) / np.float32(length / 6.283))
    sharp = random.uniform(1, 6)
    wave = (0.5 + 0.5 * np.cos(way * np.float32(6.2832) / pitch)) ** np.float32(sharp)
    return np.asarray(np.float32(0.02 + 0.5 * random.random() ** 2) * wave, np.float32)


def _draw_rules(paper: Canvas, size: float, random: np.random.Generator) -> None:
    """Draw printed rules below, above, beside or through the digits, and strokes of other rows."""
    height, width = paper.shape
    for _ in range(int(random.integers(1, 3))):
        left = random.uniform(0.25, 0.95)
        thick = max(1, round(random.uniform(0.02, 0.1) * size))
        colour = float(paper.mean()) * left
        tilt = random.normal(0, 0.02) * width
        kind = random.random()
        if kind < 0.7:
            below, above = height / 2 + 0.5 * size, height / 2 - 0.55 * size
            y = random.choice([below, above, random.uniform(0, height)], p=[0.6, 0.2, 0.2])
            y += random.normal(0, 0.08) * size
            ends = (0, round(y)), (width, round(y + tilt))
        elif kind < 0.85:
            x = random.uniform(0, width)
            ends = (round(x), 0), (round(x + tilt), height)
        else:  # a stroke of another row
            x = random.uniform(0, width)
            y = random.choice([0, height - 1])
            ends = (
                (round(x), round(y + random.uniform(-0.2, 0.2) * size)),
                (round(x + random.normal(0, 0.3) * size), round(y)),
            )
            thick = max(1, round(0.1 * size))
        cv2.line(paper, *ends, colour, thick, cv2.LINE_AA)
