"""Draws pages of digits with the truth known to the pixel: for tests, tuning and trials.

The digits come from the caller, ours (`drawing.draw_digit`) or a data set's; here they are put on paper and the paper
is put under a camera. Everything follows from the seed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.synthetic.digits import Colour, draw_digit
from edge_runtime.types import Box

Digits = Callable[[int, np.random.Generator], NDArray[np.uint8]]  # label to (height, width), ink bright on 0
Cover = NDArray[np.float32]  # (height, width), 0 paper to 1 ink


class DrawnPage(NamedTuple):
    """A page and what stands on it."""

    picture: NDArray[np.uint8]  # (height, width, 3): blue, green, red
    text: str  # rows joined by newline
    boxes: tuple[tuple[Box, ...], ...]  # of each row's digits, before the camera's perspective


@dataclass(frozen=True)
class Look:
    """How a page is written, printed and photographed. Sizes are shares of a digit's height unless told otherwise."""

    ink: Colour = (60, 40, 30)
    paper: Colour = (235, 240, 240)
    gap: tuple[float, float] = (0.25, 0.6)  # between neighbours; below 0 they overlap
    touching: float = 0.0  # share of neighbours that are pushed together until they touch
    jitter: float = 0.06  # up and down, standard deviation
    sizes: float = 0.06  # spread of the digits' heights, standard deviation
    slope: float = 0.0  # of the rows, a fall of so much in one to the right
    separators: float = 0.0  # share of the gaps with a dot, comma or dash in them
    ruling: Literal["", "lines", "squares"] = ""
    rule: Colour = (200, 190, 180)
    texture: float = 0.0  # gray levels: fine printed lines all over
    fall: float = 0.0  # 0..1 of the light is lost towards the far corner
    shadow: float = 0.0  # 0..1 of the light is lost behind a straight edge
    perspective: float = 0.0  # of the page's sides: how far its corners are off
    blur: float = 0.0  # pixels, standard deviation
    noise: float = 0.0  # gray levels, standard deviation
    specks: int = 0  # dots of one to three pixels
    border: int = 0  # pixels of black around the paper


def drawn(label: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """One of our own digits, at another hand's slant each time: uint8 (56, 56)."""
    return draw_digit(label, int(random.integers(1 << 30)), 56, float(random.uniform(0.06, 0.1)))


def draw_page(
    rows: list[str],
    size: tuple[int, int],
    height: int,
    seed: int,
    look: Look | None = None,
    digits: Digits = drawn,
) -> DrawnPage:
    """Write rows of digits on a page and photograph it.

    rows: digits, from the top. size: (width, height) of the picture, pixels. height: of a digit, pixels. Rows that are
    too long run over the edge: it is the caller who knows how much fits.
    """
    look = look or Look()
    random = np.random.default_rng((seed, height))
    width, tall = size
    cover = np.zeros((tall, width), np.float32)
    boxes = []
    pitch = tall / len(rows)
    for number, row in enumerate(rows):
        line = _write(row, height, look, random, digits)
        room = width - 2 * look.border - line.cover.shape[1]
        left = look.border + max(0, round(room * float(random.uniform(0.2, 0.8))))
        top = round((number + 0.5) * pitch - line.cover.shape[0] / 2)
        _put(cover, line.cover, left, top)
        boxes.append(tuple(Box(box.x + left, box.y + top, box.width, box.height) for box in line.boxes))
    picture = _print(size, height, look, random)
    picture += cover[..., np.newaxis] * (np.array(look.ink, np.float32) - picture)
    if look.perspective:
        picture = _tilted(picture, look, random)
    return DrawnPage(_photograph(picture, look, random), "\n".join(rows), tuple(boxes))


class _Line(NamedTuple):
    cover: Cover
    boxes: list[Box]


def _write(row: str, height: int, look: Look, random: np.random.Generator, digits: Digits) -> _Line:
    """One row on paper that is just large enough."""
    glyphs = []
    for label in row:
        tall = max(4.0, height * (1 + look.sizes * float(random.normal())))
        glyphs.append(_glyph(digits(int(label), random), tall, height))
    space = sum(glyph.shape[1] for glyph in glyphs) + round(len(glyphs) * height * (1 + max(look.gap)))
    fall = round(abs(look.slope) * space)
    cover = np.zeros((3 * height + fall, space + 2 * height), np.float32)
    boxes: list[Box] = []
    x = height // 4
    for number, glyph in enumerate(glyphs):
        down = look.slope * x + (fall if look.slope < 0 else 0)
        y = round(height + down + look.jitter * height * float(random.normal()) + (height - glyph.shape[0]) / 2)
        y = min(max(y, 0), cover.shape[0] - glyph.shape[0])
        if number:
            if random.random() < look.touching:
                x = _pushed(cover, glyph, x, y, boxes[-1].x)
            else:
                gap = height * float(random.uniform(*look.gap))
                if random.random() < look.separators:
                    base = boxes[-1].y + boxes[-1].height
                    wide = _separator(cover, round(x + 0.1 * height), base, height, random)
                    gap = max(gap, wide + 0.2 * height)
                x = max(boxes[-1].x + 2, round(x + gap))
        _put(cover, glyph, x, y)
        boxes.append(Box(x, y, glyph.shape[1], glyph.shape[0]))
        x += glyph.shape[1]
    ys, xs = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
    top, left = int(ys[0]), int(xs[0])
    boxes = [Box(box.x - left, box.y - top, box.width, box.height) for box in boxes]
    return _Line(cover[top : ys[-1] + 1, left : xs[-1] + 1], boxes)


def _glyph(digit: NDArray[np.uint8], tall: float, height: int) -> Cover:
    """A digit without the paper around it, scaled; a wide one, as a data set fits all into squares, is no higher."""
    ys, xs = np.flatnonzero(digit.max(1) > 40), np.flatnonzero(digit.max(0) > 40)
    part = digit[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].astype(np.float32) / np.float32(255)
    scale = tall / part.shape[0]
    size = (min(2 * height, max(1, round(part.shape[1] * scale))), max(1, round(tall)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grown = np.asarray(cv2.resize(part, size, interpolation=how), np.float32)
    # An enlarged small digit has soft edges that no pen makes.
    return np.asarray(np.clip((grown - 0.5) * max(1.0, scale) + 0.5, 0, 1), np.float32)


def _pushed(cover: Cover, glyph: Cover, x: int, y: int, least: int) -> int:
    """The place of a digit that just touches what stands on its left."""
    inked = glyph > 0.5
    for at in range(x, least, -1):
        if np.count_nonzero(inked & (cover[y : y + glyph.shape[0], at : at + glyph.shape[1]] > 0.5)) > 1:
            return at
    return x


def _separator(cover: Cover, x: int, base: int, height: int, random: np.random.Generator) -> float:
    """Draw a dot, a comma or a dash; returns its width."""
    pen = max(1, round(0.1 * height))
    kind = int(random.integers(3))
    if kind == 0:
        cv2.circle(cover, (x, base - pen), pen // 2 + 1, (1.0,), cv2.FILLED, cv2.LINE_AA)
        return 2.0 * pen
    if kind == 1:
        cv2.line(cover, (x + pen, base - pen), (x, base + 2 * pen), (1.0,), pen, cv2.LINE_AA)
        return 2.0 * pen
    middle, wide = base - round(0.45 * height), round(0.4 * height)
    cv2.line(cover, (x, middle), (x + wide, middle), (1.0,), pen, cv2.LINE_AA)
    return float(wide)


def _put(cover: Cover, part: Cover, left: int, top: int) -> None:
    """The darker of what is there and what comes, as far as it lies on the page."""
    height, width = cover.shape
    first, last = max(0, -top), min(part.shape[0], height - top)
    begin, end = max(0, -left), min(part.shape[1], width - left)
    if first >= last or begin >= end:
        return
    window = cover[top + first : top + last, left + begin : left + end]
    np.maximum(window, part[first:last, begin:end], out=window)


def _print(size: tuple[int, int], height: int, look: Look, random: np.random.Generator) -> NDArray[np.float32]:
    """Paper with what is printed on it: float32 (height, width, 3), 0..255."""
    width, tall = size
    picture = np.empty((tall, width, 3), np.float32)
    picture[:] = look.paper
    if look.texture:
        y, x = np.mgrid[0:tall, 0:width].astype(np.float32)
        angle, pitch = random.uniform(-0.3, 0.3), float(random.uniform(0.12, 0.2)) * height
        waves = np.sin((y + angle * x + 0.3 * pitch * np.sin(x / (3 * pitch))) * (2 * np.pi / max(3.0, pitch)))
        picture -= np.float32(look.texture) * np.maximum(waves, 0)[..., np.newaxis] ** 2
    step = round(1.6 * height)
    thick = max(1, round(0.03 * height))
    if look.ruling:
        for y in range(step // 2, tall, step):
            cv2.line(picture, (0, y), (width, y), look.rule, thick)
    if look.ruling == "squares":
        for x in range(step // 3, width, step):
            cv2.line(picture, (x, 0), (x, tall), look.rule, thick)
    return picture


def _tilted(picture: NDArray[np.float32], look: Look, random: np.random.Generator) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    off = random.uniform(-look.perspective, look.perspective, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + off).astype(np.float32))
    tilted = cv2.warpPerspective(picture, matrix, (width, height), borderValue=tuple(map(float, look.paper)))
    return np.asarray(tilted, np.float32)


def _photograph(picture: NDArray[np.float32], look: Look, random: np.random.Generator) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    if look.border:
        edge = look.border
        inner = picture[edge : height - edge, edge : width - edge].copy()
        picture[:] = 12
        picture[edge : height - edge, edge : width - edge] = inner
    across, down = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    light = 1 - np.float32(look.fall) * np.hypot(across, down) / np.float32(1.42)
    if look.shadow:
        at = random.uniform(0.3, 0.7)
        dark = (across + np.float32(random.uniform(-0.5, 0.5)) * (down - 0.5) > at).astype(np.float32)
        light *= 1 - np.float32(look.shadow) * cv2.GaussianBlur(dark, (0, 0), max(1.0, 0.004 * width))
    picture *= light[..., np.newaxis]
    for _ in range(look.specks):
        x, y = int(random.integers(width)), int(random.integers(height))
        side = int(random.integers(1, 4))
        picture[y : y + side, x : x + side] = look.ink
    if look.blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), look.blur), np.float32)
    if look.noise:
        picture += random.normal(0, look.noise, (height, width, 1)).astype(np.float32)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
