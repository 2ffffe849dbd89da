"""What the columns of a line say: a digit goes over several columns, and the same digit twice has one of none between.

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
    """Read one line, seen in one way or several: logits (ways, columns, 11), the last of the 11 for no digit.

    Each way's likeliest column by column is held against all ways; what is likeliest in all of them together counts.
    Each way then says where it sees these digits, and how sure it is there; the mean counts, and the middle place.
    """
    shifted = np.asarray(logits, np.float64) - logits.max(2, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(2, keepdims=True))
    runs = [_runs(way) for way in logs]
    read = {tuple(each.labels.tolist()): None for each in runs}  # a dict keeps their order: the first of equals counts
    if len(read) > 1:
        probabilities = np.exp(logs)
        labels = max(read, key=lambda each: float(likelihood(probabilities, np.array(each, np.intp)).sum()))
    else:
        labels = next(iter(read))
    chosen = np.array(labels, np.intp)
    placed = [
        each if np.array_equal(each.labels, chosen) else _aligned(way, chosen)
        for way, each in zip(logs, runs, strict=True)
    ]
    columns = [way[_surest(way, each)] for way, each in zip(logs, placed, strict=True)]
    return Decoded(chosen, np.mean(columns, 0), np.median([each.middles() for each in placed], 0))


def likelihood(probabilities: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Return the logarithm of the probability of these digits in each of the ways, (ways,), however they lie.

    probabilities: (ways, columns, 11). The forward variables of Graves and others, scaled column by column.
    """
    states = _states(labels)
    skips = _skips(states)
    emitted = probabilities[:, :, states]
    forward = np.zeros(emitted[:, 0].shape)
    forward[:, :2] = emitted[:, 0, :2]
    total = np.zeros(len(forward))
    for column in range(1, emitted.shape[1]):
        moved = forward.copy()
        moved[:, 1:] += forward[:, :-1]
        moved[:, 2:] += forward[:, :-2] * skips
        forward = moved * emitted[:, column]
        scale = np.maximum(forward.sum(1), LEAST)
        forward /= scale[:, np.newaxis]
        total += np.log(scale)
    result: NDArray[np.float64] = total + np.log(np.maximum(forward[:, -2:].sum(1), LEAST))
    return result


def _runs(logs: NDArray[np.float64]) -> _Places:
    """What is likeliest column by column: also the likeliest way to lay those digits along the columns."""
    best = logs.argmax(1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    digits = best[starts] != NONE
    return _Places(best[starts][digits], starts[digits], ends[digits])


def _aligned(logs: NDArray[np.float64], labels: Labels) -> _Places:
    """Lay N digits along one way's columns, (columns, 11), in the likeliest manner (Viterbi)."""
    states = _states(labels)
    barred = np.where(_skips(states), 0.0, -np.inf)
    score = np.full(len(states), -np.inf)
    score[:2] = logs[0, states[:2]]
    steps = np.zeros((len(logs), len(states)), np.intp)  # by how many states the path moved on
    for column in range(1, len(logs)):
        ways = np.full((3, len(states)), -np.inf)
        ways[0], ways[1, 1:], ways[2, 2:] = score, score[:-1], score[:-2] + barred
        steps[column] = ways.argmax(0)
        score = ways.max(0) + logs[column, states]
    state = len(states) - 1
    if state and score[-2] > score[-1]:
        state -= 1
    path = np.zeros(len(logs), np.intp)
    for column in range(len(logs) - 1, -1, -1):
        path[column] = state
        state -= steps[column, state]
    places = 2 * np.arange(len(labels)) + 1
    starts, ends = np.searchsorted(path, places, "left"), np.searchsorted(path, places, "right")
    return _Places(labels, starts, ends)


def _surest(logs: NDArray[np.float64], places: _Places) -> list[int]:
    """The column of each digit in which it is likeliest."""
    return [
        start + int(logs[start:end, label].argmax())
        for label, start, end in zip(*(each.tolist() for each in places), strict=True)
    ]


def _states(labels: Labels) -> Labels:
    """No digit before, between and after the digits."""
    states = np.full(2 * len(labels) + 1, NONE, np.intp)
    states[1::2] = labels
    return states


def _skips(states: Labels) -> NDArray[np.bool_]:
    """Whether a state, from the third on, may follow the one before the last: a digit another one."""
    skips: NDArray[np.bool_] = states[2:] != states[:-2]
    return skips
