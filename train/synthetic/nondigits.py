"""Draws non-digits: a network that is trained on digits alone is confident about any image.

Letters, signs, scribbles, digits that are rotated, halved or joined, wrong cuts of the detection: augmented like
digits. Then noise, textures, filled shapes, smudges on paper. All pass through the runtime's `normalise`.
"""

import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.normalise import SIZE, is_blank, normalise
from edge_runtime.types import NON_DIGIT, Gray, Images
from train.augmentation import augment
from train.augmentation.augment import Augmenter
from train.augmentation.settings import MILD, STRONG
from train.data.pool import ArrayFiles, fingerprint
from train.synthetic import candidates, letters
from train.synthetic.candidates import draw_candidates

STRIPS = 30  # generated strips of paper at a time: about 28 wrong cuts each
TRIES = 20  # for an image in which `normalise` finds ink
TURNS = {  # quarter turns that make a digit a non-digit, and whether mirroring does
    1: ((1, 3), False),
    2: ((1, 3), True),
    3: ((1, 2, 3), True),
    4: ((1, 2, 3), True),
    5: ((1, 3), True),
    6: ((1, 3), True),
    7: ((1, 2, 3), True),
    9: ((1, 3), True),
}

Draw = Callable[["NonDigits", np.random.Generator], Gray]


class NonDigits(ArrayFiles):
    """Draws epochs of non-digits; the same for the same digits, seed and epoch.

    images: uint8 (N, 28, 28), normalised digits, and labels: uint8 (N,), their values, for those made of digits.
    seed: any int of at least 0. size: images in an epoch.
    """

    def __init__(self, images: Images, labels: NDArray[np.integer], seed: int, size: int) -> None:
        self.images, self.labels, self.seed, self.size = images, np.asarray(labels, np.uint8), seed, size

    @property
    def key(self) -> str:
        """Name of the folder for these digits, labels, seed and size, drawn by this version of the code."""
        modules = (*augment.MODULES, augment, candidates, letters, sys.modules[__name__])
        return fingerprint((self.images.tobytes(), self.labels.tobytes()), (self.seed, self.size), modules)

    def kinds(self) -> list[tuple[str, int, Draw | None]]:
        """Return name, count and function of each kind, in the order of an epoch; wrong cuts have no function."""
        total = sum(share for _, share, _ in KINDS)
        counts = [self.size * share // total for _, share, _ in KINDS]
        counts[0] += self.size - sum(counts)
        return [(name, count, make) for (name, _, make), count in zip(KINDS, counts, strict=True)]

    @property
    def judged(self) -> int:
        """The number of images, the first of an epoch, that may look like a digit; a teacher should check them."""
        return sum(count for name, count, _ in self.kinds() if name in CHECKED)

    def epoch(self, number: int) -> Images:
        """Return the non-digits of an epoch, uint8 (size, 28, 28), normalised, kind by kind."""
        parts = []
        for place, (name, count, make) in enumerate(self.kinds()):
            random = np.random.default_rng((self.seed, number, place))
            drawn = self._cuts(count, random) if make is None else self._drawn(count, make, random)
            if name in AUGMENTED and count:
                half = len(drawn) // 2
                drawn = np.concatenate(
                    [
                        Augmenter(part, int(random.integers(1 << 30)), augmentation=how).epoch(number)
                        for part, how in ((drawn[:half], MILD), (drawn[half:], STRONG))
                    ]
                )
            parts.append(drawn)
        return np.concatenate(parts)

    def digit(self, random: np.random.Generator, values: tuple[int, ...] = tuple(range(10))) -> tuple[Gray, int]:
        """Return a random digit of these values, uint8 (28, 28), and its value."""
        while True:
            place = random.integers(len(self.images))
            if int(self.labels[place]) in values:
                return self.images[place], int(self.labels[place])

    def _drawn(self, count: int, make: Draw, random: np.random.Generator) -> Images:
        drawn = np.zeros((count, SIZE, SIZE), np.uint8)
        for place in range(count):
            for _ in range(TRIES):
                drawn[place] = normalise(make(self, random))
                if not is_blank(drawn[place]):
                    break
        return drawn

    def _cuts(self, count: int, random: np.random.Generator) -> Images:
        found: list[Images] = [np.zeros((0, SIZE, SIZE), np.uint8)]
        while sum(map(len, found)) < count:
            some = random.choice(len(self.images), min(2000, len(self.images)), replace=False)
            cuts = draw_candidates(self.images[some], self.labels[some], STRIPS, int(random.integers(1 << 30)))
            found.append(cuts.images[cuts.labels == NON_DIGIT])
        return random.permutation(np.concatenate(found))[:count]


# Strokes and digits


def _write_letter(drawer: NonDigits, random: np.random.Generator) -> Gray:
    return letters.write(random)


def _printed(drawer: NonDigits, random: np.random.Generator) -> Gray:
    glyphs = letters.printed()
    return glyphs[random.integers(len(glyphs))]


def _scribble(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Draw two to six strokes, straight, cornered or curved, of one width; or of several widths on a filled patch."""
    image = np.zeros((letters.SIDE, letters.SIDE), np.uint8)
    pen = round(random.uniform(4, 13))
    patched = random.random() < 0.35
    if patched:
        _patch(image, random)
    for _ in range(random.integers(2, 7)):
        if patched:
            pen = round(random.uniform(3, 15))
        start = random.uniform(16, 80, (1, 2))
        steps = random.normal(0, random.uniform(8, 35), (random.integers(1, 6), 2))
        points = np.clip(np.concatenate([start, start + np.cumsum(steps, 0)]), 6, letters.SIDE - 6)
        letters.stroke(image, points, pen, bool(random.random() < 0.6))
    return image


def _patch(image: Gray, random: np.random.Generator) -> None:
    """Fill a long and low shape, flat or rising to one side."""
    left, right = random.uniform(8, 24), random.uniform(62, 88)
    low, high = random.uniform(40, 84, 2), random.uniform(4, 26, 2)
    middle = (random.uniform(left, right), float(low.mean()) - random.uniform(0, 12))
    corners = [(left, low[0]), (right, low[1]), (right, low[1] - high[1]), middle, (left, low[0] - high[0])]
    cv2.fillPoly(image, [np.rint(corners).astype(np.int32)], (255,))
    if random.random() < 0.5:
        image[:] = image[:, ::-1]


def _turned(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return a digit rotated by a quarter turn or more, or mirrored."""
    digit, value = drawer.digit(random, tuple(TURNS))
    turns, mirrored = TURNS[value]
    if mirrored and random.random() < 0.5:
        return np.ascontiguousarray(digit[:, ::-1])
    return np.ascontiguousarray(np.rot90(digit, random.choice(turns)))


def _joined(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return two or three digits side by side that touch, nearly touch or overlap; or one above the other."""
    strip = _tight(drawer.digit(random)[0])
    for _ in range(1 if random.random() < 0.8 else 2):
        strip = _beside(strip, _tight(drawer.digit(random)[0]), int(random.integers(-4, 4)), random)
    if random.random() < 0.2:
        strip = strip.T
    return np.pad(strip, 4)


def _beside(one: Gray, other: Gray, gap: int, random: np.random.Generator) -> Gray:
    height = max(len(one), len(other)) + 4
    width = max(one.shape[1] + other.shape[1] + gap, one.shape[1], other.shape[1])
    strip = np.zeros((height, width), np.uint8)
    for part, left in ((one, 0), (other, width - other.shape[1])):
        top = int(random.integers(0, height - len(part) + 1))
        window = strip[top : top + len(part), left : left + part.shape[1]]
        np.maximum(window, part, out=window)
    return strip


def _tight(digit: Gray) -> Gray:
    x, y, width, height = cv2.boundingRect(np.asarray(digit > 32, np.uint8))
    return digit[y : y + height, x : x + width]


def _part(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return the left, right, upper or lower part of a digit."""
    digit = np.rot90(_tight(drawer.digit(random)[0]), int(random.integers(4)))
    cut = digit[: max(4, round(random.uniform(0.3, 0.6) * len(digit)))]
    back = np.rot90(cut, int(random.integers(4))) if random.random() < 0.1 else cut
    return np.ascontiguousarray(np.pad(back, 6))


# Images without writing


def _size(random: np.random.Generator) -> tuple[int, int]:
    if random.random() < 0.5:
        return SIZE, SIZE
    side = random.integers(20, 120)
    return int(side), int(max(12, side * random.uniform(0.5, 2)))


def _noise(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return white, coarse or smooth noise of many contrasts, salt, or blocks of gray levels."""
    noise: NDArray[Any]
    height, width = _size(random)
    kind = random.integers(6)
    if kind == 0:
        noise = random.uniform(0, 255, (height, width))
    elif kind == 1:
        noise = random.normal(random.uniform(0, 255), random.uniform(8, 120), (height, width))
    elif kind == 2:  # salt and specks
        noise = 255.0 * (random.random((height, width)) < random.uniform(0.005, 0.5))
        if random.random() < 0.5:
            noise = cv2.dilate(noise, np.ones((2, 2)), iterations=int(random.integers(1, 3)))
    elif kind == 3:  # blocks, as in a JPEG of poor quality
        cell = int(random.integers(2, 12))
        coarse = random.uniform(0, 255, (-(-height // cell), -(-width // cell)))
        noise = np.kron(coarse, np.ones((cell, cell)))[:height, :width]
    else:  # smooth, often with two levels
        noise = cv2.GaussianBlur(random.normal(0, 1, (height, width)), (0, 0), random.uniform(0.6, 6))
        noise = 127 + random.uniform(30, 120) * noise / max(noise.std(), 1e-6)
        if random.random() < 0.5:
            noise = 255.0 * (noise > 127 + random.uniform(-60, 90))
    if random.random() < 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), random.uniform(0.4, 2))
    return _gray(noise, random)


def _texture(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return stripes, squares, waves, hatching or rows of dots."""
    height, width = _size(random)
    down, across = np.mgrid[:height, :width].astype(np.float64)
    angle, period = random.uniform(0, np.pi), random.uniform(3, 16)
    way = across * np.cos(angle) + down * np.sin(angle)
    other = across * -np.sin(angle) + down * np.cos(angle)
    kind = random.integers(4)
    wave = np.sin(2 * np.pi * way / period)
    if kind == 1:
        wave = wave + np.sin(2 * np.pi * other / random.uniform(3, 16))
    elif kind == 2:
        wave = np.maximum(wave, np.sin(2 * np.pi * other / period))
    elif kind == 3:
        wave = np.sin(2 * np.pi * (way + 2 * np.sin(other / random.uniform(2, 8))) / period)
    if random.random() < 0.6:
        wave = np.where(wave > random.uniform(-0.5, 0.9), 1.0, -1.0)
    return _gray(127 + random.uniform(20, 127) * wave, random)


def _shape(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return one to four filled shapes, often symmetrical, with shading and patterns."""
    side = int(random.integers(28, 90))
    mask = np.zeros((side, side), np.uint8)
    column = random.random() < 0.35
    if column:
        (_column if random.random() < 0.6 else _trunk)(mask, random)
    for _ in range(0 if column else random.integers(1, 5)):
        middle, radius = random.uniform(0.3, 0.7, 2) * side, random.uniform(0.12, 0.5, 2) * side
        if random.random() < 0.4:
            cv2.ellipse(mask, (tuple(middle), tuple(2 * radius), random.uniform(0, 180)), (255,), -1)
        else:
            corners = int(random.integers(3, 10))
            angles = np.sort(random.uniform(0, 2 * np.pi, corners))
            reach = random.uniform(0.5, 1, (corners, 1))
            points = middle + radius * reach * np.stack([np.cos(angles), np.sin(angles)], 1)
            cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (255,))
    if not column and random.random() < 0.6:
        mask = np.maximum(mask, mask[:, ::-1])
    shade = cv2.GaussianBlur(random.normal(0, 1, (side, side)), (0, 0), random.uniform(1, 12))
    shade = 1 + random.uniform(0, 0.5) * shade / max(np.abs(shade).max(), 1e-6)
    if random.random() < 0.4:
        down, across = np.mgrid[:side, :side]
        way = (across, down, across + down)[random.integers(3)]
        shade = shade * (1 + random.uniform(0.1, 0.6) * np.sign(np.sin(way / random.uniform(0.8, 5))))
    image = mask * random.uniform(0.3, 1) * np.clip(shade, 0, 1.3)
    image = image + random.normal(0, random.uniform(0, 25), mask.shape) * (mask > 0)
    if not column and random.random() < 0.5:
        wide = round(side * random.uniform(0.5, 2))
        image = cv2.resize(image, (wide, side), interpolation=cv2.INTER_AREA)
    return _gray(np.pad(image, int(random.integers(0, 10))), random)


def _column(mask: Gray, random: np.random.Generator) -> None:
    """Draw a tall shape with corners, wider than a pen stroke, such as a sleeve, a bottle or a pair of trousers."""
    side = len(mask)
    rows = np.linspace(0.1, 0.9, int(random.integers(2, 6))) * side
    half = np.maximum(random.uniform(0.09, 0.22) + random.normal(0, 0.03, len(rows)), 0.07) * side
    edge = np.concatenate([np.stack([side / 2 - half, rows], 1), np.stack([side / 2 + half, rows], 1)[::-1]])
    cv2.fillPoly(mask, [np.rint(edge).astype(np.int32)], (255,))
    if random.random() < 0.5:  # two legs, or two arms
        slit = round(random.uniform(0.01, 0.05) * side)
        top, bottom = (0.3, 1.0) if random.random() < 0.8 else (0.0, 0.6)
        middle = round(side / 2)
        mask[round(top * side) : round(bottom * side), middle - slit : middle + slit + 1] = 0


def _trunk(mask: Gray, random: np.random.Generator) -> None:
    """Draw a block with an arm at each upper corner."""
    side = len(mask)
    half, high = random.uniform(0.17, 0.28), random.uniform(0.5, 0.85)
    top, bottom = 0.5 - high / 2, 0.5 + high / 2
    reach, fall, thick = random.uniform(0.04, 0.2), random.uniform(0.1, 0.7) * high, random.uniform(0.08, 0.2)
    waist = half * random.uniform(0.75, 1.2)
    corners = [
        *((half * random.uniform(0.3, 0.7), top), (half, top + 0.04), (half + reach, top + fall)),
        *((half + reach - thick, top + fall + 0.03), (half - 0.02, top + min(fall, 0.25)), (waist, bottom)),
    ]
    right = np.array(corners) * side
    left = right[::-1] * (-1, 1)
    middle = (random.uniform(0.45, 0.55) * side, 0)
    cv2.fillPoly(mask, [np.rint(np.concatenate([right, left]) + middle).astype(np.int32)], (255,))


def _paper(drawer: NonDigits, random: np.random.Generator) -> Gray:
    """Return paper in any light, with smudges, creases, rules or specks, and no writing."""
    height, width = (int(side) for side in random.integers(28, 160, 2))
    down, across = np.mgrid[:height, :width].astype(np.float64)
    light = across / width * random.uniform(-60, 60) + down / height * random.uniform(-60, 60)
    radius = ((across - random.uniform(0, width)) / width) ** 2 + ((down - random.uniform(0, height)) / height) ** 2
    paper = random.uniform(90, 255) + light - random.uniform(0, 120) * radius
    if random.random() < 0.4:  # a shadow's edge
        angle = random.uniform(0, 2 * np.pi)
        way = (across / width - 0.5) * np.cos(angle) + (down / height - 0.5) * np.sin(angle) - random.uniform(-0.5, 0.5)
        paper -= random.uniform(10, 120) / (1 + np.exp(np.clip(-way * random.uniform(3, 60), -60, 60)))
    for _ in range(random.integers(0, 4)):  # smudges
        spot = np.zeros((height, width))
        where = (int(random.integers(width)), int(random.integers(height)))
        cv2.circle(spot, where, int(random.integers(1, max(2, min(height, width) // 4))), (1.0,), -1)
        paper -= random.uniform(5, 90) * cv2.GaussianBlur(spot, (0, 0), random.uniform(0.7, 12))
    for _ in range(random.integers(0, 3)):  # creases and rules; an upright one would be a 1
        line = np.zeros((height, width))
        left, right, row = *random.integers(0, width, 2), random.integers(0, height)
        fall = int((right - left) * random.uniform(-0.4, 0.4)) if random.random() < 0.5 else 0
        ends = (int(left), int(row)), (int(right), int(row) + fall)
        cv2.line(line, *ends, (1.0,), int(random.integers(1, 5)))
        paper -= random.uniform(-40, 90) * cv2.GaussianBlur(line, (0, 0), random.uniform(0.5, 4))
    paper += random.normal(0, random.uniform(0, 12), paper.shape)
    if random.random() < 0.3:
        paper = cv2.GaussianBlur(paper, (0, 0), random.uniform(0.5, 2))
    return _gray(paper, random)


def _gray(image: NDArray[Any], random: np.random.Generator) -> Gray:
    levels: Gray = np.clip(image, 0, 255).astype(np.uint8)
    return 255 - levels if random.random() < 0.5 else levels


KINDS: tuple[tuple[str, int, Draw | None], ...] = (  # name, weight, function
    ("turned", 6, _turned),
    ("joined", 6, _joined),
    ("part", 5, _part),
    ("scribble", 10, _scribble),
    ("cut", 6, None),
    ("printed", 14, _printed),
    ("written", 32, _write_letter),
    ("noise", 5, _noise),
    ("texture", 3, _texture),
    ("shape", 10, _shape),
    ("paper", 5, _paper),
)
CHECKED = {"turned", "joined", "part", "scribble", "cut"}
AUGMENTED = {"turned", "joined", "part", "scribble", "printed", "written"}
