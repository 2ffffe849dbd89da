"""Layouts: where the numbers and words of a scene are."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from train.synthetic.scenes import clutter, numbers, words
from train.synthetic.scenes.builder import SPACE, Builder, Pen, Style
from train.synthetic.scenes.containers import CELL_WIDTH, CELLS, draw_number
from train.synthetic.scenes.layout import extent, move
from train.synthetic.scenes.tables import draw_columns, draw_table
from train.synthetic.scenes.texts import draw_equations, draw_text
from train.synthetic.scenes.types import Box

LABEL_ENDS = ("", ":", " :", "..")


def _fitting_number(builder: Builder, room: float) -> str:
    """Return a random number that fits into a width, without marks if the container has cells."""
    plan = builder.plan
    most = max(1, int(room / (0.95 * builder.size) - 0.5))
    if plan.container not in CELLS:
        return numbers.random_number(builder.random, plan.marks, min(most, plan.longest))
    text = numbers.random_number(builder.random, plan.marks, min(max(1, int(most * 0.6)), plan.longest))
    return "".join(character for character in text if character.isdigit())


def _width(builder: Builder, text: str, style: Style) -> float:
    """Return the width that a number takes, about."""
    left, _, right, _ = extent(move(builder.lay_out(text, style), 0, 0, builder.size))
    return (right - left) * (CELL_WIDTH if builder.plan.container in CELLS else 1)


# One number


def draw_single(builder: Builder) -> None:
    """Draw one number anywhere on the page and, with the plan's probability, words beside it."""
    random, size = builder.random, builder.size
    left, top, right, bottom = builder.area()
    style = builder.style()
    text = _fitting_number(builder, 0.9 * (right - left))
    x = random.uniform(left, max(left + 1, right - _width(builder, text, style)))
    base = random.uniform(top + 1.3 * size, max(top + 1.4 * size, bottom - 0.3 * size))
    found = draw_number(builder, text, x, base, style, 0, builder.plan.container)
    if random.random() < builder.plan.words:
        _draw_words_around(builder, found, base)


def _draw_words_around(builder: Builder, around: Box, base: float) -> None:
    """Draw one or two words before, after, above or below a number, on different sides."""
    random, size = builder.random, builder.size
    left, top, right, bottom = around
    far = 100 * size  # out of the image: a side that has a word
    for _ in range(int(random.integers(1, 3))):
        scale = size * random.uniform(0.35, 1.1)
        away = random.uniform(0.35, 2.0) * size
        side = random.random()
        text = words.random_word(random)
        if side < 0.4:
            text += ":" if random.random() < 0.3 else ""
            builder.word(text, left - away, base - random.uniform(0, 0.2) * size, scale, right=True)
            left -= far
        elif side < 0.75:
            builder.word(text, right + away * 0.7, base - random.uniform(0, 0.2) * size, scale)
            right += far
        elif side < 0.88 and left > -50 * size:
            x = around[0] + random.normal(0, 1) * size
            builder.word(text, x, top - random.uniform(0.25, 1) * size, scale)
            top -= far
        else:
            x = around[0] + random.normal(0, 1) * size
            builder.word(text, x, bottom + scale + random.uniform(0.25, 1) * size, scale)
            bottom += far


# Rows


def draw_rows(builder: Builder) -> None:
    """Draw rows of one number or several."""
    random, size, plan = builder.random, builder.size, builder.plan
    left, top, right, bottom = builder.area()
    pitch = size * random.uniform(1.5, 2.6) * (1.5 if plan.container else 1)
    most = max(1, int((bottom - top) / pitch))
    count = most if random.random() < 0.25 else int(random.integers(1, min(most, 6) + 1))
    first = top + pitch + random.uniform(0, max(0.0, bottom - top - count * pitch))
    style = builder.style()
    start = left + random.uniform(0, 0.35) * (right - left)
    several = random.random() < 0.4
    for row in range(count):
        if random.random() < 0.15:
            style = builder.style()
        if random.random() < 0.8:
            x = start + random.normal(0, 0.3) * size
        else:
            x = left + random.uniform(0, 0.4) * (right - left)
        base = first + row * pitch + random.normal(0, 0.05) * size - 0.4 * size
        _draw_row(builder, max(x, left), base, style, row, several)


def _draw_row(builder: Builder, x: float, base: float, style: Style, row: int, several: bool) -> None:
    """Draw a row of numbers from x on, with words between them; only one number if not `several`."""
    random, size, plan = builder.random, builder.size, builder.plan
    right = builder.area()[2]
    while right - x > size:
        text = _fitting_number(builder, right - x)
        if x + _width(builder, text, style) > right:
            break
        found = draw_number(builder, text, x, base, style, row, plan.container)
        x = found[2] + size * random.uniform(SPACE, 3.5)
        if plan.words and random.random() < 0.5 * plan.words and right - x > 3 * size:
            word = builder.word(words.random_word(random), x - 0.5 * size, base, size * random.uniform(0.5, 1.0))
            x = word[2] + size * random.uniform(0.7, 2)
        elif not several or random.random() < 0.3:
            break


# Forms


class Labels(NamedTuple):
    """How the labels of a form are drawn."""

    pen: Pen
    size: float  # a capital's height, pixels of the page
    by_hand: bool


def draw_form(builder: Builder) -> None:
    """Draw a form: labels, and numbers beside them on rules, in containers, or neither."""
    random, size = builder.random, builder.size
    left, top, right, bottom = builder.area()
    pitch = size * random.uniform(1.7, 3.2)
    style = builder.style()
    pen = builder.printer_pen()
    label_size = size * random.uniform(0.35, 0.85)
    labels = Labels(pen, label_size, bool(random.random() < 0.25))
    row, base = 0, top + pitch
    while base < bottom:
        x = left + random.uniform(0, 0.1) * (right - left)
        while right - x > 4 * size:
            end = _draw_entry(builder, x, base, style, row, labels)
            if end is None:
                break
            x = end + random.uniform(1.5, 3) * size
            if random.random() < 0.5:
                break
        row += 1
        base += pitch


def _draw_entry(builder: Builder, x: float, base: float, style: Style, row: int, labels: Labels) -> float | None:
    """Draw a label and, beside it, a rule and a number; returns the right edge, or None if there was no room."""
    random, size, plan = builder.random, builder.size, builder.plan
    right = builder.area()[2]
    label = " ".join(words.random_word(random) for _ in range(int(random.integers(1, 3))))
    label += str(random.choice(LABEL_ENDS))
    found = builder.word(label, x, base, labels.size, labels.pen, labels.by_hand)
    x = found[2] + random.uniform(0.3, 1.2) * size
    room = right - x
    if room < 1.2 * size:
        return None
    filled = random.random() < 0.75
    text = _fitting_number(builder, min(room, 8 * size))
    end = min(right, x + random.uniform(3, 8) * size)
    if plan.container not in CELLS and random.random() < 0.5:
        _draw_rule(builder, x, end, base + 0.05 * size, labels.pen)
    if not filled:
        return end
    if x + _width(builder, text, style) > right:
        return None
    found = draw_number(builder, text, x, base, style, row, plan.container if random.random() < 0.6 else "")
    end = max(end, found[2])
    if random.random() < 0.3:  # a unit
        unit = words.random_word(random)[:4]
        found = builder.word(unit, found[2] + 0.4 * size, base, labels.size, labels.pen, labels.by_hand)
        end = max(end, found[2])
    return end


def _draw_rule(builder: Builder, start: float, end: float, y: float, pen: Pen) -> None:
    """Draw a dotted or solid rule for a number."""
    size, canvas = builder.size, builder.canvas
    radius = max(0.4, 0.02 * size)
    if builder.random.random() < 0.5:
        for x in np.arange(start, end, max(2.5, 0.13 * size)):
            canvas.path(np.array([[x, y]]), radius)
    else:
        canvas.path(clutter.line((start, y), (end, y)), radius)
    builder.ink(pen)


def draw_nothing(builder: Builder) -> None:
    """Draw neither numbers nor words."""


LAYOUTS: dict[str, Callable[[Builder], None]] = {
    "single": draw_single,
    "rows": draw_rows,
    "columns": draw_columns,
    "table": draw_table,
    "labelled": draw_form,
    "equation": draw_equations,
    "text": draw_text,
    "none": draw_nothing,
}
