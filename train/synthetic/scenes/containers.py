"""Draws numbers in containers: cells, frames, rings, underlines and brackets; strikes numbers out."""

from dataclasses import replace

import numpy as np

from edge_runtime.segmentation.outputs import Kind
from train.synthetic.scenes import clutter, words
from train.synthetic.scenes.builder import Builder, Style
from train.synthetic.scenes.layout import extent, move
from train.synthetic.scenes.types import Box

CELLS = ("boxes", "comb", "windows")  # containers with a cell for each digit
CELL_WIDTH = 1.7  # approximate width of a number in cells, relative to one without cells
PARTLY_FILLED, MOST_EMPTY = 0.3, 4  # share of numbers in cells that may leave some empty; the most that follow

Cells = list[Box]


def draw_number(builder: Builder, text: str, x: float, base: float, style: Style, row: int, container: str = "") -> Box:
    """Draw a number in a container, or in none, and return the box of both.

    x: left edge. base: the base line. row: of the number, for the text of the scene. container: as in `Plan`.
    """
    plan, random, size = builder.plan, builder.random, builder.size
    if container in CELLS:
        return _draw_in_cells(builder, text, x, base, style, row, container)
    found = builder.number(text, x, base, style, row)
    if random.random() < plan.empty:
        _draw_empty_beside(builder, found)
    if container:
        return _draw_around(builder, found, base, style, container)
    if plan.struck and random.random() < plan.struck:
        clutter.strike(builder.canvas, found, style.pen.radius * size, random)
        builder.ink(style.pen)
        _remove_number(builder, len(text))
    return found


def _remove_number(builder: Builder, count: int) -> None:
    """Remove the last number, which has `count` digits and marks, from the truth: it is struck out."""
    gone = builder.tokens[-count:]
    mine = np.isin(builder.canvas.owners, [token.owner for token in gone])
    builder.canvas.kinds[mine] = Kind.OTHER
    builder.canvas.owners[mine] = 0
    builder.tokens[-count:] = [token._replace(character="") for token in gone]
    builder.rows.pop()


def _draw_empty_beside(builder: Builder, at: Box) -> None:
    """Draw one to three empty boxes, or a ring, on one side of the box of a number."""
    random, size = builder.random, builder.size
    left, top, right, bottom = at
    width, height = random.uniform(0.5, 1.6, 2) * size
    if random.random() < 0.6:  # a square
        height = width
    away, step = random.uniform(0.2, 1.5) * size, width + random.choice([0.0, 0.2]) * size
    count = int(random.integers(1, 4))
    side = random.random()
    if side < 0.5:
        x, y = right + away, (top + bottom - height) / 2
    elif side < 0.75:
        x, y = left - away - count * step, (top + bottom - height) / 2
    else:
        x, y = left + random.normal(0, 1) * size, bottom + away
    pen = builder.printer_pen(faint=bool(random.random() < 0.3))
    radius, by_hand = max(0.4, pen.radius * size), bool(random.random() < 0.3)
    for number in range(count):
        cell = (x + number * step, y, x + number * step + width, y + height)
        if random.random() < 0.12:
            clutter.ring(builder.canvas, cell, radius, random)
        else:
            clutter.box(builder.canvas, cell, radius, random, by_hand)
    builder.ink(pen)


def _draw_around(builder: Builder, at: Box, base: float, style: Style, container: str) -> Box:
    """Draw a container around the box of a number; returns the box of both."""
    random, size, canvas = builder.random, builder.size, builder.canvas
    left, top, right, bottom = at
    pen = style.pen if random.random() < 0.5 else builder.pen((0.015, 0.07))
    around = random.uniform(0.15, 0.5) * size
    outer = (left - around, top - around, right + around, bottom + around)
    if container == "frame":
        clutter.box(canvas, outer, pen.radius * size, random, by_hand=bool(random.random() < 0.4))
    elif container == "ring":
        clutter.ring(canvas, at, pen.radius * size, random)
    elif container == "underline":
        clutter.underline(canvas, at, pen.radius * size, random)
    elif container == "brackets":
        opening, closing = random.choice(["()", "[]", "{}"])
        height = 1.15 * size
        for character, edge, right_aligned in (
            (opening, left - 0.15 * size, True),
            (closing, right + 0.15 * size, False),
        ):
            pieces = words.write(character, random, 0.1, 0.0, False)
            pieces = move(pieces, 0, base - height + 0.05 * size, height)
            reach = extent(pieces)
            builder.draw(move(pieces, edge - (reach[2] if right_aligned else reach[0]), 0), pen, height)
        outer = (left - 0.5 * size, top, right + 0.5 * size, bottom)
    builder.ink(pen)
    return outer


def _draw_in_cells(builder: Builder, text: str, x: float, base: float, style: Style, row: int, container: str) -> Box:
    """Draw a number with each digit in a cell of its own, some beside it empty; returns the box of all cells."""
    random, size = builder.random, builder.size
    width, height = random.uniform(0.95, 1.4) * size, random.uniform(1.25, 1.7) * size
    gap = random.uniform(0.05, 0.3) * size if container != "comb" else 0.0
    if random.random() < 0.2 and container == "boxes":
        gap = 0.0
    top = base - size / 2 - height / 2
    before, after = 0, 0
    if random.random() < PARTLY_FILLED:
        room = max(0, int((builder.area()[2] - x) / (width + gap)) - len(text))
        before = min(room, int(random.integers(2)))
        after = min(room - before, int(random.integers(MOST_EMPTY + 1)))
    lefts = [x + number * (width + gap) for number in range(before + len(text) + after)]
    cells = [(left, top, left + width, top + height) for left in lefts]
    outer = (x, top, lefts[-1] + width, top + height)
    dark = builder.dark
    if container == "windows":
        outer, style = _draw_windows(builder, cells, outer, style)
    else:
        _draw_cells(builder, cells, outer, container)
    pieces = []
    for left, character in zip(lefts[before:], text, strict=False):
        piece = move(builder.lay_out(character, style), 0, base - size, size)
        start, _, end, _ = extent(piece)
        free = max(0.0, width - (end - start))
        drift = random.normal(0, 0.08, 2) * size
        shift = left + free / 2 - start + float(np.clip(drift[0], -free / 2, free / 2))
        pieces += move(piece, shift, float(drift[1]))
    builder.put(pieces, text, style, row)
    builder.dark = dark
    return outer


def _draw_cells(builder: Builder, cells: Cells, outer: Box, container: str) -> None:
    """Draw the outlines of cells: a comb, or boxes."""
    random = builder.random
    pen = builder.printer_pen(faint=bool(random.random() < 0.4))
    radius = max(0.4, pen.radius * builder.size)
    if container == "comb":
        clutter.comb(builder.canvas, outer, [cell[0] for cell in cells[1:]], radius, random)
    else:
        for cell in cells:
            clutter.box(builder.canvas, cell, radius, random)
    builder.ink(pen)


def _draw_windows(builder: Builder, cells: Cells, outer: Box, style: Style) -> tuple[Box, Style]:
    """Draw cells like those of a counter: dark on a light ground or light on a dark one, each alone or on one plate.

    Returns the box of all cells, and the style with a pen that is visible in them. The caller restores `builder.dark`.
    """
    random, size, canvas = builder.random, builder.size, builder.canvas
    plate = random.random() < 0.5
    if plate:
        around = random.uniform(0.05, 0.3) * size
        outer = (outer[0] - around, outer[1] - around, outer[2] + around, outer[3] + around)
    for left, upper, right, lower in [outer] if plate else cells:
        corners = (left, upper), (right, upper), (right, lower), (left, lower)
        canvas.polygon([clutter.line(*corners)], Kind.BACKGROUND)
    ground = random.uniform(5, 75)
    builder.dark = builder.level > 100
    if not builder.dark:
        ground = random.uniform(160, 250)
    canvas.ink(ground, random.uniform(0.85, 1))
    level, builder.level = builder.level, ground
    style = replace(style, pen=builder.pen((0.04, 0.1)))
    if plate and random.random() < 0.4:
        for cell in cells:
            clutter.box(canvas, cell, 0.015 * size, random)
        builder.ink(builder.pen((0.01, 0.02))._replace(opacity=random.uniform(0.15, 0.7)))
    builder.level = level
    return outer, style
