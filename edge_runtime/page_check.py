"""Read a page a second time where its map differs from what was read, and take the better reading.

Only pages need this, so no command imports it before it reads pages.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import KINDS, notice
from edge_runtime.errors import UnsupportedModelError
from edge_runtime.find.blobs import Dropped, DropReason
from edge_runtime.find.ink import Ink
from edge_runtime.find.reading import Found
from edge_runtime.find.selected_ink import select_ink
from edge_runtime.segmentation import check
from edge_runtime.segmentation.maps import PageMap, map_page
from edge_runtime.segmentation.network import READINGS, PageNetwork
from edge_runtime.types import Box, Digit, Gray, Status

Find = Callable[[Gray, Ink | None], Found]  # reads a page; from this ink, or its own
Decide = Callable[[Found], list[Digit]]  # decides on the digits of a reading alone


class Reading(NamedTuple):
    """One of two readings of a page."""

    found: Found
    digits: list[Digit]  # accepted and rejected
    features: check.Features  # of the digits, see `check.FEATURES`
    missed: tuple[Box, ...]  # places where the map shows digits that were not read

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which digits are accepted, (N,)."""
        return np.array([digit.status is Status.OK for digit in self.digits], np.bool_)


def open_page_network(backend: str) -> PageNetwork | None:
    """Open the page network of the package; None, with a notice, if the backend cannot run it."""
    try:
        return PageNetwork(backend=backend)
    except UnsupportedModelError:
        notice(
            f"other ink beside digits may be read: the backend {backend} cannot run the page network; "
            f"{KINDS['litert'].install}"
        )
        return None


def check_page(gray: Gray, first: Found, network: PageNetwork, find: Find, decide: Decide) -> Found:
    """Return the better reading of a page. first: the reading that does not use the map."""
    if any(reason == DropReason.TEXTURE for _, reason in first.dropped):
        return first
    digits = decide(first)
    page = map_page(gray, network.run, [digit.box for digit in digits])
    turns = check.find_turns(page)
    if turns:
        gray = np.ascontiguousarray(np.rot90(gray, -turns))
        first = find(gray, None)
        digits = decide(first)
        page = map_page(gray, network.run, [digit.box for digit in digits])
    if check.is_supported(digits, page):
        return first._replace(turns=turns)
    readings = compare(gray, first, page, find, decide)
    trusts = [
        check.find_trust(reading.features, network.trust[name])
        for name, reading in zip(READINGS, readings, strict=True)
    ]
    scores = [
        check.score(trust[reading.accepted], reading.missed) for trust, reading in zip(trusts, readings, strict=True)
    ]
    taken = int(check.is_better(scores, [int(reading.accepted.sum()) for reading in readings]))
    found, trust = readings[taken].found, trusts[taken]
    return found._replace(
        dropped=found.dropped + (_left_out(readings) if taken else []),
        trust=tuple(trust.tolist()),
        missed=readings[taken].missed,
        turns=turns,
    )


def compare(gray: Gray, first: Found, page: PageMap, find: Find, decide: Decide) -> list[Reading]:
    """Return both readings of a page, with their features: the first, and that of the ink that the map selects."""
    found = [first, find(gray, select_ink(gray, page))]
    digits = [decide(each) for each in found]
    return [
        Reading(each, mine, check.find_features(mine, others, page), tuple(check.find_missed(mine, page)))
        for each, mine, others in zip(found, digits, reversed(digits), strict=True)
    ]


def _left_out(readings: list[Reading]) -> list[Dropped]:
    """Return what the first reading has and the second one has not."""
    first, second = readings
    digits = [
        (digit.box, DropReason.NON_DIGIT)
        for digit in first.digits
        if not any(check.overlaps(digit.box, other.box) for other in second.digits)
    ]
    return first.found.dropped + digits


def apply(digits: list[Digit], found: Found) -> tuple[list[Digit], list[Dropped]]:
    """Reject digits that cannot be trusted and add unread ones; returns the digits, and unread places of no number."""
    digits = check.reject(digits, found.trust or ())
    if not any(digit.status is Status.OK for digit in digits):
        return digits, [(box, DropReason.UNREAD) for box in found.missed]
    for box in found.missed:
        digits = check.insert(digits, box)
    return digits, []
