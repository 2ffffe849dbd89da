"""Draws films of a sheet of paper that is laid on a table, moved, lit, covered by a hand and taken away."""

from collections.abc import Iterator
from math import sin
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Frame, Gray

SIZE = (640, 480)  # pixels, of a frame
SHEET = (560, 220)  # pixels
FPS = 15
SECONDS = 6.0
COMES, LIES, GOES = 1.0, 1.8, 5.0  # seconds: when the sheet begins to come, lies, and begins to go
TABLE = 95  # gray level


class Shown(NamedTuple):
    """A frame and the text in it."""

    frame: Frame
    text: str | None  # the digits; empty without a sheet; None while it comes and goes


class Scene(NamedTuple):
    """The settings of a film."""

    text: str
    size: int  # pixels: a digit's height
    swing: float  # pixels that the lying sheet is moved
    turn: float  # degrees that it is turned
    light: float  # 0..1: share that varies
    noise: float  # gray levels, standard deviation
    board: bool  # chalk on a board, not ink on paper
    seed: int


def scene(seed: int) -> Scene:
    """Return a scene for a seed; motion and light each vary in some of them."""
    random = np.random.default_rng(seed)
    size = int(random.integers(24, 80))
    return Scene(
        text="".join(map(str, random.integers(0, 10, int(random.integers(1, 6))))),
        size=size,
        swing=float(random.choice([0, 0, 15, 40])),
        turn=float(random.choice([0, 0, 2, 4])),
        light=float(random.choice([0, 0, 0.3, 0.6])),
        noise=float(random.uniform(0, 5)),
        board=bool(random.random() < 0.2),
        seed=seed,
    )


def film(of: Scene) -> Iterator[Shown]:
    """Yield the frames: the empty table, the sheet that is pushed in from a side, lies or moves, and is taken away."""
    sheet, random = _sheet(of), np.random.default_rng((of.seed, 1))
    side = random.uniform(-1, 1, 2)
    away = np.array([SIZE[0] + 40, SIZE[1] + 40]) * (np.sign(side) if abs(side[0]) > 0.5 else (0, np.sign(side[1])))
    grains = [random.normal(0, of.noise, (SIZE[1], SIZE[0])).astype(np.float32) for _ in range(4)]
    table = cv2.GaussianBlur(random.normal(0, 30, (SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 6) + TABLE
    place = np.array([(SIZE[0] - SHEET[0]) / 2, (SIZE[1] - SHEET[1]) / 2])
    for number in range(int(SECONDS * FPS)):
        time = number / FPS
        out = 1.0 if time < COMES or time > GOES + LIES - COMES else 0.0
        if COMES <= time < LIES:
            out = (LIES - time) / (LIES - COMES)
        elif GOES <= time <= GOES + LIES - COMES:
            out = (time - GOES) / (LIES - COMES)
        x, y = place + out * away + of.swing * np.array([sin(1.7 * time), 0.6 * sin(2.3 * time)])
        matrix = cv2.getRotationMatrix2D((SHEET[0] / 2, SHEET[1] / 2), of.turn * sin(1.3 * time), 1.0)
        matrix[:, 2] += x, y
        cover = cv2.warpAffine(np.ones_like(sheet), matrix, SIZE)
        view = cv2.warpAffine(sheet, matrix, SIZE) + (1 - cover) * table
        view = view * np.float32(1 - of.light * (0.5 + 0.5 * sin(1.1 * time + of.seed))) + grains[number % 4]
        gray: Gray = np.clip(np.rint(view), 0, 255).astype(np.uint8)
        text = "" if not cover.any() else of.text if out == 0 else None
        yield Shown(Frame(gray, time, number), text)


def _sheet(of: Scene) -> NDArray[np.float32]:
    look = Appearance(fall=0.2, gap=(0.25, 0.5), blur=0.6)
    if of.board:
        look = Appearance(ink=(225, 225, 225), paper=(50, 55, 50), gap=(0.25, 0.5), blur=0.6)
    size = min(of.size, round(0.8 * SHEET[0] / (1.3 * len(of.text))))
    drawn = draw_page([of.text], SHEET, size, of.seed, look)
    return cv2.cvtColor(drawn.image, cv2.COLOR_BGR2GRAY).astype(np.float32)
