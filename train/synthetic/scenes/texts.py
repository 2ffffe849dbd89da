"""Layouts of letters and signs: equations with digits among them, and text without digits."""

from collections.abc import Callable
from dataclasses import replace

from train.synthetic.scenes import numbers, words
from train.synthetic.scenes.builder import Builder, Style
from train.synthetic.scenes.layout import Piece, extent, move
from train.synthetic.scenes.types import Random

LETTERS = "xyzabcdnktABCXYK"  # of equations
WORD_ENDS = ("", "", "", ",", ".", ";", "!")

WriteWord = Callable[[str], list[Piece]]


def draw_equations(builder: Builder) -> None:
    """Draw rows of numbers among letters and signs, in one hand."""
    random, size = builder.random, builder.size
    left, top, right, bottom = builder.area()
    pitch = size * random.uniform(1.6, 2.6)
    most = max(1, int((bottom - top) / pitch))
    count = int(random.integers(1, min(most, 5) + 1))
    first = top + pitch + random.uniform(0, max(0.0, bottom - top - count * pitch))
    style = replace(builder.style(), font=None, hand=builder.world.writers.hand(random))
    start = left + random.uniform(0, 0.3) * (right - left)
    if random.random() < 0.25 and count > 1:
        height = count * pitch
        brace = move(words.write("{", random, 0.1, 0.0, False), start - 0.6 * size, first - pitch, height)
        builder.draw(brace, style.pen._replace(radius=style.pen.radius * size / height), height)
    for row in range(count):
        x = start + random.normal(0, 0.2) * size
        _draw_equation(builder, x, first + row * pitch - 0.3 * size, style, row)


def _draw_equation(builder: Builder, x: float, base: float, style: Style, row: int) -> None:
    """Draw two to eight numbers, letters and signs in a row; no number follows another."""
    random, size = builder.random, builder.size
    right = builder.area()[2]
    number_last = False
    for _ in range(int(random.integers(2, 9))):
        if right - x < 1.2 * size:
            break
        if random.random() < 0.45 and not number_last:
            text = numbers.random_number(random, builder.plan.marks * 0.4, 3)
            found = builder.number(text, x, base, style, row)
            number_last = True
        else:
            text = _letter_or_sign(random)
            found = builder.word(text, x, base, size * random.uniform(0.75, 1.1), style.pen, True)
            number_last = False
        if found[2] > x:
            x = found[2] + size * random.uniform(0.12, 0.6)


def _letter_or_sign(random: Random) -> str:
    """Return a letter or a sign of equations."""
    if random.random() < 0.45:
        return str(random.choice(list(LETTERS)))
    return words.SIGNS[int(random.integers(len(words.SIGNS)))]


def draw_text(builder: Builder) -> None:
    """Draw lines of words without digits, printed or by hand."""
    random, size = builder.random, builder.size
    left, top, right, bottom = builder.area(0.4)
    by_hand = bool(random.random() < 0.45)
    pen = builder.pen() if by_hand else builder.printer_pen()
    pitch = size * random.uniform(1.3, 2.2)
    write = _word_writer(builder, by_hand)
    spelled = random.random() < 0.25  # letters and signs apart from each other
    base, full = top + size, random.uniform(0.3, 1)
    while base < bottom:
        x = left + (random.uniform(0, 0.3) * (right - left) if random.random() < 0.2 else 0)
        end = right if random.random() < 0.7 else left + random.uniform(0.2, 1) * (right - left)
        while x < end and random.random() < 0.5 + full / 2:
            text = _letter_or_sign(random) if spelled else words.random_word(random) + str(random.choice(WORD_ENDS))
            pieces = write("".join(character for character in text if not character.isdigit()))
            if not pieces:
                continue
            pieces = move(pieces, 0, base - size, size)
            start, _, stop, _ = extent(pieces)
            if x + stop - start > right:
                break
            builder.draw(move(pieces, x - start, 0), pen, size)
            x += stop - start + size * random.uniform(0.35, 0.8)
        base += pitch
        if random.random() > full:
            base += pitch * random.integers(1, 4)


def _word_writer(builder: Builder, by_hand: bool) -> WriteWord:
    """Return a function that writes words in one hand or font, as pieces from x = 0."""
    random = builder.random
    drawn = random.random() < 0.65
    slant, unsteady, joined = random.normal(0.08, 0.12), words.unsteadiness(random), bool(random.random() < 0.4)
    fonts = builder.world.script_fonts if by_hand else builder.world.print_fonts
    font = fonts[int(random.integers(len(fonts)))]
    if by_hand and drawn:
        return lambda text: words.write(text, random, unsteady, slant, joined)
    return lambda text: words.typeset(text, font)
