"""Composes scenes from plans."""

import cv2
import numpy as np

from edge_runtime.segmentation.outputs import Kind
from train.synthetic.scenes import clutter, surfaces, words
from train.synthetic.scenes.builder import Builder
from train.synthetic.scenes.layout import move
from train.synthetic.scenes.layouts import LAYOUTS
from train.synthetic.scenes.scene import Plan, Scene, World, rotate
from train.synthetic.scenes.types import Box, Random, Shape


def compose(plan: Plan, shape: Shape, size: float, world: World, random: Random, page: Box | None = None) -> Scene:
    """Return a scene; the same for the same arguments, state of `random` and installed fonts.

    shape: height and width of the image. size: a digit's height, pixels. page: the area for the layout before it is
    tilted, in pixels of the image: by default the image; if larger, the image shows a part.
    """
    turns = plan.turns % 4
    if turns % 2:
        shape = shape[1], shape[0]
    builder = Builder(plan, shape, size, world, random, page)
    if plan.desk and random.random() < plan.desk:
        _lay_on_desk(builder)
    if plan.bleed and random.random() < plan.bleed:
        _add_bleed(builder)
    if plan.ruling:
        _add_rules(builder)
    LAYOUTS[plan.layout](builder)
    if plan.stray and random.random() < plan.stray:
        _add_clutter(builder)
    if plan.occluder and random.random() < plan.occluder:
        clutter.occlude(builder.canvas, world.fields, random)
    return rotate(builder.finish(), turns)


def _lay_on_desk(builder: Builder) -> None:
    """Draw a desk and objects outside a sheet of paper; the sheet becomes the page."""
    random, canvas, fields, (height, width) = builder.random, builder.canvas, builder.world.fields, builder.shape
    sheet = _random_sheet(builder.page, random)
    paper = canvas.gray.copy()
    canvas.gray[:] = surfaces.desk(builder.shape, fields, random)
    for _ in range(int(random.integers(0, 4))):
        clutter.occlude(canvas, fields, random)
    left, top, right, bottom = sheet
    outline = clutter.line((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
    if random.random() < 0.6:  # its shadow on the desk
        shift = random.normal(0, 0.02, 2) * max(height, width)
        canvas.polygon([outline + shift], Kind.BACKGROUND)
        found = canvas.take_coverage()
        if found is not None:
            coverage, part = found
            soft = cv2.GaussianBlur(coverage, (0, 0), max(0.6, 0.006 * max(height, width)))
            canvas.gray[part] *= 1 - np.float32(random.uniform(0.2, 0.7)) * soft
    canvas.polygon([outline], Kind.BACKGROUND)
    found = canvas.take_coverage()
    if found is None:
        return
    coverage, part = found
    canvas.gray[part] += coverage * (paper[part] - canvas.gray[part])
    builder.page = sheet


def _random_sheet(page: Box, random: Random) -> Box:
    """Return a sheet of paper within the page; in some cases, only one of its edges is inside."""
    left, top, right, bottom = page
    width, height = right - left, bottom - top
    inset = random.uniform(0.03, 0.28, 4) * (width, height, width, height)
    if random.random() < 0.35:
        side = int(random.integers(4))
        inset *= np.arange(4) == side
        inset[side] = max(inset[side], 0.08 * (width, height)[side % 2])
    return (left + inset[0], top + inset[1], right - inset[2], bottom - inset[3])


def _add_bleed(builder: Builder) -> None:
    """Draw faint mirrored words, as of the other side of the sheet."""
    random, canvas, fonts = builder.random, builder.canvas, builder.world.print_fonts
    left, top, right, bottom = builder.page
    size = builder.size * random.uniform(0.5, 1.2)
    for _ in range(int(random.integers(1, 6))):
        text = f"{words.random_word(random)} {words.random_word(random)}"
        pieces = words.typeset(text, fonts[int(random.integers(len(fonts)))])
        x, y = random.uniform(left, right), random.uniform(top, bottom)
        place, mirror = np.array((x, y), np.float32), np.array((-1, 1), np.float32)
        for piece in move(pieces, 0, 0, size):
            canvas.polygon([place + path * mirror for path in piece.paths], Kind.BACKGROUND)
    found = canvas.take_coverage()
    if found is not None:
        coverage, part = found
        coverage = np.asarray(cv2.GaussianBlur(coverage, (0, 0), max(0.5, 0.04 * builder.size)), np.float32)
        canvas.gray[part] *= 1 - np.float32(random.uniform(0.02, 0.09)) * coverage


def _add_rules(builder: Builder) -> None:
    """Draw the plan's ruling on the page."""
    random, size, ruling = builder.random, builder.size, builder.plan.ruling
    step = size * (random.uniform(1.3, 2.2) if ruling == "lines" else random.uniform(0.4, 1.4))
    radius = random.uniform(0.01, 0.03) * size
    clutter.rules(builder.canvas, builder.page, ruling, max(6.0, step), radius, random)
    builder.ink(builder.printer_pen(faint=True))


def _add_clutter(builder: Builder) -> None:
    """Draw one to three pieces of clutter, at free places of the page."""
    random, canvas, size = builder.random, builder.canvas, builder.size
    for _ in range(int(random.integers(1, 4))):
        pen = builder.pen((0.02, 0.08))
        place = _free_place(builder, 1.2 * size)
        kind = random.random()
        if kind < 0.2:
            clutter.holes(canvas, builder.page, size, random)
            level = random.uniform(0, 60) if random.random() < 0.8 else 255.0
            pen = pen._replace(level=level, opacity=random.uniform(0.5, 1), grain=0.0)
        elif kind < 0.3:
            clutter.specks(canvas, builder.page, random)
        elif place is None:
            continue
        elif kind < 0.5:
            clutter.doodle(canvas, place, size * random.uniform(0.5, 1.5), pen.radius * size, random)
        elif kind < 0.62:
            left, top = place[0] - size, place[1] - 0.5 * size
            box = (left, top, left + random.uniform(1, 3) * size, top + size)
            clutter.scribble(canvas, box, pen.radius * size, random)
        elif kind < 0.78:
            clutter.stain(canvas, place, size, random)
            pen = pen._replace(opacity=pen.opacity * random.uniform(0.3, 1))
        elif kind < 0.88:
            clutter.stamp(canvas, place, size * random.uniform(0.8, 1.6), random)
        else:
            clutter.staple(canvas, place, size, random)
        builder.ink(pen)


def _free_place(builder: Builder, distance: float) -> tuple[float, float] | None:
    """Return a random place of the page that is this far from all numbers and words; None if none was found."""
    left, top, right, bottom = builder.page
    boxes = [(each.corners.min(0) - distance, each.corners.max(0) + distance) for each in builder.writings]
    for _ in range(12):
        place = builder.random.uniform((left, top), (right, bottom))
        x, y = builder.canvas.mapping(np.array([place]))[0]
        if all(x < low[0] or x > high[0] or y < low[1] or y > high[1] for low, high in boxes):
            return float(place[0]), float(place[1])
    return None
