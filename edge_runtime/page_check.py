"""Read a page from the ink that its map selects and, where that reading is doubtful, from all of its ink as well.

Only pages need this, so no command imports it before it reads pages.
"""

from collections.abc import Callable, Sequence
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
from edge_runtime.marks import SLASH, name_marks
from edge_runtime.segmentation import check
from edge_runtime.segmentation.maps import FIRST, PageMap, map_again, map_page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.segmentation.trust import FEATURES, Features, find_features
from edge_runtime.types import Box, Digit, Gray, Mark, Status

SIDEWAYS, UPSIDE_DOWN = (1, 3), 2  # quarter turns
DOUBTFUL = 0.5  # expected right digits of all: with less, a page may be upside down
MAY_BE_TURNED = -1.5  # logarithm of the odds of upside down against upright: with more, a page may be
BY_TURN = 0.5  # expected right digits that a factor of e in these odds is worth
UPRIGHT = 1.0  # expected right digits, of all or of `ONE_WAY`, that a page has to gain by being turned upside down
ONE_WAY = (3, 4, 7)  # digits that do not resemble another one upside down
CLOSER = 640  # pixels: the longer side of a page at the first scale, if nothing was read from its usual map
FEW = 10  # candidates and digits of the map, at most, of a page that is read so, which bounds the time of textures
CLEAR = 0.9  # trust of a digit from which it is not doubtful
CLEAR_SHARE = 0.07  # share of doubtful digits up to which a page is not read again
SCALES = (1.3, 0.7, 2.0)  # of the map, as multiples of its scale: a page of which much is doubtful is read at these
SURE = 0.9  # probability of a digit from which an unread place is a ? of a page without accepted digits
MUCH = 0.2  # share of doubtful digits from which a page is read at these scales as well
MANY = 60  # digits: a page with more is read again at its own scale alone, which bounds the time of textures
NO_FEATURES = np.zeros((0, len(FEATURES)))
LARGE = 4_000_000  # pixels: memory is returned to the system between the steps for a larger page

Find = Callable[[Gray, Ink | None, PageMap], Found]  # reads a page with its map, from this ink, or its own
Decide = Callable[[Found], list[Digit]]  # decides on the digits of a reading alone


class Reading(NamedTuple):
    """A reading of a page, compared with its map."""

    kind: str  # one of `trust.READINGS`, which says what its features mean
    found: Found
    digits: list[Digit]  # accepted and rejected
    marks: tuple[Box, ...]  # of numbers, that the map is sure about
    missed: tuple[Box, ...]  # places where the map shows digits that were not read
    page: PageMap  # the map
    features: Features = NO_FEATURES  # of the digits, see `FEATURES`

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which digits are accepted, (N,)."""
        return np.array([digit.status is Status.OK for digit in self.digits], np.bool_)


class View(NamedTuple):
    """A page, turned upright, with its map and what was read from the ink that the map selects."""

    gray: Gray
    turns: int  # quarter turns, counterclockwise, that were undone
    reading: Reading  # of that ink alone
    trust: NDArray[np.float64]  # of each digit, 0 to 1; 0 of a rejected one

    @property
    def page(self) -> PageMap:
        """The map."""
        return self.reading.page

    @property
    def marks(self) -> tuple[Box, ...]:
        """Marks of numbers that the map is sure about."""
        return self.reading.marks

    @property
    def expected(self) -> float:
        """Expected number of right digits less that of wrong and missed ones."""
        return check.score(self.trust[self.trust > 0], self.reading.missed)

    @property
    def upright(self) -> float:
        """The same, less what the map says for digits that are upside down."""
        return self.expected - BY_TURN * check.upside_down(self.page)

    @property
    def expected_upright(self) -> float:
        """The expected number of the digits that cannot be read upside down, of which rejected ones count as wrong."""
        pairs = zip(self.trust, self.reading.digits, strict=True)
        return float(sum(2 * chance - 1 for chance, digit in pairs if digit.label in ONE_WAY))

    @property
    def is_texture(self) -> bool:
        """Whether there is more ink than is read."""
        return _is_texture(self.reading.found)

    @property
    def is_clear(self) -> bool:
        """Whether hardly a digit is doubtful and no ink of a row was left out, or there is more ink than is read."""
        if self.is_texture:
            return True
        left_out = self.reading.found.ink.left_out
        return self.doubtful <= CLEAR_SHARE and not check.find_unread(self.reading.digits, left_out, self.marks)

    @property
    def doubtful(self) -> float:
        """Share of the digits, read or missed, that are not trusted; 1 if there are none."""
        missed = len(self.reading.missed)
        count = len(self.trust) + missed
        return (int((self.trust < CLEAR).sum()) + missed) / count if count else 1.0


class Readings(NamedTuple):
    """The readings of a page."""

    view: View
    all: list[Reading]  # that of the view alone if it is clear; else several, that of all ink first
    trusts: list[NDArray[np.float64]]  # of the digits of each, 0 to 1
    taken: int  # which of them is the best

    @property
    def found(self) -> Found:
        """The best reading, with how much each of its digits can be trusted."""
        view, reading = self.view, self.all[self.taken]
        if _is_texture(reading.found):
            return reading.found._replace(turns=view.turns, page=view.page)
        left_out: list[Dropped] = []
        if len(self.all) == 1:
            left_out = [(box, DropReason.NON_DIGIT) for box in check.find_other_ink(view.page, view.marks)]
        elif self.taken:
            left_out = _left_out(reading, self.all[0])
        return reading.found._replace(
            dropped=reading.found.dropped + left_out,
            trust=tuple(self.trusts[self.taken].tolist()),
            missed=reading.missed,
            marks=reading.marks,
            turns=view.turns,
            page=view.page,
        )

    @property
    def digits(self) -> list[list[Digit]]:
        """The digits of each reading with their trust, the best reading first.

        Those that were missed are unread, and a slash is a rejected 1: the two look alike.
        """
        found = []
        for reading, trust in zip(self.all, self.trusts, strict=True):
            pairs = zip(reading.digits, trust.tolist(), strict=True)
            digits = [digit._replace(trust=each) for digit, each in pairs]
            slashes = [mark.box for mark in name_marks(reading.marks, digits) if mark.text == SLASH]
            for box in reading.missed:
                digits = check.insert(digits, box)
            for box in slashes:
                digits = check.insert(digits, box, label=1)
            found.append(digits)
        return [found[self.taken], *(each for number, each in enumerate(found) if number != self.taken)]


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

    Where nothing can be read, the page is looked at again from a finer scale: a large shadow may hide low digits.

    page: the map of the page as it is, if it is known.
    """
    view, first = _view(gray, page or map_page(gray, network.run), 0, network, find, decide), FIRST
    if view.is_texture:
        return view
    if view.expected <= 0 and len(view.trust) <= FEW:
        closer = map_page(gray, network.run, CLOSER)
        if 0 < check.count_digits(closer) <= FEW:
            found = _view(gray, closer, 0, network, find, decide)
            if found.expected > 0 or check.is_sideways(closer):
                view, first = found, CLOSER
    if check.is_sideways(view.page):
        return max(
            (_turned_view(gray, turns, network, find, decide, first) for turns in SIDEWAYS),
            key=lambda each: each.upright,
        )
    shows_digits = bool(view.page.digits.max() > check.DIGIT)
    may_be_turned = shows_digits and check.upside_down(view.page) > MAY_BE_TURNED
    if may_be_turned or view.expected < DOUBTFUL * len(view.trust):
        other = _turned_view(gray, UPSIDE_DOWN, network, find, decide, first)
        if may_be_turned and other.upright > view.upright + UPRIGHT:
            return other
        if other.expected > view.expected and other.expected_upright > view.expected_upright + UPRIGHT:
            return other
    return view


def _turned_view(gray: Gray, turns: int, network: PageNetwork, find: Find, decide: Decide, first: int) -> View:
    """Return a page with quarter turns undone. first: as for `map_page`."""
    upright = np.ascontiguousarray(np.rot90(gray, -turns))
    return _view(upright, map_page(upright, network.run, first), turns, network, find, decide)


def _view(upright: Gray, page: PageMap, turns: int, network: PageNetwork, find: Find, decide: Decide) -> View:
    if upright.size > LARGE:
        give_back()
    reading = _read("clear", upright, select_ink(upright, page), page, find, decide)
    alone = np.zeros(len(reading.digits))
    reading = reading._replace(features=find_features(reading.digits, alone, page))
    trust = network.trust["clear"].find(reading.features)
    return View(upright, turns, reading, trust * reading.accepted)


def read_page(gray: Gray, network: PageNetwork, find: Find, decide: Decide, page: PageMap | None = None) -> Readings:
    """Return the readings of a page, the best of which is taken. page: as for `look`."""
    return _read_view(look(gray, network, find, decide, page), network, find, decide)


def read_upright(gray: Gray, network: PageNetwork, find: Find, decide: Decide) -> Readings:
    """Return the same of a page that is known to be upright."""
    return _read_view(_view(gray, map_page(gray, network.run), 0, network, find, decide), network, find, decide)


def _read_view(view: View, network: PageNetwork, find: Find, decide: Decide) -> Readings:
    if view.is_clear:
        return Readings(view, [view.reading], [view.trust], 0)
    scales = SCALES if view.doubtful >= MUCH and len(view.trust) <= MANY else ()
    readings = read_again(view, network, find, decide, scales)
    trusts = [network.trust[each.kind].find(each.features) for each in readings]
    scores = [
        check.score(trust[each.accepted], [*each.missed, *_rejected_alone(each, readings)])
        for each, trust in zip(readings, trusts, strict=True)
    ]
    counts = [int(each.accepted.sum()) for each in readings]
    return Readings(view, readings, trusts, 0 if _is_texture(readings[0].found) else check.choose(scores, counts))


def _rejected_alone(reading: Reading, readings: Sequence[Reading]) -> list[Box]:
    """Return the places of digits that a reading rejects and another one accepts."""
    rejected = [digit.box for digit in reading.digits if digit.status is not Status.OK]
    accepted = [digit.box for other in readings for digit in other.digits if digit.status is Status.OK]
    return [box for box, known in zip(rejected, check.are_among(rejected, accepted), strict=True) if known]


def read_again(
    view: View, network: PageNetwork, find: Find, decide: Decide, scales: Sequence[float] = SCALES
) -> list[Reading]:
    """Return the readings of all ink of a page and of the ink that its maps select: the one it has, and others.

    scales: of the other maps, as multiples of the scale of the first. Each reading is compared with the digits of all
    others.
    """
    if view.gray.size > LARGE:
        give_back()
    maps = [map_again(view.gray, view.page, times, network.run) for times in scales]
    readings = [
        _read("page", view.gray, None, view.page, find, decide),
        view.reading._replace(kind="map"),
        *(_read("map", view.gray, select_ink(view.gray, page), page, find, decide) for page in maps if page),
    ]
    return with_features(readings)


def with_features(readings: Sequence[Reading]) -> list[Reading]:
    """Return readings of a page with the features of their digits, for which each is compared with all others."""
    found = []
    for each in readings:
        others = [other.digits for other in readings if other is not each]
        confirmed = check.count_same(each.digits, others) / max(1, len(others))
        found.append(each._replace(features=find_features(each.digits, confirmed, each.page)))
    return found


def _read(kind: str, gray: Gray, ink: Ink | None, page: PageMap, find: Find, decide: Decide) -> Reading:
    """Return a reading of a page without its features. ink: None for all ink."""
    found = find(gray, ink, page)
    digits, marks = decide(found), tuple(check.find_marks(page))
    return Reading(kind, found, digits, marks, tuple(check.find_missed(digits, page, marks)), page)


def _is_texture(found: Found) -> bool:
    return any(reason == DropReason.TEXTURE for _, reason in found.dropped)


def _left_out(taken: Reading, first: Reading) -> list[Dropped]:
    """Return what the reading of all ink has and the one that is taken has not."""
    boxes = [digit.box for digit in first.digits]
    known = check.are_among(boxes, [digit.box for digit in taken.digits])
    others = [(box, DropReason.NON_DIGIT) for box, is_known in zip(boxes, known, strict=True) if not is_known]
    return first.found.dropped + others


def apply(digits: list[Digit], found: Found) -> tuple[list[Digit], tuple[Mark, ...], list[Dropped]]:
    """Reject digits that cannot be trusted and add unread ones.

    Returns the digits, the marks of their numbers, and what else is dropped: probable non-digits, and unread places
    of a page without accepted digits on which the map is not sure of a digit.
    """
    digits, others = check.reject(digits, found.trust or ())
    dropped = [(digit.box, DropReason.NON_DIGIT) for digit in others]
    are_accepted, page = any(digit.status is Status.OK for digit in digits), found.page
    for box in found.missed:
        if are_accepted or (page and page.most(box) >= SURE):
            digits = check.insert(digits, box)
        else:
            dropped.append((box, DropReason.UNREAD))
    return digits, tuple(name_marks(found.marks, digits)) if are_accepted else (), dropped
