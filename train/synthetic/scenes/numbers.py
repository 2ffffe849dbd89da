"""Numbers as people write and print them: digits with marks, in one hand or one font."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes import fonts
from train.synthetic.scenes.layout import Piece
from train.synthetic.scenes.types import Points, Random
from train.synthetic.scenes.writers import Hand

MARKS = ".,-/:"
COUNTS = (0.14, 0.24, 0.2, 0.16, 0.12, 0.08, 0.06)  # the share of numbers with 1 to 7 digits


def random_number(random: Random, marks: float, longest: int = 7) -> str:
    """Return a random number.

    marks: probability of a form with marks: a decimal, a negative number, a fraction, a time, a date or a range.
    longest: the most digits of a number without marks.
    """
    count = min(int(random.choice(np.arange(1, 8), p=COUNTS)), longest)
    digits = _digits(count, random)
    if random.random() >= marks:
        return digits
    kind = random.random()
    if kind < 0.35:
        place = int(random.integers(1, max(2, count)))
        return f"{digits[:place]}{'.' if random.random() < 0.5 else ','}{digits[place:] or _digits(1, random)}"
    if kind < 0.5:
        return f"-{digits}"
    if kind < 0.65:
        return f"{digits[:3]}/{_digits(int(random.integers(1, 4)), random)}"
    if kind < 0.75:
        return f"{_digits(int(random.integers(1, 3)), random)}:{_digits(2, random)}"
    if kind < 0.92:
        return _date(random)
    return f"{digits[:3]}-{_digits(int(random.integers(1, 4)), random)}"


def _date(random: Random) -> str:
    mark = str(random.choice(list("./-")))
    year = _digits(2 if random.random() < 0.5 else 4, random)
    return mark.join((_digits(int(random.integers(1, 3)), random), _digits(int(random.integers(1, 3)), random), year))


def _digits(count: int, random: Random) -> str:
    """Return random digits, some of them of kinds that users write often."""
    if random.random() < 0.08:  # the same digit
        return str(int(random.integers(10))) * count
    if random.random() < 0.12:  # zeros at the end, as in amounts
        zeros = min(count - 1, int(random.integers(1, 4)))
        return "".join(map(str, random.integers(0, 10, count - zeros))) + "0" * zeros
    if random.random() < 0.05:
        return "1" * count
    if random.random() < 0.08:  # ones and sevens only
        return "".join(map(str, random.choice([1, 7], count)))
    return "".join(map(str, random.integers(0, 10, count)))


def write(number: str, hand: Hand, random: Random, gap: float) -> list[Piece]:
    """Return a handwritten number as pieces from x = 0, digits about 1 high, the base line at y = 1.

    gap: space between neighbours, heights of a digit; below 0 they overlap.
    """
    pieces: list[Piece] = []
    edge = 0.0
    for character in number:
        if character in MARKS:
            paths, before, after = _mark(character, random)
            drop = 0.0
        else:
            size = float(np.exp(random.normal(0, hand.height_spread)))
            drop = float(random.normal(0, 0.03))
            paths = [
                path * np.float32(size) + np.array((0, 1 - size), np.float32) for path in hand.digit(int(character))
            ]
            before = after = 0.0
        left = min(float(path[:, 0].min()) for path in paths)
        space = gap + float(random.normal(0, 0.05)) if pieces else 0.0
        beside_mark = character in MARKS or bool(pieces and pieces[-1].character in MARKS)
        if beside_mark:
            space = max(space, 0.05)
        x = edge - left + (space + before if pieces else before)
        if pieces and not beside_mark:
            x = _nest(pieces[-1], paths, x, space)
        placed = [np.asarray(path + np.array((x, drop), np.float32), np.float32) for path in paths]
        pieces.append(Piece(character, placed, filled=False))
        edge = max(float(path[:, 0].max()) for path in placed) + after
    return pieces


def _nest(before: Piece, paths: list[Points], x: float, space: float) -> float:
    """Return the x of a digit at which its strokes, not its box, are `space` away from the digit before it.

    x: where it would be by its box.
    """
    bins = np.linspace(-0.2, 1.2, 15)
    right, left = _profile(before.paths, bins, 1), _profile(paths, bins, -1)
    # Strokes slightly above and below count as well.
    near = np.maximum(np.maximum(right, np.roll(right, 1)), np.roll(right, -1))
    distance = near + left
    if not np.isfinite(distance).any():
        return x
    nested = float(distance[np.isfinite(distance)].max()) + max(space, -0.12) + 0.06
    return min(x + 0.05, max(nested, x - 0.3))


def _profile(paths: list[Points], bins: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the outermost x in each bin of y, times `side`: 1 for the right edge, -1 for the left one."""
    found = np.full(len(bins) + 1, -np.inf)
    for path in paths:
        np.maximum.at(found, np.digitize(path[:, 1], bins), side * path[:, 0])
    return found


def _mark(character: str, random: Random) -> tuple[list[Points], float, float]:
    """Return the strokes of a mark at x = 0, and the space before and after it."""
    base = 1 + random.normal(0, 0.03)
    if character == ".":
        dot = np.array([[0, base], [random.uniform(0, 0.03), base + random.uniform(-0.02, 0.02)]])
        return [dot.astype(np.float32)], random.uniform(0.05, 0.2), random.uniform(0.05, 0.2)
    if character == ",":
        fall = random.uniform(0.12, 0.3)
        comma = np.array([[0.05, base - 0.05], [0.06, base + 0.3 * fall], [-0.06, base + fall]])
        return [comma.astype(np.float32)], random.uniform(0.05, 0.2), random.uniform(0.05, 0.2)
    if character == ":":
        x = random.uniform(-0.03, 0.03)
        dots = [np.array([[x, base - 0.1], [x, base - 0.08]]), np.array([[0, base - 0.55], [0, base - 0.53]])]
        return [dot.astype(np.float32) for dot in dots], random.uniform(0.08, 0.25), random.uniform(0.08, 0.25)
    if character == "-":
        length, y, tilt = random.uniform(0.2, 0.55), base - random.uniform(0.4, 0.6), random.normal(0, 0.03)
        dash = np.array([[0, y + tilt], [length, y - tilt]])
        return [dash.astype(np.float32)], random.uniform(0.05, 0.25), random.uniform(0.08, 0.3)
    lean, over, under = random.uniform(0.15, 0.5), random.uniform(0, 0.25), random.uniform(0, 0.25)
    bow = random.normal(0, 0.02)
    slash = np.array([[lean, base - 1 - over], [lean / 2 + bow, base - 0.5], [0, base + under]])
    return [slash.astype(np.float32)], random.uniform(0.0, 0.2), random.uniform(0.0, 0.2)


def typeset(number: str, font: Path, space: float = 0.0) -> list[Piece] | None:
    """Return a number set in a font as pieces from x = 0, digits 1 high, the base line at y = 1.

    space: added between characters, heights of a digit. None if the font lacks a character.
    """
    pieces, x = [], 0.0
    for character in number:
        found = fonts.glyph(font, character)
        if found is None or not found[0]:
            return None
        contours, advance = found
        pieces.append(Piece(character, [each + np.array((x, 0), np.float32) for each in contours], filled=True))
        x += advance + space
    return pieces
