"""What goes into a scene and what comes out of it: `Plan` and `World` in, `Scene` out. `compose` makes scenes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes import fonts
from train.synthetic.scenes.camera import Light
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.types import Mask, Points
from train.synthetic.scenes.writers import Writers


class Token(NamedTuple):
    """A digit or a mark of a number."""

    character: str  # empty if its number was struck out
    owner: int  # its pixels in `Scene.owners`
    x: float  # the centre of its box, pixels of the image
    y: float
    height: float  # of the digits of its number at this place, pixels of the image
    row: int
    number: int  # counts the numbers of the scene, from 0


class Writing(NamedTuple):
    """A number or a word."""

    corners: Points  # float32 (4, 2), pixels of the image: upper left, upper right, lower right, lower left
    height: float  # of its digits or capitals, pixels of the image


class Scene(NamedTuple):
    """An image with exact truth. Coordinates are (x, y) in pixels, (0, 0) at the upper left corner of the image."""

    image: Mask  # uint8 (height, width), 0 black to 255 white
    kinds: Mask  # uint8 (height, width), `canvas.Kind`
    owners: NDArray[np.uint16]  # (height, width), the token's number from 1, or 0
    tokens: list[Token]
    writings: list[Writing]
    text: str  # rows separated by newlines, numbers of a row by spaces, from left to right
    turns: int  # quarter turns, counterclockwise, by which the scene was rotated after it was drawn


@dataclass(frozen=True)
class Plan:
    """What a scene consists of.

    A float is a probability, 0 to 1, and a pair is a range, drawn from at random, if not said otherwise. Sizes are in
    heights of a digit.
    """

    surface: str = "paper"  # paper, board, whiteboard, screen, security, photograph
    layout: str = "single"  # single, rows, columns, table, labelled, equation, text, none
    ruling: str = ""  # lines, squares, dots
    container: str = ""  # boxes, comb, frame, ring, underline, brackets, windows
    printed: float = 0.1  # numbers set in a font
    marks: float = 0.0  # numbers with marks
    longest: int = 7  # the most digits of a number
    pen: tuple[float, float] = (0.02, 0.09)  # half of the stroke width
    gap: tuple[float, float] = (0.02, 0.5)  # between the digits of a number
    contrast: tuple[float, float] = (0.3, 1.0)  # opacity of ink
    words: float = 0.0  # words beside the numbers
    empty: float = 0.0  # empty boxes beside a number without cells
    stray: float = 0.0  # holes, scribbles, stains
    struck: float = 0.0  # numbers that are struck out
    desk: float = 0.0  # the sheet lies on a desk
    occluder: float = 0.0  # an object in front of the page
    bleed: float = 0.1  # text of the other side of the sheet shows through
    tilt: tuple[float, float] = (0.0, 3.0)  # degrees, to either side
    perspective: float = 0.03  # twice the standard deviation of the corners, as a share of the page's shorter side
    waves: float = 0.2  # the page is not flat
    light: Light = field(default_factory=Light)
    turns: int = 0  # quarter turns of the finished scene, counterclockwise


@dataclass
class World:
    """What all scenes are drawn from."""

    writers: Writers
    fields: Fields
    print_fonts: Sequence[Path] = field(default_factory=fonts.print_fonts)
    script_fonts: Sequence[Path] = field(default_factory=fonts.script_fonts)
    decorative_fonts: Sequence[Path] = field(default_factory=fonts.decorative_fonts)


def rotate(scene: Scene, turns: int) -> Scene:
    """Return a scene rotated by quarter turns, counterclockwise: the image and all truth."""
    if turns % 4 == 0:
        return scene
    height, width = scene.image.shape

    def turn(points: NDArray[np.floating]) -> Points:
        tall, wide = height, width
        found = np.asarray(points, np.float32)
        for _ in range(turns % 4):
            found = np.stack([found[:, 1], wide - found[:, 0]], 1)
            tall, wide = wide, tall
        return found

    tokens = []
    for token in scene.tokens:
        x, y = turn(np.array([[token.x, token.y]]))[0].tolist()
        tokens.append(token._replace(x=x, y=y))
    writings = [each._replace(corners=turn(each.corners)) for each in scene.writings]
    image = np.ascontiguousarray(np.rot90(scene.image, turns))
    kinds = np.ascontiguousarray(np.rot90(scene.kinds, turns))
    owners = np.ascontiguousarray(np.rot90(scene.owners, turns))
    return Scene(image, kinds, owners, tokens, writings, scene.text, turns % 4)
