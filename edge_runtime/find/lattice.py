"""The lattice of a row: pieces of ink, their joins as candidate digits, and the best path through the row.

This is the classic lattice of over-segmentation (Casey and Lecolinet, 1996, doi:10.1109/34.506792): every join of a few
neighbouring pieces is a candidate digit, a piece may also be skipped (a separator, a speck), and the result is the path
of least cost. Costs depend on the classifier's confidence and on the shape of digits.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Box, Classification, Gray, bounding_box

JOIN = 8  # pieces in one candidate at most, without small ones
RUN = 24  # pieces in one candidate at most, with small ones
WIDE = 1.6  # heights: the largest width of a digit of several pieces
WIDEST = 5.0  # heights: the largest width of a digit of a single piece
LOW = 0.35  # share of the row's height: the least height of a digit
SMALL = 0.4  # share of the row's height: a blob smaller in both directions need not be part of the digit around it
MARGIN = 0.25  # share of a candidate's longer side: paper around its crop

# Natural logarithm of a digit's width over its height: mean and standard deviation by label, of the 60,000 MNIST
# training digits.
ASPECT = np.array([-0.11, -0.98, -0.08, -0.25, -0.26, -0.08, -0.35, -0.28, -0.30, -0.42])
ASPECT_SPREAD = np.array([0.21, 0.48, 0.23, 0.22, 0.22, 0.27, 0.22, 0.22, 0.23, 0.21])


class Costs(NamedTuple):
    """The costs of a path, in units of -log probability. Tuned on generated pages."""

    doubt: float = 3.0  # times -log of the probability of the label
    most_doubt: float = 6.0  # upper bound of that logarithm
    aspect: float = 1.0  # times half the squared deviation beyond 1 standard deviation from the aspect of the label
    most_aspect: float = 20.0
    height: float = 3.0  # the same for the height of a digit compared with the row's
    most_height: float = 8.0
    cut: float = 0.7  # for a cut through ink on the left
    cut_ink: float = 0.4  # plus this for each stroke width of ink
    join: float = 0.5  # for each seam between blobs inside a digit
    gap: float = 20.0  # plus this for each height of paper between them
    side_by_side: float = 6.0  # plus this where both are as high as digits
    digit: float = -0.5  # for each digit
    skip: float = 12.0  # for skipping a piece as high as a digit
    least_skip: float = 0.4  # for skipping a speck
    skip_from: float = 0.4  # heights: skipping a larger piece costs more than skipping a speck


class ClassifiedCrop(NamedTuple):
    """A crop and its classification."""

    image: Gray  # (28, 28), normalised
    reading: Classification  # of this image alone


class Piece(NamedTuple):
    """Ink at the scale of its row."""

    ink: Gray  # (height, width), strength, 0 outside the piece
    x: int  # top left corner in the row
    y: int
    blob: int  # number of its blob in the row
    cut: float  # stroke widths of ink crossed by the cut on its left; 0 at the edge of a blob
    whole: bool  # an uncut blob
    seen: ClassifiedCrop | None = None  # its classification as a single digit, if known
    sure: bool = False  # certainly a digit by itself

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
    without: tuple[int, ...]  # small pieces among them that are not part of it
    box: Box  # in the row, at its scale


def joins(pieces: list[Piece], height: float, apart: bool = False) -> Iterator[Candidate]:
    """Yield every join of neighbouring pieces that can be one digit, with and without the small pieces among them.

    apart: do not join pieces that are sure digits by themselves.
    """
    small = [piece.whole and max(piece.ink.shape) < SMALL * height for piece in pieces]
    sides = [(piece.x, piece.y, piece.right, piece.bottom) for piece in pieces]
    for first in range(len(pieces)):
        left, top, right, bottom = sides[first]
        rest: list[int] = []  # the pieces that are not small
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
                yield Candidate(first, last, without, bounding_box([pieces[index].box for index in rest]))


def members(candidate: Candidate, pieces: list[Piece]) -> list[Piece]:
    """Return the pieces of a candidate."""
    span = range(candidate.first, candidate.last)
    return [pieces[index] for index in span if index not in candidate.without]


def crop_size(box: Box) -> tuple[int, int]:
    """Return the height and width in pixels of a candidate's crop."""
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
    """Return the cost of taking each candidate for a digit, whatever its label: float64 (n,)."""
    tall = np.log(np.array([candidate.box.height for candidate in candidates]) / height)
    total = costs.digit + np.minimum(
        costs.height * 0.5 * np.maximum(np.abs(tall) / HEIGHT_SPREAD - 1, 0) ** 2, costs.most_height
    )
    cut = np.array([pieces[candidate.first].cut for candidate in candidates])
    total += np.where(cut > 0, costs.cut + costs.cut_ink * cut, 0)
    total += [_seam_cost(members(candidate, pieces), height, costs) for candidate in candidates]
    return np.asarray(total, np.float64)


def aspects(candidates: list[Candidate]) -> NDArray[np.float64]:
    """Return the logarithm of the width over the height of each candidate: float64 (n,)."""
    shapes = np.array([candidate.box.width / candidate.box.height for candidate in candidates])
    return np.asarray(np.log(shapes), np.float64)


def label_costs(
    aspect: NDArray[np.float64], labels: NDArray[np.int64], confidence: NDArray[np.float32], costs: Costs
) -> NDArray[np.float64]:
    """Return the additional cost of a label for each candidate: float64 (n,). aspect, labels, confidence: (n,)."""
    doubt = np.minimum(-np.log(np.maximum(confidence.astype(np.float64), 1e-9)), costs.most_doubt)
    off = (aspect - ASPECT[labels]) / ASPECT_SPREAD[labels]
    off[(labels == 1) & (off < 0)] = 0  # a 1 may be as narrow as the pen
    apart = np.minimum(costs.aspect * 0.5 * np.maximum(np.abs(off) - 1, 0) ** 2, costs.most_aspect)
    return np.asarray(costs.doubt * doubt + apart, np.float64)


HIGH, OVER = 0.6, 0.5  # heights, share of the narrower one: higher blobs that overlap less horizontally are two digits
HEIGHT_SPREAD = 0.25  # standard deviation of log(height of a digit / height of the row)


def skip_costs(pieces: list[Piece], height: float, costs: Costs) -> NDArray[np.float64]:
    """Return the cost of skipping each piece, by its size: high for a digit, low for a dot or a dash: float64 (n,)."""
    sizes = np.array([max(piece.ink.shape[0], 0.7 * piece.ink.shape[1]) for piece in pieces]) / height
    share = np.clip((sizes - costs.skip_from) / (1 - costs.skip_from), 0, 1)
    return np.asarray(costs.least_skip + costs.skip * np.sqrt(share), np.float64)


def best_path(candidates: list[Candidate], taken: NDArray[np.float64], skipped: NDArray[np.float64]) -> list[int]:
    """Return the indices of the candidates on the cheapest path through a row, from left to right.

    taken: the cost of each candidate, (candidates,). skipped: the cost of skipping each piece, (pieces,).
    """
    count = len(skipped)
    ending: list[list[int]] = [[] for _ in range(count + 1)]
    for index, candidate in enumerate(candidates):
        ending[candidate.last].append(index)
    total = [0.0] * (count + 1)
    came: list[tuple[int, int]] = [(0, -1)] * (count + 1)  # previous piece and candidate; -1: the piece is skipped
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


def path_at_places(
    candidates: list[Candidate],
    taken: NDArray[np.float64],
    skipped: NDArray[np.float64],
    places: NDArray[np.float64],
    reach: float,
) -> list[int]:
    """Return the cheapest path through a row that has exactly one candidate at each of the given places.

    taken: the cost of each candidate as each of the digits, (candidates, digits). skipped: as for `best_path`. places:
    the middles of the digits, pixels from the left of the row, increasing. reach: pixels, the largest distance of a
    candidate's middle from its place. Returns an empty list if there is no such path.
    """
    count, digits = len(skipped), len(places)
    ending: list[list[tuple[int, int]]] = [[] for _ in range(count + 1)]
    for index, candidate in enumerate(candidates):
        middle = candidate.box.x + candidate.box.width / 2
        for digit in np.flatnonzero(np.abs(places - middle) <= reach).tolist():
            ending[candidate.last].append((index, digit))
    total = np.full((count + 1, digits + 1), np.inf)
    total[0, 0] = 0
    came: dict[tuple[int, int], int] = {}  # the candidate; absent: the piece is skipped
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


def _seam_cost(pieces: list[Piece], height: float, costs: Costs) -> float:
    """Return the cost of joining different blobs into one digit."""
    total = 0.0
    for one, other in pairwise(pieces):
        if one.blob != other.blob:
            apart = other.x - one.right
            total += costs.join + costs.gap * max(0, apart) / height
            # Parts of a broken digit are low or lie one above the other; two high blobs side by side are two digits.
            low = min(one.ink.shape[0], other.ink.shape[0]) / height
            over = -apart / min(one.ink.shape[1], other.ink.shape[1])
            if low > HIGH and over < OVER:
                total += costs.side_by_side
    return total
