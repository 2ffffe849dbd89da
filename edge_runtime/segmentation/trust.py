"""How much each digit of a page can be trusted: the probability that it is right.

A network of one hidden layer of rectified linear units gives it, from the features below. Its weights were fitted on
generated pages by `python -m export.trust`, for each of the readings of a page, and are in a file of the page bundle:
for each of `READINGS` those of the hidden layer and those of the output, float32, little-endian, row by row.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Bundle, model_file
from edge_runtime.errors import ModelError
from edge_runtime.segmentation.maps import PER_CELL, PageMap, cover
from edge_runtime.segmentation.outputs import Kind
from edge_runtime.types import Box, Digit

# Of a page: of the ink that its map selects, by itself; of all ink; and of the selected ink beside that reading.
READINGS = ("clear", "page", "map")
FEATURES = (
    "share",  # logarithm of the odds of digits in the ink of its box
    "shown",  # logarithm of the probability of its label in the map
    "doubt",  # logarithm of what its confidence lacks
    "confirmed",  # share of the other readings that have the same digit
    "size",  # logarithm of its height by the median of its row, without the sign
    "alone",  # 1 if it is the only one of its row
    "row",  # mean share of its row
    "page",  # mean share of the page
    "height",  # logarithm of its height by that of the page
    "beside",  # logarithm of other ink by that of digits, on the page
    "certain",  # highest probability of a digit in its box
    "inside",  # mean probability of other ink in its box
    "around",  # the same of other ink around it, times the squares of the box
    "density",  # mean probability of a digit in its box
    "shape",  # logarithm of its width by its height
    *(f"is {label}" for label in range(10)),
)
UNITS = 16  # of the hidden layer
AROUND = 0.5  # heights: margin of a box, within which ink is around it
UNFITTED = 0.98  # probability without weights
NAME = "trust.bin"  # file of the weights
REPAIR = "run python -m export.trust"

Features = NDArray[np.float64]  # (N, 25)


class Trust(NamedTuple):
    """The weights of the network. The last row of each array has the constants."""

    hidden: NDArray[np.float64]  # (26, 16)
    output: NDArray[np.float64]  # (17,)

    def find(self, features: Features) -> NDArray[np.float64]:
        """Return the probability that each digit is right, (N,), 0 to 1."""
        units = np.maximum(features @ self.hidden[:-1] + self.hidden[-1], 0)
        return np.asarray(1 / (1 + np.exp(-(units @ self.output[:-1] + self.output[-1]))), np.float64)


def always(chance: float) -> Trust:
    """Return weights that give each digit the same probability, over 0 and under 1."""
    output = np.zeros(UNITS + 1)
    output[-1] = np.log(chance / (1 - chance))
    return Trust(np.zeros((len(FEATURES) + 1, UNITS)), output)


def load_trust(bundle: Bundle) -> dict[str, Trust]:
    """Return the weights of each reading; without any in the manifest, all digits are trusted. Raises ModelError."""
    entry = bundle.manifest.get("trust")
    if entry is None:
        return {name: always(UNFITTED) for name in READINGS}
    try:
        file = model_file(entry["weights"], bundle.folder)
    except (LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"the entry trust of {bundle.name} is invalid ({error!r}): {REPAIR}") from error
    rows, each = len(FEATURES) + 1, (len(FEATURES) + 1) * UNITS + UNITS + 1
    if file.size != 4 * each * len(READINGS):
        raise ModelError(f"{file.path} does not have the size of {len(READINGS)} sets of {each} weights: {REPAIR}")
    weights = np.frombuffer(file.load(), "<f4").astype(np.float64).reshape(len(READINGS), each)
    if not np.isfinite(weights).all():
        raise ModelError(f"{file.path} has weights that are not finite: {REPAIR}")
    hidden, output = weights[:, : rows * UNITS].reshape(-1, rows, UNITS), weights[:, rows * UNITS :]
    return {name: Trust(*pair) for name, *pair in zip(READINGS, hidden, output, strict=True)}


def pack(trust: Mapping[str, Trust]) -> bytes:
    """Return the bytes of the file."""
    return b"".join(part.astype("<f4").tobytes() for name in READINGS for part in trust[name])


def find_features(digits: Sequence[Digit], confirmed: NDArray[np.float64], page: PageMap) -> Features:
    """Return the features of N digits with labels, (N, 25), in the order of `FEATURES`.

    confirmed: (N,), the share of the other readings that have the same digit.
    """
    if not digits:
        return np.zeros((0, len(FEATURES)))
    boxes = [digit.box for digit in digits]
    sides = np.array(boxes, np.float64)
    width, height = sides[:, 2], sides[:, 3]
    share, certain, inside, around, density = _find_ink(boxes, page).T
    odds = np.log(share / (1 - share))
    labels = np.array([digit.label or 0 for digit in digits])
    rows = np.array([-1 if digit.row is None else digit.row for digit in digits])
    heights, row_odds, alone = np.empty(len(digits)), np.empty(len(digits)), np.empty(len(digits))
    for row in np.unique(rows):
        members = rows == row
        heights[members], row_odds[members] = np.median(height[members]), odds[members].mean()
        alone[members] = members.sum() == 1
    other_ink = float(np.log((page.kinds[..., Kind.OTHER].sum() + 1) / (page.digits.sum() + 1)))
    every = np.ones(len(digits))
    columns = (
        odds,
        np.log(find_labels(boxes, page)[np.arange(len(digits)), labels] + 0.01),
        np.log(1 - np.array([digit.confidence for digit in digits]) + 1e-3),
        confirmed,
        np.abs(np.log(height / heights)),
        alone,
        row_odds,
        odds.mean() * every,
        np.log(height / (page.kinds.shape[0] / page.scale)),
        other_ink * every,
        certain,
        inside,
        around,
        density,
        np.log(width / height),
    )
    return np.column_stack([*columns, np.eye(10)[labels]])


def _find_ink(boxes: Sequence[Box], page: PageMap) -> NDArray[np.float64]:
    """Return what each box holds, (N, 5): `share`, 0.01 to 0.99, and four features of the ink in it and around it."""
    digits, other, background = page.digits, page.kinds[..., Kind.OTHER], page.kinds[..., Kind.BACKGROUND]
    found = []
    for box in boxes:
        here, wider = page.squares(box), page.squares(box, AROUND * box.height)
        area = box.width * box.height * page.scale**2 + 1
        ink, digit, inside = float((1 - background[here]).sum()), float(digits[here].sum()), float(other[here].sum())
        share = min(max(digit / ink, 0.01), 0.99) if ink > 0 else 0.99
        around = float(other[wider].sum()) - inside
        found.append((share, float(digits[here].max()), inside / area, around / area, digit / area))
    return np.array(found, np.float64)


def find_labels(boxes: Sequence[Box], page: PageMap) -> NDArray[np.float64]:
    """Return the probability of each label that the map shows in each box, (N, 10)."""
    rows, columns = page.labels.shape[:2]
    weights = page.kinds[..., Kind.DIGIT].reshape(rows, PER_CELL, columns, PER_CELL).mean((1, 3))[..., np.newaxis]
    logs = np.log(page.labels + 1e-4)
    found = np.zeros((len(boxes), page.labels.shape[2]))
    for number, box in enumerate(boxes):
        around = cover(box, page.scale / PER_CELL, (rows, columns))
        here = weights[around] + 1e-4
        mean = (logs[around] * here).sum((0, 1)) / here.sum()
        found[number] = np.exp(mean - mean.max())
    return np.asarray(found / found.sum(1, keepdims=True), np.float64)
