"""Read a page from the ink that its map selects and, where that reading is doubtful, from all of its ink as well.

Only pages need this, so no command imports it before it reads pages.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import KINDS, notice
from edge_runtime.common.memory import give_back
from edge_runtime.errors import UnsupportedModelError
from edge_runtime.find.blobs import Dropped, DropReason
from edge_runtime.find.ink import Ink
from edge_runtime.find.reading import Found
from edge_runtime.find.selected_ink import select_ink
from edge_runtime.marks import name_marks
from edge_runtime.segmentation import check
from edge_runtime.segmentation.maps import PageMap, map_page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.types import Box, Digit, Gray, Mark, Status

SIDEWAYS, UPSIDE_DOWN = (1, 3), 2  # quarter turns
DOUBTFUL = 0.5  # expected right digits of all: with less, a page may be upside down
UPRIGHT = 1.0  # expected right digits of `ONE_WAY` that a page has to gain by being turned upside down
ONE_WAY = (3, 4, 7)  # digits that do not resemble another one upside down
CLEAR = 0.94  # trust of every digit from which a page is not read again
LARGE = 4_000_000  # pixels: memory is returned to the system between the steps for a larger page

Find = Callable[[Gray, Ink | None, PageMap], Found]  # reads a page with its map, from this ink, or its own
Decide = Callable[[Found], list[Digit]]  # decides on the digits of a reading alone


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


class View(NamedTuple):
    """A page, turned upright, with its map and what was read from the ink that the map selects."""

    gray: Gray
    turns: int  # quarter turns, counterclockwise, that were undone
    page: PageMap  # the map
    marks: tuple[Box, ...]  # of numbers, that the map is sure about
    reading: Reading  # of that ink alone
    trust: NDArray[np.float64]  # of each digit, 0 to 1; 0 of a rejected one

    @property
    def expected(self) -> float:
        """Expected number of right digits less that of wrong and missed ones."""
        return check.score(self.trust[self.trust > 0], self.reading.missed)

    @property
    def expected_upright(self) -> float:
        """The same of the digits that cannot be read upside down, of which rejected ones count as wrong."""
        pairs = zip(self.trust, self.reading.digits, strict=True)
        return float(sum(2 * chance - 1 for chance, digit in pairs if digit.label in ONE_WAY))

    @property
    def is_texture(self) -> bool:
        """Whether there is more ink than is read."""
        return _is_texture(self.reading.found)

    @property
    def is_clear(self) -> bool:
        """Whether all digits are trusted and no ink of a row was left out, or there is more ink than is read."""
        if self.is_texture:
            return True
        if not len(self.trust) or self.reading.missed or self.trust.min() < CLEAR:
            return False
        return not check.find_unread(self.reading.digits, self.page, self.marks)


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


def look(gray: Gray, network: PageNetwork, find: Find, decide: Decide, page: PageMap | None = None) -> View:
    """Return a page upright: the map tells whether it lies on its side, and its digits which edge is the upper one.

    page: the map of the page as it is, if it is known.
    """
    view = _view(gray, page or map_page(gray, network.run), 0, network, find, decide)
    if view.is_texture:
        return view
    if check.is_sideways(view.page):
        return max(
            (_turned_view(gray, turns, network, find, decide) for turns in SIDEWAYS), key=lambda each: each.expected
        )
    if view.expected < DOUBTFUL * len(view.trust):
        other = _turned_view(gray, UPSIDE_DOWN, network, find, decide)
        if other.expected > view.expected and other.expected_upright > view.expected_upright + UPRIGHT:
            return other
    return view


def _turned_view(gray: Gray, turns: int, network: PageNetwork, find: Find, decide: Decide) -> View:
    upright = np.ascontiguousarray(np.rot90(gray, -turns))
    return _view(upright, map_page(upright, network.run), turns, network, find, decide)


def _view(upright: Gray, page: PageMap, turns: int, network: PageNetwork, find: Find, decide: Decide) -> View:
    if upright.size > LARGE:
        give_back()
    marks = tuple(check.find_marks(page))
    found = find(upright, select_ink(upright, page), page)
    digits = decide(found)
    missed = tuple(check.find_missed(digits, page, marks))
    reading = Reading(found, digits, check.find_features(digits, (), page), missed)
    trust = check.find_trust(reading.features, network.trust["clear"])
    return View(upright, turns, page, marks, reading, trust * reading.accepted)


def read_page(gray: Gray, network: PageNetwork, find: Find, decide: Decide, page: PageMap | None = None) -> Found:
    """Return the better reading of a page, with how much each of its digits can be trusted. page: as for `look`."""
    view = look(gray, network, find, decide, page)
    readings = {"clear": view.reading} if view.is_clear else read_again(view, find, decide)
    if "page" in readings and _is_texture(readings["page"].found):
        return readings["page"].found._replace(turns=view.turns, page=view.page)
    trusts = {name: check.find_trust(reading.features, network.trust[name]) for name, reading in readings.items()}
    taken = next(iter(readings))
    if len(readings) > 1:
        scores = [check.score(trusts[name][reading.accepted], reading.missed) for name, reading in readings.items()]
        counts = [int(reading.accepted.sum()) for reading in readings.values()]
        taken = list(readings)[int(check.is_better(scores, counts))]
    found = readings[taken].found
    left_out: list[Dropped] = []
    if taken == "map":
        left_out = _left_out(readings)
    elif taken == "clear":
        left_out = [(box, DropReason.NON_DIGIT) for box in check.find_other_ink(view.page, view.marks)]
    return found._replace(
        dropped=found.dropped + left_out,
        trust=tuple(trusts[taken].tolist()),
        missed=readings[taken].missed,
        marks=view.marks,
        turns=view.turns,
        page=view.page,
    )


def read_again(view: View, find: Find, decide: Decide) -> dict[str, Reading]:
    """Return the readings of all ink of a page and of the ink that the map selects, each with the other's digits."""
    if view.gray.size > LARGE:
        give_back()
    found = find(view.gray, None, view.page)
    digits, others = view.reading.digits, decide(found)
    missed = tuple(check.find_missed(others, view.page, view.marks))
    return {
        "page": Reading(found, others, check.find_features(others, digits, view.page), missed),
        "map": view.reading._replace(features=check.find_features(digits, others, view.page)),
    }


def _is_texture(found: Found) -> bool:
    return any(reason == DropReason.TEXTURE for _, reason in found.dropped)


def _left_out(readings: dict[str, Reading]) -> list[Dropped]:
    """Return what the reading of all ink has and that of the selected ink has not."""
    digits = [
        (digit.box, DropReason.NON_DIGIT)
        for digit in readings["page"].digits
        if not any(check.overlaps(digit.box, other.box) for other in readings["map"].digits)
    ]
    return readings["page"].found.dropped + digits


def apply(digits: list[Digit], found: Found) -> tuple[list[Digit], tuple[Mark, ...], list[Dropped]]:
    """Reject digits that cannot be trusted and add unread ones.

    Returns the digits, the marks of their numbers, and what else is dropped: probable non-digits, and unread places
    outside of numbers.
    """
    digits, others = check.reject(digits, found.trust or ())
    dropped = [(digit.box, DropReason.NON_DIGIT) for digit in others]
    if not any(digit.status is Status.OK for digit in digits):
        return digits, (), dropped + [(box, DropReason.UNREAD) for box in found.missed]
    for box in found.missed:
        digits = check.insert(digits, box)
    return digits, tuple(name_marks(found.marks, digits)), dropped
