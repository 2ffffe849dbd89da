"""Draws letters and signs: handwritten from strokes, or set in the fonts that come with matplotlib.

Letters that look like a digit (O o I l S s Z z B g q b) are left out, since nobody can tell them apart.
"""

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray

from edge_runtime.types import Gray
from train.augmentation.strokes import parse_strokes, spline_through

LETTERS = "ACDEFGHJKLMNPQRTUVWXYacdefhijkmnprtuvwxy"
SIGNS = "&@#%+=*?€$£§<>^~{}"
FONTS = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*", "cmr10", "cmss10", "cmti10", "cmtt10", "cmb10")
SIDE = 96  # pixels: side of a handwritten image
BOX = 64  # pixels: height of a capital
GRID = 10  # a capital's height in the units of the table below
FONT_SIZE = 64  # points at 72 to the inch: pixels
STEPS = 8  # points of a curved stroke from one of its own to the next

# One letter or sign in each row: its strokes as `parse_strokes` reads them, in tenths of a capital's height, y
# downward, the base line at 10.
WRITTEN = """
0,10 5,0 10,10; 2,6 8,6
~0,10 1,3 5,0 9,3 9,10; 1,6 9,6
~0,10 3,6 6,0 7,0 8,10; 3,6 8,6
~9,2 5,0 1,3 1,7 5,10 9,8
~8,1 5,0 2,3 2,8 5,10 8,7
1,0 1,10; ~0,0 7,1 9,5 7,9 0,10
~1,1 5,0 9,3 8,8 4,10 1,10; 2,1 2,10
8,0 1,0 1,10 8,10; 1,5 7,5
~8,1 4,0 1,2 5,5; ~5,5 0,7 3,10 8,9
8,0 1,0 1,10; 1,5 6,5
~0,1 4,0 9,1; 4,0 4,10; 2,5 7,5
~9,2 5,0 1,3 1,7 5,10 9,8; 9,8 9,5 5,5
~8,2 4,0 1,4 3,8 8,5; 8,4 8,13
1,0 1,10; 9,0 9,10; 1,5 9,5
0,1 2,0 2,10; ~8,0 8,5 7,10 9,9; ~2,6 5,5 8,5
~7,0 7,7 5,10 2,9 1,7
2,0 10,0; ~6,0 6,7 4,10 0,8
1,0 1,10; 8,0 1,5 8,10
1,0 1,10; ~8,0 5,4 1,5; ~3,5 6,7 9,10
1,0 1,10 8,10
~5,2 4,0 2,2 3,7 1,10 0,9; ~1,9 5,10 8,9
0,10 1,0 5,7 9,0 10,10
~0,10 2,3 3,0 4,9; ~4,9 6,3 7,0 8,8 10,10
1,10 1,0 9,10 9,0
~0,10 2,4 3,0 5,6 7,10 8,5 10,0
1,0 1,10; ~0,0 7,0 8,3 6,5 1,5
~5,0 1,2 1,8 5,10 9,8 9,2 5,0; 6,7 10,11
1,0 1,10; ~0,0 7,0 8,3 6,5 1,5; 4,5 9,10
0,0 10,0; 5,0 5,10
~0,2 2,0 9,1; ~6,0 5,5 4,10 2,10
1,0 1,6 3,10 7,10 9,6 9,0
~1,0 1,7 4,10 7,8 8,5; 8,0 8,10
0,0 5,10 10,0
~0,0 2,1 4,10; ~4,10 7,4 9,0 10,0
0,0 3,10 5,3 7,10 10,0
~0,0 1,8 3,10 5,6 5,2; ~5,6 7,10 9,7 10,0
0,0 9,10; 9,0 0,10
~0,1 2,0 5,5 7,10 9,9; 9,0 0,10
0,0 5,5 10,0; 5,5 5,10
~0,0 1,4 4,5 7,3 8,0; ~8,0 7,8 5,13 1,13
~8,5 5,4 2,5 1,8 4,10 7,8 8,5; ~8,4 8,9 10,10
~2,5 5,4 8,5 8,10; ~8,7 4,7 2,8 3,10 6,10 8,8
~8,5 5,4 2,6 2,9 5,10 8,9
~0,9 3,5 6,4 6,5; ~5,4 2,6 2,9 5,10 9,8
~8,6 5,5 2,6 2,9 5,10 8,8; 8,0 8,10
~7,5 4,4 1,7 4,10 7,7; ~8,-1 7,5 7,9 9,10
~1,7 8,7 7,5 4,4 1,6 2,9 5,10 8,9
~0,9 5,7 6,5 4,4 2,6 3,9 6,10 9,8
~8,1 6,0 4,2 4,10; 1,5 7,5
~0,8 4,5 6,1 5,0 4,3 4,12 3,14 2,12 4,9 8,8
1,0 1,10; ~1,6 4,4 7,5 7,10
~0,8 4,4 5,1 4,0 2,2 2,10; ~2,7 5,5 7,6 7,9 9,10
3,4 3,10; 3,1 3,1.5
~0,8 3,4; ~3,4 3,9 5,10 7,8; 3.5,1 4,1.3
~5,4 5,12 3,14 0,13; 5,1 5,1.5
1,0 1,10; 7,4 1,8 7,10
~0,8 4,4 5,1 4,0 2,2 2,10; ~2,7 5,5 6,6 3,8; ~3,8 6,10 9,9
1,4 1,10; ~1,6 3,4 5,5 5,10; ~5,6 7,4 9,5 9,10
~0,5 1,4 1,10; ~1,10 3,4 4,10; ~4,10 6,4 7,10 9,9
1,4 1,10; ~1,6 4,4 7,5 7,10
~0,5 1,4 1,10; ~1,8 4,4 6,5 6,9 8,10
1,4 1,14; ~1,5 5,4 8,6 7,9 4,10 1,9
1,4 1,10; ~1,6 3,4 6,4
~0,9 3,4 4,5 7,5 7,9 9,10
~4,0 4,8 6,10 8,9; 1,4 7,4
5,0 5,10; 2,3 8,3
~0,8 4,4 5,0; ~5,0 4,8 5,10 8,9; 2,3 8,3
~1,4 1,8 3,10 6,9 7,7; 7,4 7,10
~0,6 1,4 1,9 3,10 6,8 7,4; ~7,4 7,9 9,10
0,4 4,10 8,4
~0,5 1,4 3,10; ~3,10 6,7 7,4 9,5
0,4 2,10 4,5 6,10 8,4
~0,4 1,9 3,10 4,7 4,5; ~4,7 5,10 7,9 8,4
0,4 7,10; 7,4 0,10
~0,5 2,4 4,8 6,10 8,9; ~8,4 4,7 1,10
~7,4 4,4 3,7 1,10; ~2,4 5,7 8,10
0,4 4,10; 8,4 2,14
~0,4 1,8 4,10 7,8; ~7,4 7,11 5,14 1,13
5,1 5,9; 1,5 9,5
2,3 8,3; 2,6 8,6
3,1 2,9; 7,1 6,9; 0,3 9,3; 0,7 9,7
~8,9 3,3 3,0 6,0 6,2 1,7 3,10 6,9 8,6
1,9 8,1; ~2,1 1,2 2,3 3,2 2,1; ~7,7 6,8 7,9 8,8 7,7
~1,2 4,0 7,2 4,5 4,7; 4,9 4,9.5
8,2 2,5 8,8
2,2 8,5 2,8
~0,5 2,3 5,6 8,4
5,1 5,9; 2,3 8,7; 8,3 2,7
0,6 3,10 9,0
1,5 9,5
4,5 5,5
3,3 3,3.5; 3,8 3,8.5
0,8 5,0 10,8 0,8
1,1 9,1 9,9 1,9 1,1
5,0 9,5 5,10 1,5 5,0
2,10 5,0 8,10 0,4 10,4 2,10
~5,9 1,5 1,2 3,1 5,3; ~5,3 7,1 9,2 9,5 5,9
~5,5 6,4 6,6 4,7 3,4 5,2 8,4 8,7 5,9
0,5 10,5; 7,2 10,5 7,8
5,0 5,10; 2,3 5,0 8,3
~1,0 3,3 1,5 3,7 1,10
6,0 3,0 3,10 6,10
~6,0 4,1 4,4 2,5; ~2,5 4,6 4,9 6,10
~0,9 2,2 3,9 5,2 6,9 8,2 9,9
~0,5 2,2 3,7 5,3 6,7 8,3 10,6
2,1 2,9; 5,1 5,9; 8,1 8,9
2,1 2,9; 5,1 5,9; 8,1 8,9; 0,7 10,3
1,2 9,2; 1,5 9,5; 1,8 9,8
~1,7 9,7; 5,0 5,10; 2,10 8,10
~9,2 5,0 2,3 2,7 5,10 9,8; 0,4 6,4; 0,6 6,6
~8,2 5,1 3,3 7,7 5,9 2,8; 5,0 5,10
"""

Points = NDArray[np.float64]

SIGNS_WRITTEN = [parse_strokes(glyph) for glyph in WRITTEN.strip().splitlines()]


def write(random: np.random.Generator) -> Gray:
    """Write a random letter or sign in a random hand: uint8 (96, 96), bright on 0."""
    strokes = SIGNS_WRITTEN[random.integers(len(SIGNS_WRITTEN))]
    unsteady, width = random.uniform(0.1, 0.7), random.uniform(0.65, 1.2)
    image = np.zeros((SIDE, SIDE), np.uint8)
    pen = round(random.uniform(4, 13))
    for curved, points in strokes:
        moved = points + random.normal(0, unsteady, points.shape)
        moved = (moved - GRID / 2) * (width * BOX / GRID, BOX / GRID) + SIDE / 2
        stroke(image, moved, pen, curved)
    return image


def stroke(image: Gray, points: Points, pen: int, curved: bool = True) -> None:
    """Draw a stroke of full ink through (n, 2) points, in pixels: curved (Catmull and Rom's spline) or with corners."""
    if curved and len(points) > 2:
        points = spline_through(points, STEPS)
    whole = np.rint(points * 16).astype(np.int32)  # OpenCV takes 4 bits after the point
    cv2.polylines(image, [whole[:, None]], False, (255,), pen, cv2.LINE_AA, 4)


@cache
def printed() -> list[Gray]:
    """Return every letter and sign in every font: uint8 images of any size, bright on 0."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    paths = sorted(path for name in FONTS for path in folder.glob(f"{name}.ttf") if "Display" not in path.name)
    return [glyph for path in paths for letter in LETTERS + SIGNS if (glyph := set_letter(path, letter)) is not None]


def set_letter(path: Path, letter: str, size: int = FONT_SIZE) -> Gray | None:
    """Set one letter in a TrueType or OpenType font: uint8 (height, width), bright on 0; None where the font lacks it.

    size: pixels to the em.
    """
    font = FT2Font(str(path))
    if not font.get_char_index(ord(letter)):
        return None
    font.set_size(size, 72)
    font.set_text(letter)
    font.draw_glyphs_to_bitmap()
    image = np.asarray(font.get_image(), np.uint8)
    return np.pad(image, size // 8) if image.any() else None
