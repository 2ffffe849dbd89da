"""How sure a figure is: an interval for one model, and whether two models differ, on the same digits."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # standard normal quantile: 95 % lie within as many standard deviations
LABELS = NDArray[np.integer]


class Comparison(NamedTuple):
    """Two models on the same digits."""

    first_only: int  # digits that the first alone reads right
    second_only: int  # digits that the second alone reads right
    p: float  # probability of a difference at least as large between two equally good models: 0 to 1


def wilson(right: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return the interval of a share of `right` out of `total`, as fractions; 95 % unless `z` says otherwise.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927:
    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    share, square = right / total, z * z / total
    middle = share + square / 2
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))


def mcnemar(first: LABELS, second: LABELS, true: LABELS) -> Comparison:
    """Compare two models' labels of N digits with the true ones, all of shape (N,).

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947, in
    its exact form: were the models equally good, each digit that only one of them reads right would be a fair coin's
    toss. p = min(1, 2 * sum over k = 0..min(b, c) of C(b+c, k) / 2^(b+c)).
    """
    b = int(np.sum((first == true) & (second != true)))
    c = int(np.sum((first != true) & (second == true)))
    # Whole numbers until the end: nothing is rounded on the way.
    tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1))
    return Comparison(b, c, min(1.0, 2 * tail / 2 ** (b + c)))
