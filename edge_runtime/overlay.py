"""Draw the result over the image: a box and a label for each digit."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.images.inputs import Channels, ImageLike, as_gray
from edge_runtime.types import Box, Digit, FieldReading, Gray, Status

Drawing = NDArray[np.uint8]  # (height, width, 3): blue, green, red

FONT = cv2.FONT_HERSHEY_SIMPLEX
OK, REJECTED = (70, 150, 30), (40, 120, 240)
MOST = 8_000_000  # pixels: a larger page is drawn smaller, so that drawing needs no more memory than reading


def draw_over(
    image: ImageLike, digits: Sequence[Digit], size: tuple[int, int], channels: Channels = "bgr"
) -> NDArray[np.uint8]:
    """See `Page.draw`. size: width and height of the image that was read."""
    gray = as_gray(image, channels)
    if gray.shape[::-1] != size:
        found = f"{gray.shape[1]} x {gray.shape[0]}"
        raise UsageError(f"the page was read from an image of {size[0]} x {size[1]} pixels, not {found}")
    drawing = draw_digits(gray, digits)
    return drawing if channels == "bgr" else np.ascontiguousarray(drawing[..., ::-1])


def draw_digits(gray: Gray, digits: Sequence[Digit], most: int | None = None) -> Drawing:
    """Return an image with a box and a label for each digit: green if accepted, orange if rejected.

    most: the largest number of pixels; a larger image is reduced.
    """
    height, width = gray.shape
    scale = min(1.0, (most / (height * width)) ** 0.5) if most else 1.0
    if scale < 1:
        gray = np.asarray(cv2.resize(gray, scaled_size(gray, scale), interpolation=cv2.INTER_AREA), np.uint8)
    drawing = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    draw_boxes(drawing, digits, scale)
    return drawing


def draw_fields(gray: Gray, fields: Sequence[FieldReading], most: int | None = None) -> Drawing:
    """Return an image with a box and the text of each field of a form, as `draw_digits` does for digits."""
    digits = [each._replace(status=field.status) for field in fields for each in field.digits]
    drawing = draw_digits(gray, (), most)
    scale = drawing.shape[1] / gray.shape[1]
    draw_boxes(drawing, digits, scale, named=False)
    line = max(1, round(max(drawing.shape) / 700))
    for field in fields:
        colour = OK if field.status is Status.OK else REJECTED
        corner, other = corners(field.box, scale)
        cv2.rectangle(drawing, corner, other, colour, line)
        text = f"{field.name}: {field.text}{' ' + field.reason if field.reason else ''}"
        above = (corner[0], max(12 * line, corner[1] - 3 * line))
        cv2.putText(drawing, text, above, FONT, 0.3 * line, colour, line, cv2.LINE_AA)
    return drawing


def scaled_size(gray: Gray, scale: float) -> tuple[int, int]:
    """Return the width and height of a scaled image, each at least 1 pixel."""
    return max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))


def draw_boxes(drawing: Drawing, digits: Sequence[Digit], scale: float = 1.0, named: bool = True) -> None:
    """Draw a box around each digit, with its label if `named`. scale: pixels of the drawing per pixel of the image."""
    line = max(1, round(max(drawing.shape) / 700))
    for digit in digits:
        colour = OK if digit.status is Status.OK else REJECTED
        corner, other = corners(digit.box, scale)
        cv2.rectangle(drawing, corner, other, colour, line)
        if named:
            size = max(0.4, 0.012 * (other[1] - corner[1]))
            cv2.putText(
                drawing, str(digit.label), (corner[0], max(10, corner[1] - 3)), FONT, size, colour, line, cv2.LINE_AA
            )


def corners(box: Box, scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the top left and bottom right corners of a box in a drawing."""
    return (round(box.x * scale), round(box.y * scale)), (
        round((box.x + box.width) * scale),
        round((box.y + box.height) * scale),
    )
