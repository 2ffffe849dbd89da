"""Draws the sample images: `python -m tools.samples`. All are our own; none is from a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.synthetic.digits import Colour, Light, draw_digit, draw_photograph

SAMPLES = Path(__file__).parents[1] / "samples"
EVEN = Light()  # no loss of light, no noise
PEN = 0.08  # stroke width, as a share of the digit's side
BLUE, RED, CHALK, BLACK = (150, 60, 30), (40, 40, 170), (225, 235, 230), (30, 30, 30)  # blue, green, red
PAPER, BOARD, NOTE = (222, 232, 236), (62, 84, 46), (140, 226, 250)


def draw_samples() -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield file names and images: each format, and common bit depths and backgrounds."""
    yield "0-like-mnist.png", draw_digit(0, seed=1)
    yield "1-blue-pen-photo.jpg", photograph(1, (640, 480), (230, 120), BLUE, PAPER, (220, 0.05, 1), Light(0.35, 2))
    yield "2-red-felt-pen.webp", photograph(2, (160, 200), (15, 35), RED, PAPER, (130, 0.11, 7))
    yield "3-16-bit-scan.tiff", 4095 - draw_digit(3, seed=3, size=120).astype(np.uint16) * 15
    yield "4-black-on-white.bmp", 255 - draw_digit(4, seed=4, size=64)
    ink = draw_digit(5, seed=5, size=100)
    yield "5-on-transparent.png", np.dstack([np.zeros((100, 100, 3), np.uint8), ink])
    yield "6-dark-corner.jpg", photograph(6, (300, 360), (30, 90), BLACK, PAPER, (200, PEN, 7), Light(0.5, 6))
    yield "7-far-from-the-middle.png", photograph(7, (400, 300), (270, 20), BLUE, PAPER, (110, 0.07, 7))
    yield "8-chalk-on-board.jpg", photograph(8, (300, 300), (50, 40), CHALK, BOARD, (210, PEN, 7), Light(0, 9))
    yield "9-on-a-note.png", photograph(9, (70, 90), (5, 15), BLACK, NOTE, (60, PEN, 7))
    yield "blank-paper.jpg", photograph(0, (200, 200), (50, 50), PAPER, PAPER, (100, PEN, 7), Light(0, 1))


def photograph(
    label: int,
    size: tuple[int, int],
    at: tuple[int, int],
    ink: Colour,
    paper: Colour,
    written: tuple[int, float, int],
    light: Light = EVEN,
) -> NDArray[np.uint8]:
    """Draw a digit on paper. written: the digit's side in pixels, the pen's width as a share of it, and a seed."""
    side, pen, seed = written
    return draw_photograph(draw_digit(label, seed, side, pen), size, at, ink, paper, light, seed=label)


if __name__ == "__main__":
    for name, image in draw_samples():
        cv2.imwrite(str(SAMPLES / name), image)
        print(name)
