"""Digits by writer: the digits of a number come from one hand.

Digits are those of MNIST as strokes. Who wrote each of them is in QMNIST's extended labels (C. Yadav and L. Bottou,
"Cold case: the lost MNIST digits", NeurIPS 2019). Without that table, writers are random groups of digits.
"""

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from train.synthetic.scenes import families
from train.synthetic.scenes.legible import legible_strokes
from train.synthetic.scenes.skeleton import Strokes
from train.synthetic.scenes.types import Points, Random

LEAST = 8  # digits: writers with fewer are not used
GROUP = 100  # digits of a random group, about as many as a writer of MNIST has
# The size of a digit is its height, or this share of its width if that is more. MNIST fits digits into squares, so the
# height of a wide one is too small.
WIDE = 0.75
FLAT = 0.6  # of a digit's size: a digit that is lower is raised to the middle of a digit of this height


class Writers:
    """A set of digits as strokes, by writer and label."""

    def __init__(self, strokes: list[Strokes], labels: NDArray[np.integer], writers: NDArray[np.integer]) -> None:
        """Sort N digits by writer and label.

        labels: (N,), 0 to 9. writers: (N,), equal numbers for digits of one writer. Raises `UsageError` if a label is
        missing or no writer has `LEAST` digits.
        """
        self._strokes = strokes
        self._any = [np.flatnonzero(labels == label) for label in range(10)]
        self._own: list[list[NDArray[np.intp]]] = []
        for writer in np.unique(writers):
            places = np.flatnonzero(writers == writer)
            if len(places) >= LEAST:
                self._own.append([places[labels[places] == label] for label in range(10)])
        if missing := [str(label) for label, places in enumerate(self._any) if not len(places)]:
            raise UsageError(f"writers need digits of all ten labels; without any: {', '.join(missing)}")
        if not self._own:
            raise UsageError(f"writers need at least {LEAST} digits each; none has as many")

    def hand(self, random: Random) -> "Hand":
        """Return the hand of a random writer, with a random slant and other habits."""
        return Hand(self, self._own[int(random.integers(len(self._own)))], random)

    def pick(self, own: list[NDArray[np.intp]], label: int, random: Random) -> Strokes:
        """Return a random digit of a label: one of the places in `own[label]`, or of any writer if there are none."""
        places = own[label] if len(own[label]) else self._any[label]
        return self._strokes[int(places[int(random.integers(len(places)))])]


class Hand:
    """The handwriting of one writer."""

    def __init__(self, writers: Writers, own: list[NDArray[np.intp]], random: Random) -> None:
        """own: the places of the writer's digits for each label, as `Writers.pick` takes them."""
        self._writers, self._own, self._random = writers, own, random
        self.slant = float(random.normal(0.0, 0.12))  # horizontal shift by height; above 0, digits lean to the right
        self.aspect = float(np.exp(random.normal(0.0, 0.14)))  # factor of the width
        self.height_spread = float(random.uniform(0.0, 0.1))  # standard deviation of the logarithm of the height
        self.wobble = float(random.uniform(0.0, 0.02))  # amplitude of waves along the strokes, heights
        self.variants = families.choose_variants(random)  # labels that are drawn, not taken from MNIST, and their seeds

    def digit(self, label: int) -> list[Points]:
        """Return the strokes of a digit, float32 (n, 2) each, in a box of height 1: the left edge at x = 0, the base
        line at y = 1, y downward.
        """
        random = self._random
        paths: list[NDArray[np.floating]]
        if label in self.variants:
            paths = [*families.draw(label, self.variants[label], random)]
        else:
            paths = [path.copy() for path in self._writers.pick(self._own, label, random).paths]
        points = np.concatenate(paths)
        low, high = points.min(0), points.max(0)
        size = max(float(high[1] - low[1]), WIDE * float(high[0] - low[0]), 1e-3)
        height = float(high[1] - low[1]) / size
        paths = [(path - (low[0], high[1])) / np.float32(size) + (0, 1) for path in paths]
        if height < FLAT:
            paths = [path - (0, 0.5 * (FLAT - height)) for path in paths]
        paths = self._deform(paths)
        left = min(float(path[:, 0].min()) for path in paths)
        return [np.asarray(path - (left, 0), np.float32) for path in paths]

    def _deform(self, paths: list[NDArray[np.floating]]) -> list[NDArray[np.floating]]:
        """Return the strokes of a digit with the hand's slant, aspect and waves, and a small random rotation."""
        random = self._random
        slant = self.slant + random.normal(0, 0.03)
        turn = random.normal(0, 0.04)
        phase, rate = random.uniform(0, 6.28, 4), random.uniform(3, 9, 4)
        deformed = []
        for path in paths:
            x, y = path[:, 0] * self.aspect, path[:, 1] - 0.5
            x = x - slant * y
            bent = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn) + 0.5], 1)
            bent[:, 0] += self.wobble * (np.sin(rate[0] * y + phase[0]) + 0.5 * np.sin(2 * rate[1] * x + phase[1]))
            bent[:, 1] += self.wobble * (np.sin(rate[2] * x + phase[2]) + 0.5 * np.sin(2 * rate[3] * y + phase[3]))
            deformed.append(bent)
        return deformed


def load_writers(
    images: NDArray[np.uint8], labels: NDArray[np.integer], writers: NDArray[np.integer] | None = None
) -> Writers:
    """Return the writers of N digits, without those whose strokes do not show them.

    images: uint8 (N, 28, 28), ink bright on 0. labels: (N,), all of 0 to 9 among them. writers: (N,), equal numbers for
    digits of one writer. Without it, a writer is a random group of about `GROUP` digits, the same for the same N, so
    the digits of a number differ more in style than those of one person.
    """
    if writers is None:
        writers = np.random.default_rng(0).permutation(len(images)) % max(1, len(images) // GROUP)
    strokes, legible = legible_strokes(images, labels)
    kept = np.flatnonzero(legible)
    return Writers([strokes[place] for place in kept.tolist()], labels[kept], writers[kept])
