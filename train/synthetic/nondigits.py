"""What is no digit, drawn by ourselves: a network that is shown nothing but digits is sure of anything.

Letters, signs, scribbles, digits that are turned, halved or joined, wrong cuts of the finder: bent and dirtied like
digits. Then noise, textures, filled shapes, smudges on paper. All pass through the runtime's `normalise`.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.normalise import SIZE, is_blank, normalise
from edge_runtime.types import NON_DIGIT, Gray
from train.augmentation.augment import Deformer, Digits
from train.augmentation.settings import MILD, STRONG
from train.synthetic import letters
from train.synthetic.candidates import candidates

PAGES = 30  # of generated strips for each 1000 others: about 28 wrong cuts each
TRIES = 20  # of a picture in which `normalise` finds nothing
TURNS = {  # which quarter turns of a digit are none, and whether its mirror image is none
    1: ((1, 3), False),
    2: ((1, 3), True),
    3: ((1, 2, 3), True),
    4: ((1, 2, 3), True),
    5: ((1, 3), True),
    6: ((1, 3), True),
    7: ((1, 2, 3), True),
    9: ((1, 3), True),
}

Draw = Callable[["Others", np.random.Generator], Gray]


class Others:
    """Draws epochs of what is no digit; the same for the same digits, seed and epoch.

    images: uint8 (N, 28, 28), normalised digits, and labels: uint8 (N,), their values, for what is made of digits.
    seed: any int of at least 0. count: pictures in an epoch.
    """

    def __init__(self, images: Digits, labels: NDArray[np.integer], seed: int, count: int) -> None:
        self.images, self.labels, self.seed, self.count = images, labels, seed, count

    def kinds(self) -> list[tuple[str, int, Draw | None]]:
        """Name, count and maker of each kind, in the order of an epoch; the finder's cuts have no maker."""
        total = sum(share for _, share, _ in KINDS)
        counts = [self.count * share // total for _, share, _ in KINDS]
        counts[0] += self.count - sum(counts)
        return [(name, count, make) for (name, _, make), count in zip(KINDS, counts, strict=True)]

    @property
    def judged(self) -> int:
        """How many of an epoch's pictures, the first ones, may be a digit by chance: whoever can tell should ask."""
        return sum(count for name, count, _ in self.kinds() if name in JUDGED)

    def epoch(self, number: int) -> Digits:
        """Return as many others as `count`, uint8 (count, 28, 28), normalised, kind by kind."""
        parts = []
        for place, (name, count, make) in enumerate(self.kinds()):
            random = np.random.default_rng((self.seed, number, place))
            drawn = self._cuts(count, random) if make is None else self._drawn(count, make, random)
            if name in BENT and count:
                half = len(drawn) // 2
                drawn = np.concatenate(
                    [
                        Deformer(part, int(random.integers(1 << 30)), deformation=how).epoch(number)
                        for part, how in ((drawn[:half], MILD), (drawn[half:], STRONG))
                    ]
                )
            parts.append(drawn)
        return np.concatenate(parts)

    def digit(self, random: np.random.Generator, values: tuple[int, ...] = tuple(range(10))) -> tuple[Gray, int]:
        """Any digit of these values, uint8 (28, 28), and its value."""
        while True:
            place = random.integers(len(self.images))
            if int(self.labels[place]) in values:
                return self.images[place], int(self.labels[place])

    def _drawn(self, count: int, make: Draw, random: np.random.Generator) -> Digits:
        drawn = np.zeros((count, SIZE, SIZE), np.uint8)
        for place in range(count):
            for _ in range(TRIES):
                drawn[place] = normalise(make(self, random))
                if not is_blank(drawn[place]):
                    break
        return drawn

    def _cuts(self, count: int, random: np.random.Generator) -> Digits:
        found: list[Digits] = [np.zeros((0, SIZE, SIZE), np.uint8)]
        while sum(map(len, found)) < count:
            some = random.choice(len(self.images), min(2000, len(self.images)), replace=False)
            cuts = candidates(self.images[some], self.labels[some], PAGES, int(random.integers(1 << 30)))
            found.append(cuts.images[cuts.labels == NON_DIGIT])
        return random.permutation(np.concatenate(found))[:count]


# Strokes and digits


def _written(others: Others, random: np.random.Generator) -> Gray:
    return letters.write(random)


def _printed(others: Others, random: np.random.Generator) -> Gray:
    glyphs = letters.printed()
    return glyphs[random.integers(len(glyphs))]


def _scribble(others: Others, random: np.random.Generator) -> Gray:
    """Two to six strokes, straight, cornered or bowed, of one width; or of many on a patch, as a sandal has them."""
    picture = np.zeros((letters.SIDE, letters.SIDE), np.uint8)
    pen = round(random.uniform(4, 13))
    patched = random.random() < 0.35
    if patched:
        _patch(picture, random)
    for _ in range(random.integers(2, 7)):
        if patched:
            pen = round(random.uniform(3, 15))
        start = random.uniform(16, 80, (1, 2))
        steps = random.normal(0, random.uniform(8, 35), (random.integers(1, 6), 2))
        points = np.clip(np.concatenate([start, start + np.cumsum(steps, 0)]), 6, letters.SIDE - 6)
        letters.stroke(picture, points, pen, bool(random.random() < 0.6))
    return picture


def _patch(picture: Gray, random: np.random.Generator) -> None:
    """Fill something long and low, flat or rising to one side."""
    left, right = random.uniform(8, 24), random.uniform(62, 88)
    low, high = random.uniform(40, 84, 2), random.uniform(4, 26, 2)
    middle = (random.uniform(left, right), float(low.mean()) - random.uniform(0, 12))
    corners = [(left, low[0]), (right, low[1]), (right, low[1] - high[1]), middle, (left, low[0] - high[0])]
    cv2.fillPoly(picture, [np.rint(corners).astype(np.int32)], (255,))
    if random.random() < 0.5:
        picture[:] = picture[:, ::-1]


def _turned(others: Others, random: np.random.Generator) -> Gray:
    """A digit turned by a quarter or more, or its mirror image."""
    digit, value = others.digit(random, tuple(TURNS))
    turns, mirrored = TURNS[value]
    if mirrored and random.random() < 0.5:
        return np.ascontiguousarray(digit[:, ::-1])
    return np.ascontiguousarray(np.rot90(digit, random.choice(turns)))


def _joined(others: Others, random: np.random.Generator) -> Gray:
    """Two or three digits side by side that touch, nearly, or overlap; or one over the other."""
    strip = _tight(others.digit(random)[0])
    for _ in range(1 if random.random() < 0.8 else 2):
        strip = _beside(strip, _tight(others.digit(random)[0]), int(random.integers(-4, 4)), random)
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


def _part(others: Others, random: np.random.Generator) -> Gray:
    """The left, right, upper or lower part of a digit."""
    digit = np.rot90(_tight(others.digit(random)[0]), random.integers(4))
    cut = digit[: max(4, round(random.uniform(0.3, 0.6) * len(digit)))]
    back = np.rot90(cut, random.integers(4)) if random.random() < 0.1 else cut
    return np.ascontiguousarray(np.pad(back, 6))


# Pictures that are no writing


def _size(random: np.random.Generator) -> tuple[int, int]:
    if random.random() < 0.5:
        return SIZE, SIZE
    side = random.integers(20, 120)
    return int(side), int(max(12, side * random.uniform(0.5, 2)))


def _noise(others: Others, random: np.random.Generator) -> Gray:
    """White, coarse or smooth noise of many contrasts; salt; blocks of levels; also both of two such."""
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
    elif kind == 3:  # blocks, as of a JPEG of poor quality
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


def _texture(others: Others, random: np.random.Generator) -> Gray:
    """Stripes, squares, waves, hatching, dots in rows."""
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


def _shape(others: Others, random: np.random.Generator) -> Gray:
    """One to four filled shapes, often symmetrical, with shading and pattern in them."""
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
    picture = mask * random.uniform(0.3, 1) * np.clip(shade, 0, 1.3)
    picture = picture + random.normal(0, random.uniform(0, 25), mask.shape) * (mask > 0)
    if not column and random.random() < 0.5:
        wide = round(side * random.uniform(0.5, 2))
        picture = cv2.resize(picture, (wide, side), interpolation=cv2.INTER_AREA)
    return _gray(np.pad(picture, int(random.integers(0, 10))), random)


def _column(mask: Gray, random: np.random.Generator) -> None:
    """Draw a tall shape with corners, wider than a pen's stroke, such as a sleeve, a bottle, a pair of trousers."""
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
    """Draw a block with an arm on either side, which leaves it at its upper corners."""
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


def _paper(others: Others, random: np.random.Generator) -> Gray:
    """Paper in any light, with smudges, creases, rules or specks on it, and nothing written."""
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
    for _ in range(random.integers(0, 3)):  # a crease, a rule; an upright one would be a 1
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


def _gray(picture: NDArray[np.float64], random: np.random.Generator) -> Gray:
    levels = np.clip(picture, 0, 255).astype(np.uint8)
    return 255 - levels if random.random() < 0.5 else levels


KINDS: tuple[tuple[str, int, Draw | None], ...] = (  # name, weight, maker
    ("turned", 6, _turned),
    ("joined", 6, _joined),
    ("part", 5, _part),
    ("scribble", 10, _scribble),
    ("cut", 6, None),
    ("printed", 14, _printed),
    ("written", 32, _written),
    ("noise", 5, _noise),
    ("texture", 3, _texture),
    ("shape", 10, _shape),
    ("paper", 5, _paper),
)
JUDGED = {"turned", "joined", "part", "scribble", "cut"}
BENT = {"turned", "joined", "part", "scribble", "printed", "written"}
