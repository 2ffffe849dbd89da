"""Convert a row of a page to images for the line recogniser: of one height, horizontal, with ink of one strength."""

from typing import NamedTuple

import cv2
import numpy as np

from edge_runtime.bundles.bundle import LINE
from edge_runtime.find.ink import Ink
from edge_runtime.find.rows import BlobRow
from edge_runtime.images.resize import resize_area
from edge_runtime.types import Box, Gray

HEIGHT, WIDTH = LINE  # pixels
DIGIT = 22  # pixels: the usual height of digits in the image
FIT = 1.1  # times the height from the top of the highest digit to the bottom of the lowest: all fit in the image
TALLEST = 2.3  # times the usual height: the largest height of an image, whatever the row holds
MARGIN = 0.6  # heights: paper on the left and on the right
SMALL = 0.5  # share of the row's height: lower blobs are not digits
SLOPE = 0.25  # height over length: the largest slope of a row
LEVELLED = 3  # digits: with fewer, the slope is not estimated
PAPER = 13  # pixels: strokes are narrower
INK = 0.985  # share of the pixels: this quantile is full ink
FAINTEST = 16.0  # gray levels: the least level of full ink


class Line(NamedTuple):
    """A row, or the part of it that fits in one image."""

    image: Gray  # (HEIGHT, WIDTH), ink bright
    x: float  # left edge of the image, in pixels of the ink map
    scale: float  # pixels of the ink map per pixel of the image


def row_lines(row: BlobRow, ink: Ink) -> list[Line]:
    """Split a row between its blobs into as few images as possible, from left to right."""
    boxes = [blob.box for blob in row.blobs if blob.box.height > SMALL * row.height]
    if not boxes:
        return []
    boxes.sort(key=lambda box: box.x)
    slope, middle, tall = _fit_slope(boxes, row.height)
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
        strip = _cut_strip(ink.strength, first, last, slope, middle, tall)
        lines.append(Line(line_image(strip), first, (last - first) / _scaled_width(strip)))
    return lines


def line_image(strength: Gray) -> Gray:
    """Scale a line to `HEIGHT` pixels: uint8 (HEIGHT, WIDTH), ink bright on 0, padded with paper on the right.

    strength: uint8 (height, any), ink brighter than paper. A line that would be wider than WIDTH is compressed.
    """
    across = _scaled_width(strength)
    if strength.shape[0] > HEIGHT:
        small = resize_area(strength, across, HEIGHT)
    else:
        small = np.asarray(cv2.resize(strength, (across, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    paper = cv2.morphologyEx(small, cv2.MORPH_OPEN, np.ones((PAPER, PAPER), np.uint8))
    ink = cv2.subtract(small, cv2.blur(paper, (PAPER, PAPER)))
    full = max(FAINTEST, float(np.quantile(ink, INK)))
    line = np.zeros((HEIGHT, WIDTH), np.uint8)
    line[:, :across] = cv2.convertScaleAbs(ink, alpha=255 / full)
    return line


def _scaled_width(strip: Gray) -> int:
    return min(WIDTH, max(4, round(int(strip.shape[1]) * HEIGHT / int(strip.shape[0]))))


def _fit_slope(boxes: list[Box], height: float) -> tuple[float, tuple[float, float], float]:
    """Return the slope of a row (down is positive), the point (x, y) in its middle, and the image height in pixels."""
    x = np.array([box.x + box.width / 2 for box in boxes])
    y = np.array([box.y + box.height / 2 for box in boxes])
    slope = 0.0
    if len(boxes) >= LEVELLED and (spread := float(((x - x.mean()) ** 2).sum())) > 0:
        slope = float(np.clip(((x - x.mean()) * (y - y.mean())).sum() / spread, -SLOPE, SLOPE))
    slope = round(slope, 6)  # the last bits depend on the processor
    fall = slope * (x - x.mean())
    top = min(box.y - down for box, down in zip(boxes, fall, strict=True))
    bottom = max(box.y + box.height - down for box, down in zip(boxes, fall, strict=True))
    tall = max(height * HEIGHT / DIGIT, min(FIT * (bottom - top), TALLEST * height))
    return slope, (float(x.mean()), float(top + bottom) / 2), tall


def _cut_strip(strength: Gray, left: int, right: int, slope: float, middle: tuple[float, float], tall: float) -> Gray:
    """Return the row without its slope: uint8 (tall, right - left); outside the page there is no ink."""
    back = np.array([[1, 0, left], [slope, 1, middle[1] - tall / 2 + slope * (left - middle[0])]])
    size = right - left, max(1, round(tall))
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(strength, back, size, flags=how, borderMode=cv2.BORDER_CONSTANT), np.uint8)
