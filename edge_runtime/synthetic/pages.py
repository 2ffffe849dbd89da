"""Draw pages of digits with known labels and boxes, for tests, tuning and experiments.

The caller provides the digits, ours (`digits.draw_digit`) or those of a data set; this module places them on paper and
photographs the paper. The seed determines everything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.synthetic.digits import Colour, draw_digit
from edge_runtime.types import Box

DrawDigit = Callable[[int, np.random.Generator], NDArray[np.uint8]]  # label to (height, width), ink bright on 0
Cover = NDArray[np.float32]  # (height, width), 0 paper to 1 ink


class DrawnPage(NamedTuple):
    """A page, its text and the boxes of its digits."""

    image: NDArray[np.uint8]  # (height, width, 3): blue, green, red
    text: str  # rows joined by newline
    boxes: tuple[tuple[Box, ...], ...]  # of the digits of each row, before the perspective of the camera


@dataclass(frozen=True)
class Appearance:
    """How a page is written, printed and photographed. Unless noted, sizes are shares of the height of a digit."""

    ink: Colour = (60, 40, 30)
    paper: Colour = (235, 240, 240)
    gap: tuple[float, float] = (0.25, 0.6)  # between neighbours; negative: they overlap
    touching: float = 0.0  # share of neighbours that are moved together until they touch
    jitter: float = 0.06  # vertical, standard deviation
    sizes: float = 0.06  # of the heights of digits, standard deviation
    slope: float = 0.0  # of the rows: height over length, positive: down to the right
    separators: float = 0.0  # share of gaps with a dot, comma or dash
    ruling: Literal["", "lines", "squares"] = ""
    rule: Colour = (200, 190, 180)
    texture: float = 0.0  # gray levels: fine printed lines on the whole page
    fall: float = 0.0  # 0..1: share of the light that is lost towards the bottom right corner
    shadow: float = 0.0  # 0..1: share of the light that is lost behind a straight edge
    perspective: float = 0.0  # share of the page's sides: largest displacement of its corners
    blur: float = 0.0  # pixels, standard deviation
    noise: float = 0.0  # gray levels, standard deviation
    specks: int = 0  # dots of one to three pixels
    border: int = 0  # pixels of black around the paper


def draw_random_digit(label: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one of our own digits in a random handwriting: uint8 (56, 56)."""
    return draw_digit(label, int(random.integers(1 << 30)), 56, float(random.uniform(0.06, 0.1)))


def draw_page(
    rows: list[str],
    size: tuple[int, int],
    height: int,
    seed: int,
    appearance: Appearance | None = None,
    digits: DrawDigit = draw_random_digit,
) -> DrawnPage:
    """Write rows of digits on a page and photograph it.

    rows: digits, from the top. size: (width, height) of the image, pixels. height: of a digit, pixels. digits: draws a
    digit. Rows that are too long are cut off at the edge.
    """
    appearance = appearance or Appearance()
    random = np.random.default_rng((seed, height))
    width, tall = size
    cover = np.zeros((tall, width), np.float32)
    boxes = []
    pitch = tall / len(rows)
    for number, row in enumerate(rows):
        line = _write(row, height, appearance, random, digits)
        room = width - 2 * appearance.border - line.cover.shape[1]
        left = appearance.border + max(0, round(room * float(random.uniform(0.2, 0.8))))
        top = round((number + 0.5) * pitch - line.cover.shape[0] / 2)
        _put(cover, line.cover, left, top)
        boxes.append(tuple(Box(box.x + left, box.y + top, box.width, box.height) for box in line.boxes))
    image = _print(size, height, appearance, random)
    image += cover[..., np.newaxis] * (np.array(appearance.ink, np.float32) - image)
    if appearance.perspective:
        image = _tilt(image, appearance, random)
    return DrawnPage(_photograph(image, appearance, random), "\n".join(rows), tuple(boxes))


class _Line(NamedTuple):
    cover: Cover
    boxes: list[Box]


def _write(row: str, height: int, appearance: Appearance, random: np.random.Generator, digits: DrawDigit) -> _Line:
    """Write one row on paper of minimal size."""
    glyphs = []
    for label in row:
        tall = max(4.0, height * (1 + appearance.sizes * float(random.normal())))
        glyphs.append(_glyph(digits(int(label), random), tall, height))
    space = sum(glyph.shape[1] for glyph in glyphs) + round(len(glyphs) * height * (1 + max(appearance.gap)))
    fall = round(abs(appearance.slope) * space)
    cover = np.zeros((3 * height + fall, space + 2 * height), np.float32)
    boxes: list[Box] = []
    x = height // 4
    for number, glyph in enumerate(glyphs):
        down = appearance.slope * x + (fall if appearance.slope < 0 else 0)
        y = round(height + down + appearance.jitter * height * float(random.normal()) + (height - glyph.shape[0]) / 2)
        y = min(max(y, 0), cover.shape[0] - glyph.shape[0])
        if number:
            if random.random() < appearance.touching:
                x = _push_left(cover, glyph, x, y, boxes[-1].x)
            else:
                gap = height * float(random.uniform(*appearance.gap))
                if random.random() < appearance.separators:
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
    """Crop and scale a digit to a height; its width is limited, because data sets fit wide digits into squares."""
    ys, xs = np.flatnonzero(digit.max(1) > 40), np.flatnonzero(digit.max(0) > 40)
    part = digit[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].astype(np.float32) / np.float32(255)
    scale = tall / part.shape[0]
    size = (min(2 * height, max(1, round(part.shape[1] * scale))), max(1, round(tall)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grown = np.asarray(cv2.resize(part, size, interpolation=how), np.float32)
    # Sharpen the soft edges of an enlarged digit.
    return np.asarray(np.clip((grown - 0.5) * max(1.0, scale) + 0.5, 0, 1), np.float32)


def _push_left(cover: Cover, glyph: Cover, x: int, y: int, least: int) -> int:
    """Return the x at which a digit just touches the ink on its left."""
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
    """Draw a part over a cover, keeping the darker pixel; parts outside the page are dropped."""
    height, width = cover.shape
    first, last = max(0, -top), min(part.shape[0], height - top)
    begin, end = max(0, -left), min(part.shape[1], width - left)
    if first >= last or begin >= end:
        return
    window = cover[top + first : top + last, left + begin : left + end]
    np.maximum(window, part[first:last, begin:end], out=window)


def _print(
    size: tuple[int, int], height: int, appearance: Appearance, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return printed paper: float32 (height, width, 3), 0..255."""
    width, tall = size
    image = np.empty((tall, width, 3), np.float32)
    image[:] = appearance.paper
    if appearance.texture:
        y, x = np.mgrid[0:tall, 0:width].astype(np.float32)
        angle, pitch = random.uniform(-0.3, 0.3), float(random.uniform(0.12, 0.2)) * height
        waves = np.sin((y + angle * x + 0.3 * pitch * np.sin(x / (3 * pitch))) * (2 * np.pi / max(3.0, pitch)))
        image -= np.float32(appearance.texture) * np.maximum(waves, 0)[..., np.newaxis] ** 2
    step = round(1.6 * height)
    thick = max(1, round(0.03 * height))
    if appearance.ruling:
        for y in range(step // 2, tall, step):
            cv2.line(image, (0, y), (width, y), appearance.rule, thick)
    if appearance.ruling == "squares":
        for x in range(step // 3, width, step):
            cv2.line(image, (x, 0), (x, tall), appearance.rule, thick)
    return image


def _tilt(image: NDArray[np.float32], appearance: Appearance, random: np.random.Generator) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    off = random.uniform(-appearance.perspective, appearance.perspective, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + off).astype(np.float32))
    tilted = cv2.warpPerspective(image, matrix, (width, height), borderValue=tuple(map(float, appearance.paper)))
    return np.asarray(tilted, np.float32)


def _photograph(image: NDArray[np.float32], appearance: Appearance, random: np.random.Generator) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if appearance.border:
        edge = appearance.border
        inner = image[edge : height - edge, edge : width - edge].copy()
        image[:] = 12
        image[edge : height - edge, edge : width - edge] = inner
    across, down = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    light = 1 - np.float32(appearance.fall) * np.hypot(across, down) / np.float32(1.42)
    if appearance.shadow:
        at = random.uniform(0.3, 0.7)
        dark = (across + np.float32(random.uniform(-0.5, 0.5)) * (down - 0.5) > at).astype(np.float32)
        light *= 1 - np.float32(appearance.shadow) * cv2.GaussianBlur(dark, (0, 0), max(1.0, 0.004 * width))
    image *= light[..., np.newaxis]
    for _ in range(appearance.specks):
        x, y = int(random.integers(width)), int(random.integers(height))
        side = int(random.integers(1, 4))
        image[y : y + side, x : x + side] = appearance.ink
    if appearance.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), appearance.blur), np.float32)
    if appearance.noise:
        image += random.normal(0, appearance.noise, (height, width, 1)).astype(np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
