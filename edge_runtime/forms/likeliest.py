"""The likeliest digits of a field, given its readings and what is known of it.

For each digit of a reading, its trust is the probability of its label. Half of the rest is the probability of a non-
digit; all labels share the other half as in the classifier. The probability of a text in a reading is the product,
and in all readings the mean, weighted by how probable each reading holds its likeliest text. A text that does not fit
what is known counts little, and one that fits a checksum by chance is rare; the result is that of Bayes' rule.
"""

import heapq
from collections.abc import Iterator, Sequence
from enum import StrEnum
from math import prod

import numpy as np

from edge_runtime.forms.checksums import CHECKSUMS
from edge_runtime.forms.form import Field
from edge_runtime.limits import FIELD_DIGITS
from edge_runtime.types import Digit, Status

NON_DIGIT = 0.5  # share of a non-digit in the doubt about a digit, 0 to 1
FLOOR = 1e-3  # probability that the classifier gives to all labels together at least, 0 to 1
LEAST = 0.01  # probability in a reading of a text that is considered, 0 to 1; the likeliest is always considered
BROKEN = 0.02  # probability that what is written does not fit what is known of the field, 0 to 1
UNREAD = "?"  # a digit without a label

Column = list[tuple[float, str]]  # what a digit may be, with probabilities, the likeliest first


class Misfit(StrEnum):
    """Why digits do not fit a field."""

    DIGITS = "wrong-digit-count"
    RANGE = "out-of-range"
    CHECKSUM = "wrong-checksum"
    UNREAD = "unread"


def choose(field: Field, readings: Sequence[Sequence[Digit]]) -> tuple[str, float, str]:
    """Return the likeliest digits that fit a field, the probability that they are right, and why none fit.

    readings: the digits of each, with their trust. If none fit, the text is empty and the probability 0.
    """
    probabilities = _probabilities([digits for digits in readings if 0 < len(digits) <= FIELD_DIGITS])
    if not probabilities:
        return "", 0.0, Misfit.DIGITS.value
    misfits = {text: find_misfit(field, text) for text in probabilities}
    fitting = {text: each for text, each in probabilities.items() if not misfits[text]}
    if not fitting:
        return "", 0.0, misfits[max(probabilities, key=lambda text: probabilities[text])]
    best = max(fitting, key=lambda text: fitting[text])
    by_chance = 1 / CHECKSUMS[field.checksum].one_in if field.checksum else 1.0
    # What is written fits with a probability of 1 - BROKEN, any other text with one of `by_chance`.
    broken = (sum(probabilities.values()) - sum(fitting.values())) * BROKEN * by_chance / (1 - BROKEN)
    unknown = max(0.0, 1 - sum(probabilities.values())) * by_chance
    return best, fitting[best] / (sum(fitting.values()) + broken + unknown), ""


def find_emptiness(digits: Sequence[Digit]) -> float:
    """Return the probability that a reading has no digit, 0 to 1; one that was not accepted may be a non-digit."""
    return prod(1 - (digit.trust if digit.status is Status.OK else 1 - NON_DIGIT) for digit in digits)


def find_misfit(field: Field, text: str) -> str:
    """Return why the digits of a text do not fit a field; empty if they do."""
    if UNREAD in text:
        return Misfit.UNREAD.value
    if not 0 < len(text) <= FIELD_DIGITS or field.length not in (None, len(text)):
        return Misfit.DIGITS.value
    if field.checksum:
        least, most = CHECKSUMS[field.checksum].lengths
        if not least <= len(text) <= most or not CHECKSUMS[field.checksum].agrees(text):
            return Misfit.CHECKSUM.value
    value = int(text) / 10**field.decimals
    low = field.minimum is not None and value < field.minimum
    high = field.maximum is not None and value > field.maximum
    return Misfit.RANGE.value if low or high else ""


def _probabilities(readings: Sequence[Sequence[Digit]]) -> dict[str, float]:
    """Return the probability of each text that is considered."""
    found = [_texts([_column(digit) for digit in digits]) for digits in readings]
    total = sum(max(texts.values()) for texts in found)
    mean: dict[str, float] = {}
    for texts in found:
        weight = max(texts.values()) / total
        for text, probability in texts.items():
            mean[text] = mean.get(text, 0.0) + weight * probability
    return mean


def _texts(columns: Sequence[Column]) -> dict[str, float]:
    """Return the likeliest texts of a reading with their probabilities."""
    texts: dict[str, float] = {}
    for probability, text in _in_order(columns):
        texts[text] = texts.get(text, 0.0) + probability
    return texts


def _in_order(columns: Sequence[Column]) -> Iterator[tuple[float, str]]:
    """Yield the products of one entry of each column, the likeliest first, until one is below `LEAST`."""
    first = (0,) * len(columns)
    queue = [(-float(np.prod([column[0][0] for column in columns])), first)]
    seen = {first}
    while queue:
        negative, places = heapq.heappop(queue)
        yield -negative, "".join(column[place][1] for column, place in zip(columns, places, strict=True))
        for number, (column, place) in enumerate(zip(columns, places, strict=True)):
            if place + 1 == len(column):
                continue
            probability = -negative * column[place + 1][0] / column[place][0]
            after = (*places[:number], place + 1, *places[number + 1 :])
            if probability >= LEAST and after not in seen:
                seen.add(after)
                heapq.heappush(queue, (-probability, after))


def _column(digit: Digit) -> Column:
    """Return what a digit may be."""
    if not digit.text:
        return [(1 - NON_DIGIT, UNREAD), (NON_DIGIT, "")]
    trust = digit.trust if digit.status is Status.OK else 0.0
    shares = np.array(digit.probabilities, np.float64) + FLOOR / 10
    shares *= (1 - NON_DIGIT) * (1 - trust) / shares.sum()
    shares[int(digit.text)] += trust
    found = [*zip(shares.tolist(), "0123456789", strict=True), (NON_DIGIT * (1 - trust), "")]
    return sorted((each for each in found if each[0] > 0), reverse=True)
