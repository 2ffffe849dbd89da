"""CTC decoding: from the network's outputs for each column of a line to digits.

A digit covers several columns; the non-digit class plays the part of the CTC blank and separates equal digits.

After A. Graves and others: "Connectionist temporal classification", ICML 2006.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import NON_DIGIT

LEAST = 1e-30  # probability: lower bound, so that its logarithm is finite

Labels = NDArray[np.intp]  # (N,), 0..9
Floats = NDArray[np.floating[Any]]


class Decoded(NamedTuple):
    """N digits, from left to right."""

    labels: Labels
    columns: NDArray[np.float64]  # (N, 11), log probabilities in the most likely column of each digit
    middles: NDArray[np.float64]  # (N,), columns from the left edge


class _Places(NamedTuple):
    """N digits and the columns that they cover in one view of a line."""

    labels: Labels
    starts: NDArray[np.intp]  # (N,), the first column of each
    ends: NDArray[np.intp]  # (N,), one after the last column of each

    def middles(self) -> NDArray[np.float64]:
        return (self.starts + self.ends) / 2


def decode(logits: Floats) -> Decoded:
    """Decode one line, given in one view or several: logits (views, columns, 11). See `decode_all`."""
    return decode_all(logits[np.newaxis])[0]


def decode_all(logits: Floats) -> list[Decoded]:
    """Decode N lines, each given in the same number of views: logits (N, views, columns, 11).

    The greedy reading of each view is a candidate; the candidate that is most likely in all views together is chosen.
    Each view is then aligned with the chosen digits; the result has the mean log probabilities and the median places.
    """
    shifted = np.asarray(logits, np.float64) - logits.max(3, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(3, keepdims=True))
    runs = [[_runs(view) for view in line] for line in logs]
    chosen = _choose_readings(logs, runs)
    # The views with a different reading are aligned with the chosen one.
    others = [
        (line, view)
        for line, (labels, views) in enumerate(zip(chosen, runs, strict=True))
        for view, each in enumerate(views)
        if not np.array_equal(each.labels, labels)
    ]
    if others:
        placed = _align(np.stack([logs[place] for place in others]), [chosen[line] for line, _ in others])
        for (line, view), places in zip(others, placed, strict=True):
            runs[line][view] = places
    found = []
    for labels, line, views in zip(chosen, logs, runs, strict=True):
        columns = [view[_most_likely_columns(view, each)] for view, each in zip(line, views, strict=True)]
        found.append(Decoded(labels, np.mean(columns, 0), np.median([each.middles() for each in views], 0)))
    return found


def _choose_readings(logs: NDArray[np.float64], runs: list[list[_Places]]) -> list[Labels]:
    """Return for each line the greedy reading that is most likely in all of its views together."""
    # A dict keeps the order, so that the first of equals is chosen.
    reads = [list({tuple(each.labels.tolist()): None for each in views}) for views in runs]
    chosen = [each[0] for each in reads]
    doubted = [(line, labels) for line, each in enumerate(reads) if len(each) > 1 for labels in each]
    if doubted:
        lines = np.array([line for line, _ in doubted])
        views = logs.shape[1]
        every = np.exp(logs[lines]).reshape(-1, *logs.shape[2:])
        each_view = [np.array(labels, np.intp) for _, labels in doubted for _ in range(views)]
        likely = _forward(every, each_view).reshape(-1, views).sum(1)
        best: dict[int, float] = {}
        for (line, labels), value in zip(doubted, likely.tolist(), strict=True):
            if value > best.get(line, -np.inf):
                best[line], chosen[line] = value, labels
    return [np.array(labels, np.intp) for labels in chosen]


def likelihood(probabilities: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the log probability of a sequence of digits in each view, (views,), summed over all alignments.

    probabilities: (views, columns, 11).
    """
    return _forward(probabilities, [labels] * len(probabilities))


def _forward(probabilities: NDArray[np.float64], labels: list[Labels]) -> NDArray[np.float64]:
    """Return the log probability of each of N sequences of digits, (N,), each with its own probabilities.

    probabilities: (N, columns, 11). Uses the forward variables of Graves and others, scaled in every column.
    """
    states = _States(labels)
    emitted = np.where(states.used[:, np.newaxis], states.of(probabilities), 0.0)
    forward = np.zeros(emitted[:, 0].shape)
    forward[:, :2] = emitted[:, 0, :2]
    total = np.zeros(len(forward))
    for column in range(1, emitted.shape[1]):
        moved = forward.copy()
        moved[:, 1:] += forward[:, :-1]
        moved[:, 2:] += forward[:, :-2] * states.skips
        forward = moved * emitted[:, column]
        scale = np.maximum(forward.sum(1), LEAST)
        forward /= scale[:, np.newaxis]
        total += np.log(scale)
    ends = np.where(states.ends, forward, 0.0).sum(1)
    result: NDArray[np.float64] = total + np.log(np.maximum(ends, LEAST))
    return result


def _runs(logs: NDArray[np.float64]) -> _Places:
    """Return the greedy reading, the most likely class of each column, and the columns of its digits."""
    best = logs.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    digits = best[starts] != NON_DIGIT
    return _Places(best[starts][digits], starts[digits], ends[digits])


def _align(logs: NDArray[np.float64], labels: list[Labels]) -> list[_Places]:
    """Align each of N sequences of digits with its own columns, logs (N, columns, 11), with the Viterbi algorithm."""
    states = _States(labels)
    emitted = np.where(states.used[:, np.newaxis], states.of(logs), -np.inf)
    barred = np.where(states.skips, 0.0, -np.inf)
    score = np.full(emitted[:, 0].shape, -np.inf)
    score[:, :2] = emitted[:, 0, :2]
    steps = np.zeros(emitted.shape, np.intp)  # number of states by which each path advanced
    moves = np.full((3, *score.shape), -np.inf)
    for column in range(1, emitted.shape[1]):
        moves[0], moves[1, :, 1:], moves[2, :, 2:] = score, score[:, :-1], score[:, :-2] + barred
        steps[:, column] = moves.argmax(0)
        score = moves.max(0) + emitted[:, column]
    # A path may end in either of two states; if they are equal, the last one is chosen.
    final = np.where(states.ends, score, -np.inf)
    state = final.shape[1] - 1 - final[:, ::-1].argmax(1)
    numbers = np.arange(len(state))
    path = np.zeros(emitted.shape[:2], np.intp)
    for column in range(emitted.shape[1] - 1, -1, -1):
        path[:, column] = state
        state = state - steps[numbers, column, state]
    found = []
    for digits, each in zip(labels, path, strict=True):
        places = 2 * np.arange(len(digits)) + 1
        found.append(_Places(digits, np.searchsorted(each, places, "left"), np.searchsorted(each, places, "right")))
    return found


def _most_likely_columns(logs: NDArray[np.float64], places: _Places) -> list[int]:
    """Return for each digit the column in which it is most likely."""
    return [
        start + int(logs[start:end, label].argmax())
        for label, start, end in zip(*(each.tolist() for each in places), strict=True)
    ]


class _States:
    """The CTC states of N sequences of digits: a non-digit before, between and after the digits."""

    def __init__(self, labels: list[Labels]) -> None:
        lengths = np.array([2 * len(each) + 1 for each in labels])
        places = np.arange(lengths.max())
        self._digits = np.full((len(labels), len(places)), NON_DIGIT, np.intp)
        for row, each in zip(self._digits, labels, strict=True):
            row[1 : 2 * len(each) : 2] = each
        self.used = places < lengths[:, np.newaxis]  # (N, states): which states each sequence has
        self.ends = self.used & (places >= lengths[:, np.newaxis] - 2)  # states in which a path may end
        # Whether a state, from the third on, may follow the state two before it: only between different digits.
        self.skips = self._digits[:, 2:] != self._digits[:, :-2]

    def of(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value of each state in each column: (N, columns, 11) to (N, columns, states)."""
        return np.take_along_axis(columns, self._digits[:, np.newaxis], 2)
