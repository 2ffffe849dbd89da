"""Pieces of ink in a row, their joins as candidate digits, and the best way through the row.

The classic lattice of reading by over-segmentation (Casey and Lecolinet, 1996, doi:10.1109/34.506792): every join of a
few neighbouring pieces is a candidate digit, a piece may also be nothing (a separator, a speck), and the path of least
cost, by the classifier's confidence and by a digit's shape, is what is read.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Box, Classification, Gray

JOIN = 8  # pieces in one candidate, at most, not counting small ones
RUN = 24  # pieces in one candidate, at most, with small ones
WIDE = 1.6  # heights: no digit of several pieces is wider
WIDEST = 5.0  # heights: nor is one of a single piece, at any cost
LOW = 0.35  # of the row's height: no digit is lower
SMALL = 0.4  # of the row's height: a blob with less, both ways, may lie in a digit's box and be no part of it
MARGIN = 0.25  # of a candidate's longer side: paper around it

# A digit's width over its height, as a natural logarithm: mean and standard deviation by label, of 60,000 MNIST
# training digits.
ASPECT = np.array([-0.11, -0.98, -0.08, -0.25, -0.26, -0.08, -0.35, -0.28, -0.30, -0.42])
ASPECT_SPREAD = np.array([0.21, 0.48, 0.23, 0.22, 0.22, 0.27, 0.22, 0.22, 0.23, 0.21])


class Costs(NamedTuple):
    """What the path pays, in units of -log probability. Chosen on generated pages."""

    doubt: float = 3.0  # times -log of the label's probability
    most_doubt: float = 6.0  # the most of that logarithm
    aspect: float = 1.0  # times half the square of the deviations over one from the label's aspect
    most_aspect: float = 20.0
    height: float = 3.0  # the same of a digit's height from the row's
    most_height: float = 8.0
    cut: float = 0.7  # for a cut on the left that goes through ink
    cut_ink: float = 0.4  # and for each stroke width of it
    join: float = 0.5  # for each seam between blobs inside of a digit
    gap: float = 20.0  # and for each height of paper there
    side_by_side: float = 6.0  # and where both are as high as digits
    digit: float = -0.5  # for each digit
    skip: float = 12.0  # to leave out a piece as high as a digit
    least_skip: float = 0.4  # to leave out a speck
    skip_from: float = 0.4  # heights: larger pieces cost more than a speck


class Seen(NamedTuple):
    """What a classifier says of a crop."""

    image: Gray  # (28, 28), normalised
    reading: Classification  # of this one image


class Piece(NamedTuple):
    """Ink at the row's own scale."""

    ink: Gray  # (height, width), strength, 0 outside of the piece
    x: int  # its corner in the row
    y: int
    blob: int  # which blob of the row it is of
    cut: float  # stroke widths of ink that the cut on its left crosses; 0 at a blob's own edge
    whole: bool  # it is a blob as it was found
    seen: Seen | None = None  # how it reads by itself, where that was asked
    sure: bool = False  # it reads so well by itself that it is a digit

    @property
    def right(self) -> int:
        return self.x + int(self.ink.shape[1])

    @property
    def bottom(self) -> int:
        return self.y + int(self.ink.shape[0])

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, int(self.ink.shape[1]), int(self.ink.shape[0]))


class Candidate(NamedTuple):
    """Pieces first .. last-1 of a row, joined."""

    first: int
    last: int
    without: tuple[int, ...]  # small pieces among them that are left out
    box: Box  # in the row, at its scale


def joins(pieces: list[Piece], height: float, apart: bool = False) -> Iterator[Candidate]:
    """Yield every join of neighbours that can be one digit, with the small pieces among them and without.

    apart: pieces that are sure digits by themselves join no others.
    """
    small = [piece.whole and max(piece.ink.shape) < SMALL * height for piece in pieces]
    sides = [(piece.x, piece.y, piece.right, piece.bottom) for piece in pieces]
    for first in range(len(pieces)):
        left, top, right, bottom = sides[first]
        rest: list[int] = []  # those that are not small
        for last in range(first + 1, min(first + RUN, len(pieces)) + 1):
            if apart and last > first + 1 and (pieces[first].sure or pieces[last - 1].sure):
                break
            x, y, x_end, y_end = sides[last - 1]
            left, top, right, bottom = min(left, x), min(top, y), max(right, x_end), max(bottom, y_end)
            if not small[last - 1]:
                rest.append(last - 1)
            wide, tall = right - left, max(height, bottom - top)
            if (last > first + 1 and (len(rest) > JOIN or wide > WIDE * tall)) or wide > WIDEST * tall:
                break
            if bottom - top < LOW * height:
                continue
            yield Candidate(first, last, (), Box(left, top, wide, bottom - top))
            if rest and not small[first] and not small[last - 1] and len(rest) < last - first:
                without = tuple(index for index in range(first, last) if small[index])
                yield Candidate(first, last, without, around([pieces[index].box for index in rest]))


def around(boxes: list[Box]) -> Box:
    """Return the smallest box around one box or more."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def members(candidate: Candidate, pieces: list[Piece]) -> list[Piece]:
    """The pieces that a candidate is made of."""
    span = range(candidate.first, candidate.last)
    return [pieces[index] for index in span if index not in candidate.without]


def crop_size(box: Box) -> tuple[int, int]:
    """Return the height and width of a candidate's crop, pixels."""
    edge = _edge(box)
    return box.height + 2 * edge, box.width + 2 * edge


def _edge(box: Box) -> int:
    return 1 + round(MARGIN * max(box.width, box.height))


def crop(candidate: Candidate, pieces: list[Piece]) -> Gray:
    """Return a candidate's ink with paper around it: uint8 (height, width), bright on 0."""
    box, edge = candidate.box, _edge(candidate.box)
    canvas = np.zeros(crop_size(box), np.uint8)
    for piece in members(candidate, pieces):
        top, left = piece.y - box.y + edge, piece.x - box.x + edge
        window = canvas[top : top + piece.ink.shape[0], left : left + piece.ink.shape[1]]
        np.maximum(window, piece.ink, out=window)
    return canvas


def join_costs(candidates: list[Candidate], pieces: list[Piece], height: float, costs: Costs) -> NDArray[np.float64]:
    """What it costs to take each candidate for a digit, whichever it is: float64 (n,)."""
    tall = np.log(np.array([candidate.box.height for candidate in candidates]) / height)
    total = costs.digit + np.minimum(
        costs.height * 0.5 * np.maximum(np.abs(tall) / HEIGHT_SPREAD - 1, 0) ** 2, costs.most_height
    )
    cut = np.array([pieces[candidate.first].cut for candidate in candidates])
    total += np.where(cut > 0, costs.cut + costs.cut_ink * cut, 0)
    total += [_seams(members(candidate, pieces), height, costs) for candidate in candidates]
    return np.asarray(total, np.float64)


def aspects(candidates: list[Candidate]) -> NDArray[np.float64]:
    """The logarithm of each candidate's width over its height: float64 (n,)."""
    shapes = np.array([candidate.box.width / candidate.box.height for candidate in candidates])
    return np.asarray(np.log(shapes), np.float64)


def label_costs(
    aspect: NDArray[np.float64], labels: NDArray[np.int64], confidence: NDArray[np.float32], costs: Costs
) -> NDArray[np.float64]:
    """What it costs besides to take each candidate for a label: float64 (n,). aspect, labels, confidence: (n,)."""
    doubt = np.minimum(-np.log(np.maximum(confidence.astype(np.float64), 1e-9)), costs.most_doubt)
    off = (aspect - ASPECT[labels]) / ASPECT_SPREAD[labels]
    off[(labels == 1) & (off < 0)] = 0  # as narrow as the pen
    apart = np.minimum(costs.aspect * 0.5 * np.maximum(np.abs(off) - 1, 0) ** 2, costs.most_aspect)
    return np.asarray(costs.doubt * doubt + apart, np.float64)


HIGH, OVER = 0.6, 0.5  # heights, and shares of the narrower one: blobs higher and less over one another are two digits
HEIGHT_SPREAD = 0.25  # of the logarithm of a digit's height over the row's


def skip_costs(pieces: list[Piece], height: float, costs: Costs) -> NDArray[np.float64]:
    """What it costs to take each piece for nothing, by its size: a digit is a loss, a dot or a dash is none."""
    sizes = np.array([max(piece.ink.shape[0], 0.7 * piece.ink.shape[1]) for piece in pieces]) / height
    share = np.clip((sizes - costs.skip_from) / (1 - costs.skip_from), 0, 1)
    return np.asarray(costs.least_skip + costs.skip * np.sqrt(share), np.float64)


def best_path(candidates: list[Candidate], taken: NDArray[np.float64], skipped: NDArray[np.float64]) -> list[int]:
    """Return the numbers of the candidates on the cheapest way through a row, from left to right.

    taken: what each candidate costs, (candidates,); skipped: what each piece costs that is left out, (pieces,).
    """
    count = len(skipped)
    ending: list[list[int]] = [[] for _ in range(count + 1)]
    for index, candidate in enumerate(candidates):
        ending[candidate.last].append(index)
    total = [0.0] * (count + 1)
    came: list[tuple[int, int]] = [(0, -1)] * (count + 1)  # from where, by which candidate; -1: left out
    for last in range(1, count + 1):
        total[last], came[last] = total[last - 1] + float(skipped[last - 1]), (last - 1, -1)
        for index in ending[last]:
            candidate = candidates[index]
            cost = total[candidate.first] + float(taken[index]) + sum(float(skipped[out]) for out in candidate.without)
            if cost < total[last]:
                total[last], came[last] = cost, (candidate.first, index)
    path = []
    at = count
    while at > 0:
        at, index = came[at]
        if index >= 0:
            path.append(index)
    return path[::-1]


def spelt_path(
    candidates: list[Candidate],
    taken: NDArray[np.float64],
    skipped: NDArray[np.float64],
    places: NDArray[np.float64],
    reach: float,
) -> list[int]:
    """Return the cheapest way through a row on which there are so many digits and each is in its place.

    taken: what each candidate costs as each of the digits, (candidates, digits). places: where the digits are, pixels
    of the row from its left, rising; a candidate's middle is no further from its own than `reach`. Empty where there
    is no such way.
    """
    count, digits = len(skipped), len(places)
    ending: list[list[tuple[int, int]]] = [[] for _ in range(count + 1)]
    for index, candidate in enumerate(candidates):
        middle = candidate.box.x + candidate.box.width / 2
        for digit in np.flatnonzero(np.abs(places - middle) <= reach).tolist():
            ending[candidate.last].append((index, digit))
    total = np.full((count + 1, digits + 1), np.inf)
    total[0, 0] = 0
    came: dict[tuple[int, int], int] = {}  # by which candidate; absent: a piece was left out
    for last in range(1, count + 1):
        total[last] = total[last - 1] + skipped[last - 1]
        for index, digit in ending[last]:
            candidate = candidates[index]
            cost = total[candidate.first, digit] + taken[index, digit] + skipped[list(candidate.without)].sum()
            if cost < total[last, digit + 1]:
                total[last, digit + 1] = cost
                came[last, digit + 1] = index
    if not np.isfinite(total[count, digits]):
        return []
    path = []
    last, digit = count, digits
    while last > 0:
        found = came.get((last, digit))
        if found is None:
            last -= 1
        else:
            path.append(found)
            last, digit = candidates[found].first, digit - 1
    return path[::-1]


def _seams(pieces: list[Piece], height: float, costs: Costs) -> float:
    """What it costs that different blobs are to be one digit."""
    total = 0.0
    for one, other in pairwise(pieces):
        if one.blob != other.blob:
            apart = other.x - one.right
            total += costs.join + costs.gap * max(0, apart) / height
            # Parts of a broken digit are low, or one over the other; two high ones side by side are two digits.
            low = min(one.ink.shape[0], other.ink.shape[0]) / height
            over = -apart / min(one.ink.shape[1], other.ink.shape[1])
            if low > HIGH and over < OVER:
                total += costs.side_by_side
    return total
