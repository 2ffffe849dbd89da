"""A row of a page to the pictures that the network for lines sees: one height, level, ink of one strength."""

from typing import NamedTuple

import cv2
import numpy as np

from edge_runtime.bundles.bundle import LINE
from edge_runtime.find.ink import Ink
from edge_runtime.find.rows import BlobRow
from edge_runtime.images.resize import smaller
from edge_runtime.types import Box, Gray

HEIGHT, WIDTH = LINE  # pixels
DIGIT = 22  # pixels: the usual height of a row's digits in the picture
FIT = 1.1  # times the height from the highest digit to the lowest: all of them are in the picture
TALLEST = 2.3  # times the usual height: a picture is no higher, whatever is in the row
MARGIN = 0.6  # heights: paper on the left and right
SMALL = 0.5  # of the row's height: lower blobs are no digits
SLOPE = 0.25  # the most that a row rises or falls by its length
LEVELLED = 3  # digits: of fewer the slope is anyone's guess
PAPER = 13  # pixels: no stroke is wider
INK = 0.985  # share of the pixels that are weaker than full ink
FAINTEST = 16.0  # gray levels: full ink has at least these


class Line(NamedTuple):
    """A row, or as much of it as one picture can hold."""

    image: Gray  # (HEIGHT, WIDTH), ink bright
    x: float  # pixels of the ink map: the picture's left edge
    scale: float  # pixels of the ink map along one of the picture


def row_lines(row: BlobRow, ink: Ink) -> list[Line]:
    """Cut a row between its blobs into as few pictures as can hold it, from left to right."""
    boxes = [blob.box for blob in row.blobs if blob.box.height > SMALL * row.height]
    if not boxes:
        return []
    boxes.sort(key=lambda box: box.x)
    slope, middle, tall = _level(boxes, row.height)
    reach = MARGIN * row.height
    longest = WIDTH * tall / HEIGHT - 2 * reach
    groups: list[list[Box]] = []
    for box in boxes:
        if groups and max(each.x + each.width for each in [*groups[-1], box]) - groups[-1][0].x <= longest:
            groups[-1].append(box)
        else:
            groups.append([box])
    ends = [(group[0].x, max(box.x + box.width for box in group)) for group in groups]
    lines = []
    for number, (left, right) in enumerate(ends):
        before = left - reach if number == 0 else max(left - reach, (ends[number - 1][1] + left) / 2)
        after = right + reach if number == len(ends) - 1 else min(right + reach, (right + ends[number + 1][0]) / 2)
        first, last = round(before), max(round(before) + 1, round(after))
        strip = _strip(ink.strength, first, last, slope, middle, tall)
        lines.append(Line(line_image(strip), first, (last - first) / _across(strip)))
    return lines


def line_image(strength: Gray) -> Gray:
    """Return a line at `HEIGHT` pixels: uint8 (HEIGHT, WIDTH), ink bright, no ink to the right of the line.

    strength: uint8 (height, any), ink brighter than paper. A line that would be wider is made narrower.
    """
    across = _across(strength)
    if strength.shape[0] > HEIGHT:
        small = smaller(strength, across, HEIGHT)
    else:
        small = np.asarray(cv2.resize(strength, (across, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    paper = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((PAPER, PAPER), np.uint8))
    ink = cv2.subtract(small, cv2.blur(paper, (PAPER, PAPER)))
    full = max(FAINTEST, float(np.quantile(ink, INK)))
    line = np.zeros((HEIGHT, WIDTH), np.uint8)
    line[:, :across] = cv2.convertScaleAbs(ink, alpha=255 / full)
    return line


def _across(strip: Gray) -> int:
    return min(WIDTH, max(4, round(int(strip.shape[1]) * HEIGHT / int(strip.shape[0]))))


def _level(boxes: list[Box], height: float) -> tuple[float, tuple[float, float], float]:
    """How much a row falls a pixel, a point in its middle, and how many pixels the picture is to be high."""
    x = np.array([box.x + box.width / 2 for box in boxes])
    y = np.array([box.y + box.height / 2 for box in boxes])
    slope = 0.0
    if len(boxes) >= LEVELLED and (spread := float(((x - x.mean()) ** 2).sum())) > 0:
        slope = float(np.clip(((x - x.mean()) * (y - y.mean())).sum() / spread, -SLOPE, SLOPE))
    slope = round(slope, 6)  # its last bits depend on the processor
    fall = slope * (x - x.mean())
    top = min(box.y - down for box, down in zip(boxes, fall, strict=True))
    bottom = max(box.y + box.height - down for box, down in zip(boxes, fall, strict=True))
    tall = max(height * HEIGHT / DIGIT, min(FIT * (bottom - top), TALLEST * height))
    return slope, (float(x.mean()), float(top + bottom) / 2), tall


def _strip(strength: Gray, left: int, right: int, slope: float, middle: tuple[float, float], tall: float) -> Gray:
    """The row made level, uint8 (tall, right - left); beyond the page there is no ink."""
    back = np.array([[1, 0, left], [slope, 1, middle[1] - tall / 2 + slope * (left - middle[0])]])
    size = right - left, max(1, round(tall))
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(strength, back, size, flags=how, borderMode=cv2.BORDER_CONSTANT), np.uint8)
