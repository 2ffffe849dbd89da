"""Draws the sample images: `python -m tools.samples`. All are our own; none is from a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.synthetic.digits import draw_digit, draw_photograph

SAMPLES = Path(__file__).parents[1] / "samples"
BLUE, RED, CHALK, BLACK = (150, 60, 30), (40, 40, 170), (225, 235, 230), (30, 30, 30)  # blue, green, red
PAPER, BOARD, NOTE = (222, 232, 236), (62, 84, 46), (140, 226, 250)


def draw_samples() -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield file names and images: each format, and common bit depths and backgrounds."""
    yield "0-like-mnist.png", draw_digit(0, seed=1)
    yield (
        "1-blue-pen-photo.jpg",
        draw_photograph(1, 480, 640, BLUE, PAPER, 220, (230, 120), light=0.35, noise=2, pen=0.05, seed=1),
    )
    yield "2-red-felt-pen.webp", draw_photograph(2, 200, 160, RED, PAPER, 130, (15, 35), pen=0.11)
    yield "3-16-bit-scan.tiff", 4095 - draw_digit(3, seed=3, size=120).astype(np.uint16) * 15
    yield "4-black-on-white.bmp", 255 - draw_digit(4, seed=4, size=64)
    ink = draw_digit(5, seed=5, size=100)
    yield "5-on-transparent.png", np.dstack([np.zeros((100, 100, 3), np.uint8), ink])
    yield "6-dark-corner.jpg", draw_photograph(6, 360, 300, BLACK, PAPER, 200, (30, 90), light=0.5, noise=6)
    yield "7-far-from-the-middle.png", draw_photograph(7, 300, 400, BLUE, PAPER, 110, (270, 20), pen=0.07)
    yield "8-chalk-on-board.jpg", draw_photograph(8, 300, 300, CHALK, BOARD, 210, (50, 40), noise=9)
    yield "9-on-a-note.png", draw_photograph(9, 90, 70, BLACK, NOTE, 60, (5, 15))
    yield "blank-paper.jpg", draw_photograph(0, 200, 200, PAPER, PAPER, 100, (50, 50), noise=1)


if __name__ == "__main__":
    for name, image in draw_samples():
        cv2.imwrite(str(SAMPLES / name), image)
        print(name)
