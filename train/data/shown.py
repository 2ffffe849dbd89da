"""What the epochs of a training show: digits in turn of their lessons, others beside them, and what they are."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import NON_DIGIT
from train.augmentation.augment import Deformer
from train.data.mnist import Bytes
from train.data.pool import Pool
from train.recipes import Recipe
from train.synthetic.nondigits import Others
from train.teacher import Teacher, Teachers

POOL_SEED = 0  # of the deformation: the same digits for every seed, so that they are made once
OTHERS_DRAWN = 4  # times as many digits as others are drawn for an epoch
NEVER = -1e4  # a logit of what a teacher rules out; not infinite, since it is divided and summed
SURE = 0.9  # probability from which a teacher takes what we drew as no digit for one


@dataclass(frozen=True)
class Digits:
    """What a training sees."""

    images: Bytes  # (N, 28, 28)
    labels: Bytes  # (N,)
    validation: tuple[Bytes, Bytes] | None  # the same of the digits that are kept back


class Epoch(NamedTuple):
    """What one epoch shows, in an order of no meaning."""

    images: Bytes  # (N, 28, 28)
    labels: Bytes  # (N,), 0..9, or 10 for no digit
    soft: NDArray[np.float32] | None  # (N, outputs), what the teachers say, as logits; None where nobody teaches


class Lesson(NamedTuple):
    """What one lesson of a recipe needs while it runs."""

    pool: Pool | None  # None: the digits are not deformed
    teachers: Teachers | None


class Shown:
    """The epochs of a training; use `shown` to get one."""

    def __init__(
        self, recipe: Recipe, digits: Digits, lessons: list[Lesson], others: Pool | None, judges: Teachers | None
    ) -> None:
        self._recipe, self._digits, self._lessons = recipe, digits, lessons
        self._others, self._judges = others, judges
        self._plain: dict[int, NDArray[np.float32]] = {}  # logits of digits that are not deformed, by lesson

    @property
    def waited(self) -> float:
        """Seconds spent waiting for pictures."""
        pools = [lesson.pool for lesson in self._lessons] + [self._others]
        return sum(pool.waited for pool in pools if pool)

    def epoch(self, number: int) -> Epoch:
        """Return what an epoch shows; it depends on its number alone."""
        turn, place = divmod(number, len(self._lessons))
        pool, teachers = self._lessons[place]
        if pool is not None:
            turn %= self._recipe.deformed_epochs
            images = pool.digits(turn)
            soft = pool.logits(turn, teachers) if teachers else None
        else:
            images = self._digits.images
            if teachers and place not in self._plain:
                self._plain[place] = teachers.logits(images)
            soft = self._plain.get(place)
        epoch = Epoch(images, self._digits.labels, soft)
        return epoch if self._others is None else self._with_others(epoch, number)

    def _with_others(self, epoch: Epoch, number: int) -> Epoch:
        """Put others beside the digits: a teacher of digits does not know them, and they are certain to be none."""
        others = self._certain(number)
        images = np.concatenate([epoch.images, others])
        labels = np.concatenate([epoch.labels, np.full(len(others), NON_DIGIT, np.uint8)])
        if epoch.soft is None:
            return Epoch(images, labels, None)
        soft = np.full((len(images), NON_DIGIT + 1), NEVER, np.float32)
        # Logits are right but for a constant, so that the largest is not left near NEVER.
        soft[: len(epoch.soft), :NON_DIGIT] = epoch.soft - epoch.soft.max(1, keepdims=True)
        soft[len(epoch.soft) :, NON_DIGIT] = 0
        return Epoch(images, labels, soft)

    def _certain(self, number: int) -> Bytes:
        """Some of the others of which no teacher is sure that they are a digit after all."""
        assert self._others is not None
        turn = number % self._recipe.others_epochs
        images = self._others.digits(turn)
        certain = np.ones(len(images), np.bool_)
        if self._judges is not None:
            logits = self._others.logits(turn, self._judges).astype(np.float64)
            largest = 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
            certain = (largest < SURE) | (np.arange(len(images)) >= self._others.judged)
        kept, count = np.flatnonzero(certain), others_beside(self._recipe, len(self._digits.images))
        return images[np.random.default_rng(number).choice(kept, count, replace=count > len(kept))]


def others_beside(recipe: Recipe, digits: int) -> int:
    """How many others an epoch of so many digits shows."""
    return round(digits * recipe.others / (1 - recipe.others))


@contextmanager
def shown(
    recipe: Recipe, digits: Digits, teachers: Sequence[Teacher], precision: str, folder: Path | None, epochs: int
) -> Iterator[Shown]:
    """What a training of so many epochs shows, while the processes that draw for it run.

    folder: of the pools; None: nowhere, they go with the training. precision: of the teachers' products.
    """
    with ExitStack() as stack:
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lessons = []
        for lesson in recipe.lessons:
            asked = [each for each in teachers if each.facts["recipe"] in lesson.teachers]
            pool = None
            if lesson.deform is not None:
                deformer = Deformer(digits.images, POOL_SEED, digits.labels, lesson.deform)
                size = min(recipe.deformed_epochs, -(-epochs // len(recipe.lessons)))
                pool = stack.enter_context(Pool(folder, deformer, size))
            lessons.append(Lesson(pool, Teachers(asked, precision) if asked else None))
        others = None
        if recipe.others:
            # As many for every recipe, so that all find the same; each takes the share that it asks for.
            drawn = Others(digits.images, digits.labels, POOL_SEED, len(digits.images) // OTHERS_DRAWN)
            others = stack.enter_context(Pool(folder, drawn, min(recipe.others_epochs, epochs)))
        judges = Teachers(teachers, precision) if others and teachers else None
        yield Shown(recipe, digits, lessons, others, judges)
