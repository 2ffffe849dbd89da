"""The columns of a line to digits: a digit covers several columns, and a non-digit is between two equal ones.

After A. Graves and others: "Connectionist temporal classification", ICML 2006.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import NONE

LEAST = 1e-30  # probability: of what is impossible, so that it has a logarithm

Labels = NDArray[np.intp]  # (N,), 0..9
Floats = NDArray[np.floating[Any]]


class Decoded(NamedTuple):
    """N digits, from the left."""

    labels: Labels
    columns: NDArray[np.float64]  # (N, 11), log probabilities where each is surest, the last one of no digit
    middles: NDArray[np.float64]  # (N,), columns from the left edge


class _Places(NamedTuple):
    """N digits along the columns of one way."""

    labels: Labels
    starts: NDArray[np.intp]  # (N,), the first column of each
    ends: NDArray[np.intp]  # (N,), the one after its last

    def middles(self) -> NDArray[np.float64]:
        return (self.starts + self.ends) / 2


def decode(logits: Floats) -> Decoded:
    """Read one line, seen in one way or several: logits (ways, columns, 11). See `decode_all`."""
    return decode_all(logits[np.newaxis])[0]


def decode_all(logits: Floats) -> list[Decoded]:
    """Read N lines, each seen in as many ways: logits (N, ways, columns, 11), the last of the 11 for a non-digit.

    Each way's likeliest reading column by column is compared in all ways; the likeliest in all of them together counts.
    Each way then says where it sees these digits, and how sure it is there; the mean counts, and the median place.
    """
    shifted = np.asarray(logits, np.float64) - logits.max(3, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(3, keepdims=True))
    runs = [[_runs(way) for way in line] for line in logs]
    chosen = _likeliest(logs, runs)
    # The ways that would read something else say where they see the likeliest reading.
    others = [
        (line, way)
        for line, (labels, ways) in enumerate(zip(chosen, runs, strict=True))
        for way, each in enumerate(ways)
        if not np.array_equal(each.labels, labels)
    ]
    if others:
        placed = _aligned(np.stack([logs[place] for place in others]), [chosen[line] for line, _ in others])
        for (line, way), places in zip(others, placed, strict=True):
            runs[line][way] = places
    found = []
    for labels, line, ways in zip(chosen, logs, runs, strict=True):
        columns = [way[_surest(way, each)] for way, each in zip(line, ways, strict=True)]
        found.append(Decoded(labels, np.mean(columns, 0), np.median([each.middles() for each in ways], 0)))
    return found


def _likeliest(logs: NDArray[np.float64], runs: list[list[_Places]]) -> list[Labels]:
    """Return of each line the reading of one of its ways that is likeliest in all of them."""
    # A dict keeps their order: the first of equals counts.
    reads = [list({tuple(each.labels.tolist()): None for each in ways}) for ways in runs]
    chosen = [each[0] for each in reads]
    doubted = [(line, labels) for line, each in enumerate(reads) if len(each) > 1 for labels in each]
    if doubted:
        lines = np.array([line for line, _ in doubted])
        ways = logs.shape[1]
        every = np.exp(logs[lines]).reshape(-1, *logs.shape[2:])
        each_way = [np.array(labels, np.intp) for _, labels in doubted for _ in range(ways)]
        likely = _forward(every, each_way).reshape(-1, ways).sum(1)
        best: dict[int, float] = {}
        for (line, labels), value in zip(doubted, likely.tolist(), strict=True):
            if value > best.get(line, -np.inf):
                best[line], chosen[line] = value, labels
    return [np.array(labels, np.intp) for labels in chosen]


def likelihood(probabilities: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the logarithm of the probability of these digits in each of the ways, (ways,), however they lie.

    probabilities: (ways, columns, 11).
    """
    return _forward(probabilities, [labels] * len(probabilities))


def _forward(probabilities: NDArray[np.float64], labels: list[Labels]) -> NDArray[np.float64]:
    """Return the logarithm of the probability of each of N sequences of digits, (N,), in columns of its own.

    probabilities: (N, columns, 11). The forward variables of Graves and others, scaled column by column.
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
    """What is likeliest column by column: also the likeliest way to lay those digits along the columns."""
    best = logs.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    digits = best[starts] != NONE
    return _Places(best[starts][digits], starts[digits], ends[digits])


def _aligned(logs: NDArray[np.float64], labels: list[Labels]) -> list[_Places]:
    """Lay each of N sequences of digits along columns of its own, (N, columns, 11), in the likeliest way (Viterbi)."""
    states = _States(labels)
    emitted = np.where(states.used[:, np.newaxis], states.of(logs), -np.inf)
    barred = np.where(states.skips, 0.0, -np.inf)
    score = np.full(emitted[:, 0].shape, -np.inf)
    score[:, :2] = emitted[:, 0, :2]
    steps = np.zeros(emitted.shape, np.intp)  # by how many states each path moved on
    ways = np.full((3, *score.shape), -np.inf)
    for column in range(1, emitted.shape[1]):
        ways[0], ways[1, :, 1:], ways[2, :, 2:] = score, score[:, :-1], score[:, :-2] + barred
        steps[:, column] = ways.argmax(0)
        score = ways.max(0) + emitted[:, column]
    # Of the two states that a path may end in the last one wins where they are equal.
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


def _surest(logs: NDArray[np.float64], places: _Places) -> list[int]:
    """The column of each digit in which it is likeliest."""
    return [
        start + int(logs[start:end, label].argmax())
        for label, start, end in zip(*(each.tolist() for each in places), strict=True)
    ]


class _States:
    """The states of N sequences of digits, side by side: a non-digit before, between and after the digits."""

    def __init__(self, labels: list[Labels]) -> None:
        lengths = np.array([2 * len(each) + 1 for each in labels])
        places = np.arange(lengths.max())
        self._digits = np.full((len(labels), len(places)), NONE, np.intp)
        for row, each in zip(self._digits, labels, strict=True):
            row[1 : 2 * len(each) : 2] = each
        self.used = places < lengths[:, np.newaxis]  # (N, states); shorter sequences have fewer
        self.ends = self.used & (places >= lengths[:, np.newaxis] - 2)  # those that a path may end in
        # Whether a state, from the third on, may follow the one before the last: a digit another one.
        self.skips = self._digits[:, 2:] != self._digits[:, :-2]

    def of(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each state has in each column: (N, columns, 11) to (N, columns, states)."""
        return np.take_along_axis(columns, self._digits[:, np.newaxis], 2)
