"""Candidates that the detection finds on drawn pages with known text: digits and non-digits.

Over-segmentation shows a classifier halves of digits, joined digits, dots, dashes and texture. A network trained on
digits alone is confident about them too; these candidates teach it the difference.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.lattice import crop
from edge_runtime.find.reading import find_digits, to_page_box
from edge_runtime.images.files import to_gray
from edge_runtime.normalise import normalise_all
from edge_runtime.synthetic.pages import Appearance, DrawDigit, draw_page
from edge_runtime.types import NON_DIGIT, Box, Classification, Gray, Images

SAME = 0.8  # intersection over union with a digit's box from which a candidate is that digit
OTHER = 0.55  # below this with every digit a candidate is a non-digit; those in between are left out


class Candidates(NamedTuple):
    """Normalised crops and their labels."""

    images: Images  # (N, 28, 28)
    labels: NDArray[np.int64]  # (N,), 0..9, or NON_DIGIT


def draw_candidates(images: Images, labels: NDArray[np.uint8], pages: int, seed: int) -> Candidates:
    """Draw digits on strips of paper, find all candidates there, and label them.

    images: (N, 28, 28), ink bright on 0, not normalised; labels: (N,), all ten among them. pages: strips of 2 to 6
    digits, about 35 candidates each. The same seed gives the same candidates.
    """
    places = [np.flatnonzero(labels == digit) for digit in range(10)]

    def pick(label: int, random: np.random.Generator) -> NDArray[np.uint8]:
        return np.asarray(images[random.choice(places[label])], np.uint8)

    found = [_of_page(pick, np.random.default_rng((seed, page))) for page in range(pages)]
    return Candidates(np.concatenate([each.images for each in found]), np.concatenate([each.labels for each in found]))


def _of_page(pick: DrawDigit, random: np.random.Generator) -> Candidates:
    text = "".join(map(str, random.integers(0, 10, random.integers(2, 7))))
    height = int(random.integers(20, 60))
    drawn = draw_page(
        [text], (round(1.1 * height * (len(text) + 1.5)), round(1.6 * height)), height, int(random.integers(1 << 30)),
        _look(random), pick,
    )  # fmt: skip
    found = find_digits(to_gray(drawn.image), _unsure)
    crops, labels = [], []
    for row in found.rows:
        for candidate in row.candidates:
            label = _label(to_page_box(candidate.box, row, found.ink.factor), drawn.boxes[0], text)
            if label is not None:
                crops.append(crop(candidate, row.pieces))
                labels.append(label)
    return Candidates(normalise_all(crops), np.array(labels, np.int64))


def _look(random: np.random.Generator) -> Appearance:
    ink, paper = int(random.integers(0, 90)), int(random.integers(150, 240))
    return Appearance(
        ink=(ink,) * 3,
        paper=(paper,) * 3,
        gap=(-0.1, 0.4),
        touching=float(random.choice([0, 0.2, 0.4])),
        sizes=0.12,
        slope=float(random.normal(0, 0.04)),
        separators=float(random.choice([0, 0.4])),
        ruling="lines" if random.random() < 0.3 else "",
        rule=(110,) * 3,
        texture=float(random.uniform(0, 40)),
        blur=float(random.uniform(0.3, 1.3)),
        noise=float(random.uniform(1, 5)),
    )


def _unsure(crops: Iterable[Gray]) -> tuple[Images, Classification]:
    """Stand in for a classifier that is confident about nothing, so that every possible cut is made."""
    count = sum(1 for _ in crops)
    shares = np.full((count, 10), 0.1, np.float32)
    return np.zeros((count, 28, 28), np.uint8), Classification(np.zeros(count, np.int64), shares[:, 0], shares)


def _label(box: Box, digits: tuple[Box, ...], text: str) -> int | None:
    """Return the digit that a candidate's box encloses, NON_DIGIT, or None where it is clearly neither."""
    best, label = 0.0, NON_DIGIT
    for digit, letter in zip(digits, text, strict=True):
        width = min(box.x + box.width, digit.x + digit.width) - max(box.x, digit.x)
        height = min(box.y + box.height, digit.y + digit.height) - max(box.y, digit.y)
        if width > 0 and height > 0:
            both = width * height
            share = both / (box.width * box.height + digit.width * digit.height - both)
            if share > best:
                best, label = share, int(letter)
    return label if best >= SAME else NON_DIGIT if best < OTHER else None
