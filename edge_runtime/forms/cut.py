"""Cut fields out of a page: as they are, or aligned to the form and without what is printed."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.forms.align import Alignment
from edge_runtime.types import Box, Gray

FINEST = 3.0  # pixels of a cut per pixel of the form, at most
SPREAD = 3  # pixels of the form: sides of the square that stands for a pixel of its print
GRID = 20  # points along each side of a field at which it is on the page or not
REPAIR = 3.0  # pixels: radius from which the place of the print is filled


class Cut(NamedTuple):
    """The image of a field."""

    gray: Gray
    shown: Gray  # the same with the print of the form
    box: Box  # of the field, pixels of the page
    place: Callable[[Box], Box]  # from boxes of the image to those of the page
    inside: float = 1.0  # share of the field that is on the page, 0 to 1


def cut_box(gray: Gray, box: Box) -> Cut:
    """Return the part of a page in a box, which is within the page."""

    def on_page(part: Box) -> Box:
        return part._replace(x=box.x + part.x, y=box.y + part.y)

    part = np.ascontiguousarray(gray[box.y : box.y + box.height, box.x : box.x + box.width])
    return Cut(part, part, box, on_page)


def cut_aligned(gray: Gray, box: Box, alignment: Alignment, printed: NDArray[np.uint8]) -> Cut:
    """Return a field as the form shows it, without the print.

    box: of the field, pixels of the form. printed: where the form is printed, uint8 (height, width), 0 or 1.
    """
    finer = min(max(alignment.scale(box), 1.0), FINEST)
    size = max(1, round(box.width * finer)), max(1, round(box.height * finer))
    matrix = alignment.matrix @ _to_form(box, size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpPerspective(gray, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    cut = shown
    there = printed[box.y : box.y + box.height, box.x : box.x + box.width]
    if there.any():
        wider = cv2.dilate(there, np.ones((SPREAD, SPREAD), np.uint8))
        mask = cv2.resize(wider, size, interpolation=cv2.INTER_NEAREST)
        cut = cv2.inpaint(shown, mask, REPAIR, cv2.INPAINT_TELEA)

    def on_page(part: Box) -> Box:
        left, top = part.x / finer + box.x, part.y / finer + box.y
        right, bottom = (part.x + part.width) / finer + box.x, (part.y + part.height) / finer + box.y
        return alignment.box(Box(round(left), round(top), round(right - left), round(bottom - top)))

    return Cut(
        np.asarray(cut, np.uint8),
        np.asarray(shown, np.uint8),
        alignment.box(box),
        on_page,
        _share_inside(gray, matrix, size),
    )


def _share_inside(gray: Gray, matrix: NDArray[np.float64], size: tuple[int, int]) -> float:
    """Return the share of an image of a field that is on the page, from a grid of its points."""
    across, down = np.meshgrid(np.linspace(0, size[0] - 1, GRID), np.linspace(0, size[1] - 1, GRID))
    points = cv2.perspectiveTransform(np.stack([across.ravel(), down.ravel()], 1)[np.newaxis], matrix)[0]
    high, wide = gray.shape
    return float(((points > -1) & (points < (wide, high))).all(1).mean())


def _to_form(box: Box, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the homography from an image of a field to the form; the centre of a pixel is at a whole number."""
    across, down = box.width / size[0], box.height / size[1]
    return np.array([[across, 0, box.x + (across - 1) / 2], [0, down, box.y + (down - 1) / 2], [0, 0, 1]])
