"""`Builder`: draws the parts of one scene and collects the truth about them."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import Kind
from train.synthetic.scenes import numbers, surfaces, words
from train.synthetic.scenes.camera import photograph
from train.synthetic.scenes.canvas import Canvas, Mapping
from train.synthetic.scenes.layout import Piece, extent, move
from train.synthetic.scenes.scene import Plan, Scene, Token, World, Writing
from train.synthetic.scenes.types import Box, Level, Random, Shape
from train.synthetic.scenes.writers import Hand

VISIBLE = 24  # gray levels: the least contrast of ink
SPACE = 1.75  # heights of a digit: the least space between numbers of a row; digits of a number are closer than 1.2


class Pen(NamedTuple):
    """How strokes look."""

    radius: float  # half of the stroke width, heights of a digit
    level: float  # gray level of opaque ink, 0 to 255
    opacity: float  # 0 to 1
    grain: float  # 0 even to 1 dry
    pressure: float  # standard deviation of the width along a stroke, a share of it


@dataclass
class Style:
    """How a number is drawn: by a hand with a pen, or in a font."""

    pen: Pen
    hand: Hand | None = None
    font: Path | None = None
    gap: float = 0.2  # space between digits, heights of a digit


class Builder:
    """One scene while it is drawn. Places and sizes are in page coordinates, pixels; see `canvas.Mapping`."""

    def __init__(
        self, plan: Plan, shape: Shape, size: float, world: World, random: Random, page: Box | None = None
    ) -> None:
        """Draw the surface.

        shape: of the image. size: a digit's height. page: the area for the layout, by default the whole image.
        """
        self.plan, self.shape, self.size, self.world, self.random = plan, shape, size, world, random
        self.page = page or (0.0, 0.0, float(shape[1]), float(shape[0]))
        self.tokens: list[Token] = []
        self.writings: list[Writing] = []
        self.rows: list[tuple[float, float, str]] = []  # row, left edge and text of each number
        self.numbers = 0
        self._grain: Level | None = None
        self.canvas = Canvas(np.zeros(shape, np.float32), self._mapping())
        self.dark = False  # whether the ground is dark and ink is light
        self._draw_surface()
        self.level = float(np.median(self.canvas.gray))  # of the ground

    def area(self, margin: float = 0.6) -> Box:
        """Return the page without a margin, in heights of a digit."""
        left, top, right, bottom = self.page
        edge = margin * self.size
        return left + edge, top + edge, right - edge, bottom - edge

    # Surfaces and pens

    def _draw_surface(self) -> None:
        plan, random, fields, shape, gray = self.plan, self.random, self.world.fields, self.shape, self.canvas.gray
        if plan.surface == "board":
            gray[:] = surfaces.board(shape, fields, random)
            self.dark = True
        elif plan.surface == "whiteboard":
            gray[:] = surfaces.whiteboard(shape, fields, random)
        elif plan.surface == "screen":
            gray[:] = surfaces.screen(shape, random)
            self.dark = float(gray.mean()) < 110
        elif plan.surface == "photograph":
            if random.random() < 0.7:
                draw = surfaces.photograph
            else:
                draw = surfaces.desk if random.random() < 0.5 else surfaces.pattern
            gray[:] = draw(shape, fields, random)
        else:
            gray[:] = surfaces.paper(shape, fields, random)
            if plan.surface == "security":
                gray *= surfaces.security(shape, self.size, random)

    def _mapping(self) -> Mapping:
        """Return a random mapping: tilt, perspective and waves."""
        plan, random = self.plan, self.random
        left, top, right, bottom = self.page
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        middle = np.array(((left + right) / 2, (top + bottom) / 2))
        tilt = np.deg2rad(random.uniform(*plan.tilt) * random.choice([-1, 1]))
        rotation = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        side = min(right - left, bottom - top)
        moved = (corners - middle) @ rotation + middle + random.normal(0, plan.perspective / 2, (4, 2)) * side
        matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
        waves = []
        if random.random() < plan.waves:
            waves = [self._wave() for _ in range(int(random.integers(1, 3)))]
        return Mapping(np.asarray(matrix, np.float64), waves)

    def _wave(self) -> tuple[float, ...]:
        """Return a random wave, as `Mapping` takes it."""
        random = self.random
        length = random.uniform(4, 20) * self.size
        amplitude = random.uniform(0, 0.02) * length
        angle = random.uniform(0, 6.28)
        across, down = 6.28 / length * np.cos(angle), 6.28 / length * np.sin(angle)
        return amplitude, across, down, random.uniform(0, 6.28), random.uniform(0, 6.28)

    def pen(self, radius: tuple[float, float] | None = None) -> Pen:
        """Return a random pen that is visible on the ground. radius: its range, by default the plan's."""
        random, plan = self.random, self.plan
        low, high = radius or plan.pen
        width = float(np.exp(random.uniform(np.log(low), np.log(high))))
        contrast = random.uniform(*plan.contrast)
        if self.dark:
            level, opacity = random.uniform(190, 255), max(contrast, 0.35)
        else:
            level, opacity = random.uniform(0, 70), contrast
        visible = abs(level - self.level) * opacity
        if visible < VISIBLE:
            opacity = min(1.0, opacity * VISIBLE / max(visible, 1))
        grain = random.uniform(0.3, 1) if random.random() < 0.3 else 0.0
        pressure = random.uniform(0.1, 0.35) if random.random() < 0.4 else 0.0
        return Pen(width, level, opacity, grain, pressure)

    def printer_pen(self, faint: bool = False) -> Pen:
        """Return a random pen for printed boxes and rules. faint: whether it is paler, even and of constant width."""
        pen = self.pen((0.012, 0.06))
        if not faint:
            return pen
        return pen._replace(opacity=pen.opacity * self.random.uniform(0.25, 0.8), grain=0.0, pressure=0.0)

    def style(self) -> Style:
        """Return a random style of numbers."""
        random, plan = self.random, self.plan
        if random.random() < plan.printed:
            font = self.world.print_fonts[int(random.integers(len(self.world.print_fonts)))]
            return Style(self.pen(), font=font, gap=random.uniform(0, 0.25) if random.random() < 0.3 else 0.0)
        return Style(self.pen(), hand=self.world.writers.hand(random), gap=random.uniform(*plan.gap))

    # Drawing

    def lay_out(self, text: str, style: Style) -> list[Piece]:
        """Return the pieces of a number from x = 0, digits 1 high, the base line at y = 1."""
        if style.font is not None:
            found = numbers.typeset(text, style.font, style.gap)
            if found is not None:
                return found
        hand = style.hand or self.world.writers.hand(self.random)
        return numbers.write(text, hand, self.random, style.gap)

    def draw(self, pieces: list[Piece], pen: Pen, size: float, kind: Kind = Kind.OTHER, row: int = 0) -> None:
        """Draw pieces at their places with a pen. size: their height. With the kind DIGIT, each becomes a token."""
        canvas = self.canvas
        for piece in pieces:
            owner, piece_kind = 0, kind
            if kind == Kind.DIGIT:
                self._add_token(piece, size, row)
                owner = len(self.tokens)
                piece_kind = Kind.MARK if piece.character in numbers.MARKS else Kind.DIGIT
            if piece.filled:
                canvas.polygon(piece.paths, piece_kind, owner)
                continue
            radius = pen.radius * size * (1.5 if piece.character in ".:" else 1)
            widths = [self._widths(len(path), pen.pressure) for path in piece.paths] if pen.pressure else None
            canvas.paths(piece.paths, max(0.3, radius), piece_kind, owner, widths)
        if pieces:
            left, top, right, bottom = extent(pieces)
            corners = canvas.mapping(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]))
            height = size * canvas.mapping.scale(((left + right) / 2, (top + bottom) / 2))
            self.writings.append(Writing(corners, height))
        self.ink(pen)

    def _add_token(self, piece: Piece, size: float, row: int) -> None:
        left, top, right, bottom = piece.box()
        middle = ((left + right) / 2, (top + bottom) / 2)
        x, y = self.canvas.mapping(np.array([middle]))[0].tolist()
        height = size * self.canvas.mapping.scale(middle)
        self.tokens.append(Token(piece.character, len(self.tokens) + 1, x, y, height, row, self.numbers))

    def _widths(self, count: int, spread: float) -> NDArray[np.float64] | None:
        """Return random factors (count,) of the width along a stroke; None for a short one."""
        if count < 4:
            return None
        knots = self.random.normal(1, spread, max(2, count // 6))
        return np.clip(np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots), 0.4, 1.8)

    def ink(self, pen: Pen) -> None:
        """Apply what was drawn on the canvas with the ink of a pen."""
        grain = None
        if pen.grain:
            if self._grain is None:
                self._grain = self.world.fields.window(self.shape, int(self.random.integers(0, 3)), self.random)
            grain = np.clip(1 - np.float32(0.45 * pen.grain) * np.maximum(self._grain, 0), 0.1, 1)
        self.canvas.ink(pen.level, pen.opacity, grain)

    def number(self, text: str, x: float, base: float, style: Style, row: int = 0) -> Box:
        """Draw a number with its left edge at x on a base line; returns its box."""
        pieces = move(self.lay_out(text, style), x, base - self.size, self.size)
        left = extent(pieces)[0]
        return self.put(move(pieces, x - left, 0), text, style, row)

    def put(self, pieces: list[Piece], text: str, style: Style, row: int = 0) -> Box:
        """Draw a number's pieces at their places and add its text; returns its box."""
        self.draw(pieces, style.pen, self.size, Kind.DIGIT, row)
        found = extent(pieces)
        self.rows.append((float(row), found[0], text))
        self.numbers += 1
        return found

    def word(
        self,
        text: str,
        x: float,
        base: float,
        size: float,
        pen: Pen | None = None,
        by_hand: bool | None = None,
        right: bool = False,
    ) -> Box:
        """Draw a word on a base line and return its box.

        x: its left edge, or its right edge if `right`. size: a capital's height. pen, by_hand: random by default.
        """
        random, world = self.random, self.world
        by_hand = random.random() < 0.5 if by_hand is None else by_hand
        pieces: list[Piece] = []
        if by_hand and random.random() < 0.65:
            unsteady, slant, joined = words.unsteadiness(random), random.normal(0.08, 0.12), random.random() < 0.4
            pieces = words.write(text, random, unsteady, slant, joined)
        if not pieces:
            if by_hand:
                fonts = world.script_fonts
            else:
                fonts = world.print_fonts if random.random() < 0.85 else world.decorative_fonts
            font = fonts[int(random.integers(len(fonts)))]
            pieces = words.typeset(text, font, random.choice([0, 0.05, 0.15], p=[0.7, 0.2, 0.1]))
        if not pieces:
            return (x, base, x, base)
        pieces = move(pieces, 0, base - size, size)
        left, _, end, _ = extent(pieces)
        pieces = move(pieces, x - (end if right else left), 0)
        self.draw(pieces, pen or self.pen(), size)
        return extent(pieces)

    # Result

    def finish(self) -> Scene:
        """Return the scene as the camera sees it."""
        image = photograph(self.canvas.gray, self.plan.light, self.world.fields, self.random, self.size)
        rows: dict[float, list[tuple[float, str]]] = {}
        for row, x, text in self.rows:
            rows.setdefault(row, []).append((x, text))
        text = "\n".join(" ".join(each for _, each in sorted(rows[row])) for row in sorted(rows))
        return Scene(image, self.canvas.kinds, self.canvas.owners, self.tokens, self.writings, text, 0)
