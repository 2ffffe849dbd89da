"""Layouts of numbers in columns and tables."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from train.synthetic.scenes import clutter, numbers, words
from train.synthetic.scenes.builder import SPACE, Builder, Style
from train.synthetic.scenes.layout import Piece, extent, move


class Grid(NamedTuple):
    """The cells of a table, in page coordinates."""

    left: float
    top: float
    width: float  # of a column
    height: float  # of a row
    columns: int
    rows: int
    space: float  # at the right edge of a cell that stays free


def draw_columns(builder: Builder) -> None:
    """Draw columns of numbers, far apart, without rules."""
    draw_table(builder, ruled=False)


def draw_table(builder: Builder, ruled: bool = True) -> None:
    """Draw a table: cells with numbers, some empty, some with words."""
    random, plan = builder.random, builder.plan
    digits = int(random.integers(1, 5)) if random.random() < 0.75 else 1
    grid = _grid(builder, digits, ruled)
    if ruled:
        _draw_rules(builder, grid)
    style, other = builder.style(), builder.style()
    mixed, empty = random.random() < 0.3, random.uniform(0, 0.5) if random.random() < 0.5 else 0.0
    header = ruled and random.random() < 0.4
    builder.plan = replace(plan, container="")
    for row in range(grid.rows):
        for column in range(grid.columns):
            if random.random() < empty:
                continue
            x = grid.left + column * grid.width
            middle = grid.top + row * grid.height + grid.height / 2
            base = middle + builder.size / 2 + random.normal(0, 0.06) * builder.size
            if (header and row == 0) or random.random() < plan.words * 0.3:
                _draw_word(builder, x, base, grid.width)
                continue
            _draw_number(builder, x, base, grid, digits, other if mixed and random.random() < 0.5 else style, row)
    builder.plan = plan


def _grid(builder: Builder, digits: int, ruled: bool) -> Grid:
    """Return a random grid that fits into the page. digits: the most in a cell."""
    random, size = builder.random, builder.size
    left, top, right, bottom = builder.area()
    space = 0.0 if ruled else SPACE * size
    width = size * (0.95 * digits + random.uniform(0.8, 2.0)) + space
    height = size * random.uniform(1.35, 2.4)
    columns = int(np.clip((right - left) / width, 1, random.integers(2, 10)))
    rows = int(np.clip((bottom - top) / height, 1, random.integers(2, 10)))
    x = left + random.uniform(0, max(0.0, right - left - columns * width))
    y = top + random.uniform(0, max(0.0, bottom - top - rows * height))
    return Grid(x, y, width, height, columns, rows, space)


def _draw_rules(builder: Builder, grid: Grid) -> None:
    """Draw the rules of a table; in half of the tables, every third one is thick."""
    pen = builder.printer_pen()
    radius = max(0.4, pen.radius * builder.size * 0.7)
    right, bottom = grid.left + grid.columns * grid.width, grid.top + grid.rows * grid.height
    thick = int(builder.random.choice([0, 3]))
    for number in range(grid.columns + 1):
        x = grid.left + number * grid.width
        factor = 2.2 if thick and number % thick == 0 else 1.0
        builder.canvas.path(clutter.line((x, grid.top), (x, bottom)), radius * factor)
    for number in range(grid.rows + 1):
        y = grid.top + number * grid.height
        factor = 2.2 if thick and number % thick == 0 else 1.0
        builder.canvas.path(clutter.line((grid.left, y), (right, y)), radius * factor)
    builder.ink(pen)


def _draw_word(builder: Builder, x: float, base: float, width: float) -> None:
    """Draw a word in a cell of this width."""
    random, size = builder.random, builder.size
    scale = size * random.uniform(0.4, 0.9)
    word = words.random_word(random)[: max(1, int(width / (0.6 * scale)))]
    builder.word(word, x + random.uniform(0.05, 0.3) * size, base, scale)


def _draw_number(builder: Builder, x: float, base: float, grid: Grid, digits: int, style: Style, row: int) -> None:
    """Draw a number in a cell; only its first digit if all of it is too wide."""
    random, size = builder.random, builder.size

    def lay_out(text: str) -> tuple[list[Piece], float, float]:
        pieces = move(builder.lay_out(text, style), 0, base - size, size)
        start, _, end, _ = extent(pieces)
        return pieces, start, end

    text = numbers.random_number(random, builder.plan.marks, digits)
    pieces, start, end = lay_out(text)
    room = grid.width - grid.space
    if end - start > 0.98 * room:
        text = text[:1] if text[0].isdigit() else str(random.integers(10))
        pieces, start, end = lay_out(text)
    free = max(0.0, room - (end - start))
    builder.put(move(pieces, x - start + random.uniform(0.2, 0.8) * free, 0), text, style, row)
