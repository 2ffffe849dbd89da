"""Statistics of the results: intervals, comparisons of two models on the same digits, calibration, and targets."""

from math import comb, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bench.repeats import Repeated

LABELS = NDArray[np.integer]
CALIBRATION_BINS = 15


class Comparison(NamedTuple):
    """Two models on the same digits."""

    first_only: int  # digits that the first alone reads right
    second_only: int  # digits that the second alone reads right
    p: float  # probability of a difference at least as large between two equally good models: 0 to 1


def target(what: str, most: float, ratio: Repeated) -> dict[str, Any]:
    """Return a target, that a ratio is at most `most`, and the measured ratio, ready for JSON."""
    median = ratio["median"]
    return {"what": what, "most": most, "ratio": median, "met": median <= most, "noisy": ratio["noisy"]}


def wilson(right: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share of `right` out of `total`, as fractions.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, slack = right / total, z**2 / total
    middle = (share + slack / 2) / (1 + slack)
    reach = z * sqrt(share * (1 - share) / total + slack / (4 * total)) / (1 + slack)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error of N answers: 0 to 1.

    confidence: (N,), 0 to 1; right: (N,). Over bins of equal width, the difference between mean confidence and share
    of right answers, weighted by the answers in the bin. M. P. Naeini, G. F. Cooper, M. Hauskrecht: "Obtaining well
    calibrated probabilities using Bayesian binning", AAAI 2015; with 15 bins as C. Guo and others, ICML 2017.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, confidence, bins) - np.bincount(place, right, bins)
    return float(np.abs(gaps).sum() / len(right))


def mcnemar(first: LABELS, second: LABELS, true: LABELS) -> Comparison:
    """Compare two models' labels of N digits with the true ones, all of shape (N,).

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947, in
    its exact form: were the models equally good, each digit that only one of them reads right would be a fair coin's
    toss.
    """
    b = int(np.sum((first == true) & (second != true)))
    c = int(np.sum((first != true) & (second == true)))
    tail = sum(comb(b + c, heads) for heads in range(min(b, c) + 1))
    return Comparison(b, c, min(1.0, 2 * tail / 2 ** (b + c)))
