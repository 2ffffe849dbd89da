"""Random layouts of forms on A4 at 200 dpi: printed labels, and fields as boxes, combs, lines and frames.

All places and sizes are in pixels of the blank form.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.forms.checksums import CHECKSUMS
from train.synthetic.scenes import words
from train.synthetic.scenes.layout import extent
from train.synthetic.scenes.scene import World
from train.synthetic.scenes.types import Box, Random

WIDTH, HEIGHT = 1654, 2339  # A4 at 200 dpi
MARGIN = 110
KINDS = ("boxes", "comb", "line", "frame")  # of fields
CELL = (38.0, 56.0)  # range of the width of a cell
DATE = "dd/dd/dddd"
GAP = 60.0  # between the fields of a row
LEAST_GAP = 14.0  # between a label and its field


class Line(NamedTuple):
    """A printed straight line."""

    ends: Box  # x and y of one end, then of the other
    radius: float


class Print(NamedTuple):
    """A printed text."""

    text: str
    x: float  # left edge
    base: float  # base line
    size: float  # height of a digit
    font: Path


@dataclass(frozen=True)
class PrintedField:
    """A field of a form."""

    name: str
    kind: str  # one of `KINDS`
    box: Box  # left, top, right, bottom of where a person writes
    cells: int  # digits that it has room for
    pattern: str = ""  # `DATE`, or empty
    checksum: str = ""  # a key of `CHECKSUMS`, or empty

    def cell(self, number: int) -> Box:
        """Return the cell of a digit of a field with cells."""
        left, top, right, bottom = self.box
        width = (right - left) / self.places
        place = [place for place, letter in enumerate(DATE) if letter == "d"][number] if self.pattern else number
        return left + place * width, top, left + (place + 1) * width, bottom

    @property
    def places(self) -> int:
        """How many cells it has, with those of the pattern's other characters."""
        return len(self.pattern) if self.pattern else self.cells


class Layout(NamedTuple):
    """A blank form."""

    fields: list[PrintedField]
    lines: list[Line]
    prints: list[Print]
    level: float  # gray level of the print, 0 to 255


def draw_layout(number: int, world: World) -> Layout:
    """Return a random layout; the same for the same number and fonts."""
    random = np.random.default_rng((number, 83))
    font = world.print_fonts[int(random.integers(len(world.print_fonts)))]
    layout = Layout([], [], [], float(random.uniform(0, 110)))
    y = _draw_head(layout, random, font)
    label_size, above = random.uniform(16, 24), random.random() < 0.6
    kind = str(random.choice(KINDS))
    radius = random.uniform(0.6, 1.8)
    while y < HEIGHT - MARGIN - 220 and len(layout.fields) < 20:
        if random.random() < 0.4:
            kind = str(random.choice(KINDS))
        cell = random.uniform(*CELL)
        high = cell * random.uniform(1.1, 1.5)
        y = _draw_row(layout, y, (kind, cell, high, radius), (label_size, above, font), random)
        y += high + random.uniform(25, 110)
        if random.random() < 0.15:
            y = _draw_text(layout, y, random, font)
    return layout


def _draw_head(layout: Layout, random: Random, font: Path) -> float:
    """Add a title, and in some cases a line below it, a box and small text; returns where the fields begin."""
    title = " ".join(words.random_word(random) for _ in range(int(random.integers(2, 5))))
    y = MARGIN + 40.0
    layout.prints.append(Print(title, MARGIN, y, random.uniform(26, 44), font))
    if random.random() < 0.6:
        layout.lines.append(Line((MARGIN, y + 25, WIDTH - MARGIN, y + 25), random.uniform(0.8, 3)))
    if random.random() < 0.5:
        left = WIDTH - MARGIN - random.uniform(150, 260)
        _frame(layout, (left, MARGIN - 30, WIDTH - MARGIN, MARGIN + 40), 1.0)
    y += 60
    return _draw_text(layout, y, random, font) if random.random() < 0.7 else y + 30


def _draw_text(layout: Layout, y: float, random: Random, font: Path) -> float:
    """Add one to three lines of small text; returns where they end."""
    for _ in range(int(random.integers(1, 4))):
        text = " ".join(words.random_word(random) for _ in range(int(random.integers(4, 11))))
        layout.prints.append(Print(text, MARGIN, y + 20, random.uniform(13, 17), font))
        y += 34
    return y + 40


def _draw_row(
    layout: Layout,
    y: float,
    look: tuple[str, float, float, float],
    label: tuple[float, bool, Path],
    random: Random,
) -> float:
    """Add one to three fields side by side with their labels; returns the top of the fields.

    look: kind, width and height of a cell, half of the width of lines. label: its size, whether it is above the field,
    and its font.
    """
    kind, cell, high, radius = look
    size, above, font = label
    x = MARGIN + random.uniform(0, 40)
    top = y + size + LEAST_GAP if above else y
    for _ in range(int(random.integers(1, 4))):
        word = words.random_word(random)
        pieces = words.typeset(word, font)
        length = size * extent(pieces)[2] if pieces else 0.0
        start = x if above else x + length + LEAST_GAP
        pattern = DATE if kind != "line" and random.random() < 0.15 else ""
        checksum = "" if pattern or random.random() < 0.6 else str(random.choice(list(CHECKSUMS)))
        cells = 8 if pattern else int(random.integers(4, 10)) if checksum else int(random.integers(1, 9))
        box = (start, top, start + cell * (len(pattern) or cells), top + high)
        if box[2] > WIDTH - MARGIN:
            break
        layout.prints.append(Print(word, x, y + size if above else top + 0.7 * high, size, font))
        field = PrintedField(f"field{len(layout.fields) + 1}", kind, box, cells, pattern, checksum)
        layout.fields.append(field)
        _draw_field(layout, field, radius, font)
        x = box[2] + GAP + random.uniform(0, 80)
    return top


def _draw_field(layout: Layout, field: PrintedField, radius: float, font: Path) -> None:
    """Add the lines of a field, and the characters of its pattern."""
    left, top, right, bottom = field.box
    width = (right - left) / field.places
    if field.kind == "boxes":
        for number in range(field.cells):
            cell = field.cell(number)
            _frame(layout, (cell[0] + 2, cell[1], cell[2] - 2, cell[3]), radius)
    elif field.kind == "comb":
        layout.lines.append(Line((left, bottom, right, bottom), radius))
        for place in range(field.places + 1):
            x, high = left + place * width, (bottom - top) * (1.0 if place in (0, field.places) else 0.4)
            layout.lines.append(Line((x, bottom - high, x, bottom), radius))
    elif field.kind == "line":
        layout.lines.append(Line((left, bottom, right, bottom), radius))
    else:
        _frame(layout, field.box, radius)
    for place, letter in enumerate(field.pattern):
        if letter != "d":
            layout.prints.append(Print(letter, left + (place + 0.35) * width, bottom - 0.3 * width, 0.6 * width, font))


def _frame(layout: Layout, box: Box, radius: float) -> None:
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    for start, stop in zip(corners, [*corners[1:], corners[0]], strict=True):
        layout.lines.append(Line((*start, *stop), radius))
