"""Cut the digits out of fields whose values a person has corrected, so that training can take them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edge_runtime.types import Box, Digit, Gray

DIGITS = "0123456789"
MARGIN = 0.15  # heights of a digit around it


class CorrectedField(NamedTuple):
    """A field with the value that a person gave."""

    name: str
    value: str
    digits: tuple[tuple[str, Gray], ...]  # label and image of each digit of the value; empty if none has their count


def cut_digits(gray: Gray, readings: Sequence[Sequence[Digit]], value: str) -> tuple[tuple[str, Gray], ...]:
    """Return label and image of each digit of a value, from the first reading that has as many digits.

    gray: the image of the field, and readings: of it, the best one first. Empty if no reading has so many.
    """
    labels = [letter for letter in value if letter in DIGITS]
    found = next((digits for digits in readings if len(digits) == len(labels)), None)
    if not found:
        return ()
    return tuple((label, _crop(gray, digit.box)) for label, digit in zip(labels, found, strict=True))


def _crop(gray: Gray, box: Box) -> Gray:
    margin = round(MARGIN * box.height)
    rows = slice(max(0, box.y - margin), box.y + box.height + margin)
    return np.ascontiguousarray(gray[rows, max(0, box.x - margin) : box.x + box.width + margin])
