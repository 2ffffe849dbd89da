"""What an image of one digit shows: that digit alone, other ink beside it, or several digits."""

from typing import NamedTuple

import numpy as np

from edge_runtime.segmentation.check import find_marks, find_missed
from edge_runtime.segmentation.maps import PageMap
from edge_runtime.segmentation.outputs import Kind
from edge_runtime.types import Box

DIGIT, CERTAIN = 0.5, 0.9  # probability of a digit, and of other ink, from which squares count
BESIDE = 0.1  # times the squares of digits: the least other ink
FAINTEST = 0.1  # probability of a digit that an image of one digit has somewhere


class Sight(NamedTuple):
    """What an image shows."""

    places: tuple[Box, ...]  # of digits, pixels of the image; digits that touch are one place
    shows_other: bool  # ink beside the digit
    is_empty: bool  # no trace of a digit

    @property
    def shows_one(self) -> bool:
        """Whether the map is consistent with a single digit, which it may miss."""
        return len(self.places) <= 1 and not self.shows_other and not self.is_empty


def describe(page: PageMap) -> Sight:
    """Return what a map shows."""
    others = np.count_nonzero(page.kinds[..., Kind.OTHER] + page.kinds[..., Kind.MARK] > CERTAIN)
    digits = np.count_nonzero(page.digits > DIGIT)
    places = find_missed((), page, find_marks(page))
    return Sight(tuple(places), bool(others > BESIDE * digits), bool(page.digits.max() < FAINTEST))


def describe_several(count: int) -> str:
    """Return the note on an image of several digits."""
    return f"{count} digits found; `edge-digits read` reads them all"
