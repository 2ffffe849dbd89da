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
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.types import Box, Digit, Gray, Status

SIDEWAYS = (1, 3)  # quarter turns of a page that lies on its side

Find = Callable[[Gray, Ink | None], Found]  # reads a page; from this ink, or its own
Decide = Callable[[Found], list[Digit]]  # decides on the digits of a reading alone


class View(NamedTuple):
    """A page upright, with its map."""

    gray: Gray
    first: Found  # the reading that does not use the map, with its turns
    digits: list[Digit]  # of this reading, accepted and rejected
    page: PageMap  # the map


class Reading(NamedTuple):
    """A reading of a page, compared with its map."""

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


def look(gray: Gray, first: Found, network: PageNetwork, find: Find, decide: Decide) -> View:
    """Return a page upright, with its map and its first reading. first: the reading of the page as it is."""
    digits = decide(first)
    page = map_page(gray, network.run, [digit.box for digit in digits])
    if check.is_sideways(page):
        gray, first, digits = _turn(gray, find, decide)
        page = map_page(gray, network.run, [digit.box for digit in digits])
    return View(gray, first, digits, page)


def _turn(gray: Gray, find: Find, decide: Decide) -> tuple[Gray, Found, list[Digit]]:
    """Return a sideways page upright, its reading and digits: the map does not tell which edge is the upper one."""
    options = []
    for turns in SIDEWAYS:
        turned = np.ascontiguousarray(np.rot90(gray, -turns))
        found = find(turned, None)._replace(turns=turns)
        options.append((turned, found, decide(found)))
    return max(options, key=lambda option: _expected(option[2]))


def _expected(digits: list[Digit]) -> float:
    """Return the expected number of right digits less that of wrong ones, by the confidence of the accepted ones."""
    return sum(2 * digit.confidence - 1 for digit in digits if digit.status is Status.OK)


def check_page(gray: Gray, first: Found, network: PageNetwork, find: Find, decide: Decide) -> Found:
    """Return the better reading of a page. first: the reading that does not use the map."""
    if any(reason == DropReason.TEXTURE for _, reason in first.dropped):
        return first
    view = look(gray, first, network, find, decide)
    readings = read_again(view, find, decide)
    trusts = {name: check.find_trust(reading.features, network.trust[name]) for name, reading in readings.items()}
    taken = next(iter(readings))
    if len(readings) > 1:
        scores = [check.score(trusts[name][reading.accepted], reading.missed) for name, reading in readings.items()]
        counts = [int(reading.accepted.sum()) for reading in readings.values()]
        taken = list(readings)[int(check.is_better(scores, counts))]
    found = readings[taken].found
    return found._replace(
        dropped=found.dropped + (_left_out(readings) if taken == "second" else []),
        trust=tuple(trusts[taken].tolist()),
        missed=readings[taken].missed,
        turns=view.first.turns,
        page=view.page,
    )


def read_again(view: View, find: Find, decide: Decide) -> dict[str, Reading]:
    """Return the readings of a page with their features, by the names of `READINGS`.

    Where the map supports the first reading, there is no other. Otherwise the page is read again from the ink that the
    map selects.
    """
    digits = view.digits
    missed = tuple(check.find_missed(digits, view.page))
    if not missed and check.is_supported(digits, view.page):
        return {"supported": Reading(view.first, digits, check.find_features(digits, (), view.page), missed)}
    found = find(view.gray, select_ink(view.gray, view.page))
    others = decide(found)
    return {
        "first": Reading(view.first, digits, check.find_features(digits, others, view.page), missed),
        "second": Reading(
            found, others, check.find_features(others, digits, view.page), tuple(check.find_missed(others, view.page))
        ),
    }


def _left_out(readings: dict[str, Reading]) -> list[Dropped]:
    """Return what the first reading has and the second one has not."""
    first, second = readings["first"], readings["second"]
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
