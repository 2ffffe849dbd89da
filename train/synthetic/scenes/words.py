"""Words and signs, which are neither digits nor marks of numbers: handwritten from strokes, or set in a font."""

from pathlib import Path

import numpy as np

from train.augmentation.strokes import parse_strokes, spline_through
from train.synthetic.scenes import fonts
from train.synthetic.scenes.layout import Piece
from train.synthetic.scenes.types import Points, Random

STEPS = 5  # points of a curved stroke from one of its own to the next
# Strokes as `parse_strokes` reads them, in tenths of a capital's height, y downward, the base line at 10.
WRITTEN = {
    "A": "0,10 5,0 8,10; 1.5,6 7,6",
    "B": "1,0 1,10; ~1,0 6,1 6,4 1,5; ~1,5 7,6 7,9 1,10",
    "C": "~8,2 5,0 1,3 1,7 5,10 8,8",
    "D": "1,0 1,10; ~1,0 7,1 8,5 6,9 1,10",
    "E": "7,0 1,0 1,10 7,10; 1,5 6,5",
    "F": "7,0 1,0 1,10; 1,5 6,5",
    "G": "~8,2 5,0 1,3 1,7 5,10 8,8 8,5.5; 5,5.5 8,5.5",
    "H": "1,0 1,10; 8,0 8,10; 1,5 8,5",
    "K": "1,0 1,10; 7,0 1,5 7,10",
    "L": "1,0 1,10 7,10",
    "M": "0,10 1,0 4.5,6 8,0 9,10",
    "N": "1,10 1,0 8,10 8,0",
    "P": "1,10 1,0; ~1,0 7,0 7,5 1,5",
    "Q": "~5,0 1,2 1,8 5,10 9,8 9,2 5,0; 6,7 10,11",
    "R": "1,10 1,0; ~1,0 7,0 7,5 1,5; 4,5 8,10",
    "T": "0,0 9,0; 4.5,0 4.5,10",
    "U": "~1,0 1,6 3,10 7,10 8,6 8,0",
    "V": "0,0 4,10 8,0",
    "W": "0,0 2.5,10 5,3 7.5,10 10,0",
    "X": "0,0 8,10; 8,0 0,10",
    "Y": "0,0 4,5 8,0; 4,5 4,10",
    "Z": "0,0 8,0 0,10 8,10",
    "S": "~8,1 5,0 2,2 5,5 8,7 5,10 1,9",
    "O": "~5,0 1,3 1,7 5,10 9,7 9,3 5,0",
    "I": "2,0 2,10; 0.5,0 3.5,0; 0.5,10 3.5,10",
    "J": "~5,0 5,7 3,10 0,8",
    "a": "~6,5 3,4 1,7 3,10 6,7; 6,4.2 6.3,10",
    "b": "1,0 1,10; ~1,6 4,4 6,7 4,10 1,9",
    "c": "~6,5 3,4 1,7 3,10 6,9",
    "d": "~6,5 3,4 1,7 3,10 6,8; 6,0 6.3,10",
    "e": "~1,7 6,7 5,4 2,4 1,7 3,10 6,9",
    "f": "~5,1 3,0 2,3 2,10; 0.5,4.5 4,4.5",
    "g": "~6,5 3,4 1,7 3,9.5 6,7; ~6,4 6,11 4,14 1,13",
    "h": "1,0 1,10; ~1,6 3,4 5.5,5 5.5,10",
    "i": "1,4 1.3,10; 1,1.8 1,2",
    "j": "~3,4 3,11 1,14 0,13; 3,1.8 3,2",
    "k": "1,0 1,10; 5,4 1,7 5,10",
    "l": "~1,0 1,8 2,10 3,9.5",
    "m": "1,4 1,10; ~1,6 2.5,4 4,6 4,10; ~4,6 5.5,4 7,6 7,10",
    "n": "1,4 1,10; ~1,6 3.5,4 5.5,6 5.5,10",
    "o": "~3.5,4 1,6 1,8 3.5,10 6,8 6,6 3.5,4",
    "p": "1,4 1,14; ~1,5 4,4 6,6 5,9 1,9",
    "q": "~6,5 3,4 1,7 3,10 6,8; 6,4 6,14",
    "r": "1,4 1,10; ~1,6 2.5,4.2 4.5,4.5",
    "s": "~5,5 3,4 1.5,5.5 4,7 5,8.5 3,10 0.8,9",
    "t": "~2,1 2,8 3,10 4.5,9; 0.5,4 4,4",
    "u": "~1,4 1,8 3,10 5.5,8; 5.5,4 5.8,10",
    "v": "0,4 3,10 6,4",
    "w": "0,4 2,10 4,5.5 6,10 8,4",
    "x": "0.5,4 6,10; 6,4 0.5,10",
    "y": "0.5,4 3.5,10; 6.5,4 2,14",
    "z": "1,4 6,4 1,10 6,10",
    "+": "4,2 4,8; 1,5 7,5",
    "=": "1,3.5 7,3.5; 1,6.5 7,6.5",
    "(": "~3,-0.5 1,3 1,7 3,10.5",
    ")": "~1,-0.5 3,3 3,7 1,10.5",
    "{": "~4,-1 2,0 2.5,4 0.5,5 2.5,6 2,10 4,11",
    "}": "~0,-1 2,0 1.5,4 3.5,5 1.5,6 2,10 0,11",
    "[": "3,-0.5 1,-0.5 1,10.5 3,10.5",
    "]": "1,-0.5 3,-0.5 3,10.5 1,10.5",
    "×": "1.5,3 6.5,8; 6.5,3 1.5,8",
    "*": "4,2 4,7; 1.5,3 6.5,6; 6.5,3 1.5,6",
    "÷": "1,5 7,5; 4,2.2 4,2.4; 4,7.6 4,7.8",
    "€": "~8,2 5,0 2.5,3 2.5,7 5,10 8,8; 0.5,4 6,4; 0.5,6 6,6",
    "$": "~7,2 4,1 2,3 6,7 4,9 1,8; 4,-0.5 4,10.5",
    "%": "1,9 8,1; ~2,1 1,2 2,3 3,2 2,1; ~7,7 6,8 7,9 8,8 7,7",
    "#": "3,1 2,9; 7,1 6,9; 0,3 9,3; 0,7 9,7",
    "&": "~8,9 3,3 3,0 6,0 6,2 1,7 3,10 6,9 8,6",
    "?": "~1,2 4,0 7,2 4,5 4,7; 4,9.2 4,9.5",
    "!": "2,0 2,7; 2,9.2 2,9.5",
    "<": "7,2 1,5 7,8",
    ">": "1,2 7,5 1,8",
    "→": "0,5 10,5; 7,3 10,5 7,7",
    "√": "0,6 2,10 5,0 12,0",
    "°": "~2,0 1,1 2,2 3,1 2,0",
    '"': "1,0 1,2.5; 3,0 3,2.5",
    "'": "1,0 0.7,2.5",
    ";": "1.5,4.5 1.5,5; 1.5,9 0.8,11.5",
    "~": "~0,5.5 2,4 5,6 7,4.5",
    "π": "0.5,4 7,4; 2,4 1.5,10; 5,4 5.5,10",
    "α": "~7,4 4,10 1,8 2,4 5,6 7,10",
    "✓": "0,6 3,10 8,0",
}
LETTERS = {character: parse_strokes(strokes) for character, strokes in WRITTEN.items()}
WORD_LIST = """
kWh m³ °C kg EUR Total Name Date Telefon Nr No. Page Summe Menge Preis Betrag Datum Marks Awarded Max Test Roll Class
Room Order Price Qty Sum Zimmer Haus and the of und der die das to Note Code Pin Liter Meter km mm cm l h min sec Tel
Fax Konto Bank PLZ Ort Alter Age Weight Size Signature Subject Answer Question Result Score Team Game Time Temp Vol
white phone hello world text hand written quick brown fox jumps over lazy dog Apple Beautiful Calendar Document Gas
Wasser Strom Zähler Stand Rate Rechnung Kunde invoice amount due paid balance Street City Zip Mr Mrs Dr Januar March
Oct Dec Mo Di Fr sin cos log lim max min foo Maria Peter Anna Thomas Ahmed Yuki Li Chen Olga Jean Silva Kumar Ali
"""
SYLLABLE_LIST = "an en er in on at es de le ra ti no se ka mo lu vi to ne ma ri sch ung tion ing ent"
WORDS, SYLLABLES = WORD_LIST.split(), SYLLABLE_LIST.split()
SIGNS = "+=()×*÷{}[]<>%#&?!→√π✓$€"


def random_word(random: Random) -> str:
    """Return a word of `WORDS`, or one to three syllables that resemble a word."""
    if random.random() < 0.6:
        return WORDS[int(random.integers(len(WORDS)))]
    text = "".join(SYLLABLES[int(random.integers(len(SYLLABLES)))] for _ in range(int(random.integers(1, 4))))
    kind = random.random()
    return text.upper() if kind < 0.2 else text.capitalize() if kind < 0.6 else text


def unsteadiness(random: Random) -> float:
    """Return a random value for `write`: 0, as a plotter writes, for one of eight."""
    return float(random.uniform(0.1, 0.5)) if random.random() < 0.875 else 0.0


def write(text: str, random: Random, unsteady: float, slant: float, joined: bool) -> list[Piece]:
    """Return handwritten text as pieces from x = 0, a capital's height 1, the base line at y = 1.

    unsteady: standard deviation of each point, tenths of a capital's height. slant: horizontal shift by height.
    joined: whether most letters are joined. Characters without an entry in `LETTERS` are left out.
    """
    pieces: list[Piece] = []
    x = 0.0
    width, gap = random.uniform(0.75, 1.15), random.uniform(0.06, 0.3)
    last: Points | None = None
    for character in text:
        if character == " ":
            x += 0.5
            last = None
            continue
        if character not in LETTERS:
            continue
        paths = []
        for curved, points in LETTERS[character]:
            points = points + random.normal(0, unsteady, points.shape)
            if curved and len(points) > 2:
                points = spline_through(points, STEPS)
            points = points / 10 * (width, 1)
            points[:, 0] += x - slant * (points[:, 1] - 1)
            paths.append(points.astype(np.float32))
        if joined and last is not None and random.random() < 0.7:
            paths.insert(0, np.stack([last, paths[0][0]]))
        last = paths[-1][-1]
        x = max(float(path[:, 0].max()) for path in paths) + gap
        pieces.append(Piece(character, paths, filled=False))
    return pieces


def typeset(text: str, font: Path, space: float = 0.0) -> list[Piece]:
    """Return a text set in a font as pieces from x = 0, a digit's height 1, the base line at y = 1.

    space: added between characters, heights of a digit. Characters that the font lacks are left out.
    """
    pieces, x = [], 0.0
    for character in text:
        found = fonts.glyph(font, character)
        if found is None:
            continue
        contours, advance = found
        if contours:
            pieces.append(Piece(character, [each + np.array((x, 0), np.float32) for each in contours], filled=True))
        x += advance + space
    return pieces
