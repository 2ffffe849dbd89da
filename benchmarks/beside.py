"""What a border, a shadow, a word or a box beside a number changes in its digits: each should change nothing."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.files import to_gray
from edge_runtime.page import Page
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Box, Gray, bounding_box

CASES = 100
WORDS = ("Total", "kWh", "Name", "Date", "Menge", "Preis", "Room", "Level", "Zimmer", "Unit")
FONT = cv2.FONT_HERSHEY_SIMPLEX

Random = np.random.Generator


def add_border(gray: Gray, around: Box, random: Random) -> Gray:
    """Return the page with a dark line at one to four of its edges."""
    drawn, width = gray.copy(), int(random.integers(2, 9))
    edges = np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]
    for number in random.permutation(4)[: random.integers(1, 5)]:
        drawn[edges[number]] = random.integers(20, 90)
    return drawn


def add_shadow(gray: Gray, around: Box, random: Random) -> Gray:
    """Return the page with a shadow over a part of it, with a straight edge."""
    rows, columns = np.indices(gray.shape)
    angle, share = random.uniform(0, 2 * np.pi), random.uniform(0.3, 0.7)
    across = columns * np.cos(angle) + rows * np.sin(angle)
    shade = (across < np.quantile(across, share)).astype(np.float32)
    soft = cv2.GaussianBlur(shade, (0, 0), float(random.uniform(1, 25)))
    return _round(gray * (1 - soft * random.uniform(0.3, 0.6)))


def add_word(gray: Gray, around: Box, random: Random) -> Gray:
    """Return the page with a word below or above the number."""
    drawn, height = gray.copy(), around.height
    size = height * random.uniform(0.5, 0.9)
    below = random.random() < 0.5
    base = around.y + around.height + 0.6 * height + size if below else around.y - 0.6 * height
    word, scale = str(random.choice(WORDS)), size / 21
    cv2.putText(drawn, word, (around.x, round(base)), FONT, scale, 60, max(1, round(2 * scale)), cv2.LINE_AA)
    return drawn


def add_box(gray: Gray, around: Box, random: Random) -> Gray:
    """Return the page with an empty box on the right of the number."""
    drawn, side = gray.copy(), round(around.height * random.uniform(1.0, 1.5))
    left = round(around.x + around.width + around.height * random.uniform(0.5, 1.0))
    cv2.rectangle(drawn, (left, around.y), (left + side, around.y + side), 70, int(random.integers(1, 4)), cv2.LINE_AA)
    return drawn


ADDITIONS: dict[str, Callable[[Gray, Box, Random], Gray]] = {
    "border": add_border,
    "shadow": add_shadow,
    "word": add_word,
    "box": add_box,
}


def measure(
    read: Callable[[Gray], Page], cases: int = CASES, names: Sequence[str] = tuple(ADDITIONS)
) -> dict[str, float]:
    """Return for each addition the share of cases in which it changes the digits of the page."""
    changed = dict.fromkeys(names, 0)
    for number in range(cases):
        random = np.random.default_rng((11, number))
        text = "".join(map(str, random.integers(0, 10, random.integers(2, 7))))
        drawn = draw_page([text], (640, 480), int(random.integers(30, 61)), number)
        gray, around = to_gray(drawn.image), bounding_box(list(drawn.boxes[0]))
        plain = read(gray).digits_text
        for name in names:
            changed[name] += read(ADDITIONS[name](gray, around, random)).digits_text != plain
    return {name: count / cases for name, count in changed.items()}


def _round(levels: NDArray[np.floating]) -> Gray:
    return np.asarray(np.clip(levels, 0, 255), np.uint8)
