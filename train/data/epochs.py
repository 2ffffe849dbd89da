"""The epochs of a training on digits: digits of each lesson in turn, non-digits beside them, and their labels."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.files import write_whole
from edge_runtime.errors import OutputError
from edge_runtime.types import NON_DIGIT
from train.augmentation.augment import Augmenter
from train.data.mnist import Bytes
from train.data.pool import ImagePool, read_whole
from train.recipes import Recipe
from train.synthetic.nondigits import NonDigits
from train.teacher import Teacher, Teachers

POOL_SEED = 0  # of the augmentation: the same images for every training seed, so that they are drawn once
NONDIGITS_DRAWN = 4  # digits for each non-digit that is drawn
EXCLUDED = -1e4  # logit of a class that is ruled out; finite, since it is divided and summed
SURE = 0.9  # probability from which a teacher's word that a drawn non-digit is a digit is taken


@dataclass(frozen=True)
class DigitSet:
    """The digits of a training."""

    images: Bytes  # (N, 28, 28)
    labels: Bytes  # (N,)
    validation: tuple[Bytes, Bytes] | None  # images and labels that are kept back


class Epoch(NamedTuple):
    """The images of one epoch; their order means nothing."""

    images: Bytes  # (N, 28, 28)
    labels: Bytes  # (N,), 0..9, or 10 for a non-digit
    soft: NDArray[np.float32] | None  # (N, classes), the teachers' logits; None without teachers


class LessonImages(NamedTuple):
    """The images of one lesson, and its teachers."""

    pool: ImagePool[Bytes] | None  # None: the digits are not augmented
    teachers: Teachers | None


class NonDigitImages(NamedTuple):
    """The non-digits of a training, and the teachers that check them."""

    pool: ImagePool[Bytes]
    judged: int  # how many of an epoch, the first ones, need the check
    judges: Teachers | None


class DigitEpochs:
    """The epochs of a training on digits; `draw_epochs` makes one."""

    def __init__(
        self, recipe: Recipe, digits: DigitSet, lessons: list[LessonImages], nondigits: NonDigitImages | None
    ) -> None:
        self._recipe, self._digits, self._lessons, self._nondigits = recipe, digits, lessons, nondigits
        self._plain: dict[int, NDArray[np.float32]] = {}  # teachers' logits of unaugmented digits, by lesson

    @property
    def waited(self) -> float:
        """Seconds spent waiting for images."""
        pools = [lesson.pool for lesson in self._lessons if lesson.pool]
        if self._nondigits:
            pools.append(self._nondigits.pool)
        return sum(pool.waited for pool in pools)

    def epoch(self, number: int) -> Epoch:
        """Return the images of an epoch, which depend on its number alone."""
        turn, place = divmod(number, len(self._lessons))
        pool, teachers = self._lessons[place]
        if pool is not None:
            turn %= self._recipe.augmented_epochs
            images = pool.epoch(turn)
            soft = pooled_logits(pool, turn, teachers) if teachers else None
        else:
            images = self._digits.images
            if teachers and place not in self._plain:
                self._plain[place] = teachers.logits(images)
            soft = self._plain.get(place)
        epoch = Epoch(images, self._digits.labels, soft)
        return epoch if self._nondigits is None else self._add_nondigits(epoch, number, self._nondigits)

    def _add_nondigits(self, epoch: Epoch, number: int, drawn: NonDigitImages) -> Epoch:
        """Add non-digits. A teacher of digits does not know them; their class is certain."""
        nondigits = self._select(number, drawn)
        images = np.concatenate([epoch.images, nondigits])
        labels = np.concatenate([epoch.labels, np.full(len(nondigits), NON_DIGIT, np.uint8)])
        if epoch.soft is None:
            return Epoch(images, labels, None)
        soft = np.full((len(images), NON_DIGIT + 1), EXCLUDED, np.float32)
        # Logits may be shifted by a constant; the largest must stay far from EXCLUDED.
        soft[: len(epoch.soft), :NON_DIGIT] = epoch.soft - epoch.soft.max(1, keepdims=True)
        soft[len(epoch.soft) :, NON_DIGIT] = 0
        return Epoch(images, labels, soft)

    def _select(self, number: int, drawn: NonDigitImages) -> Bytes:
        """Return a random choice of the non-digits that no teacher takes for a digit."""
        turn = number % self._recipe.nondigit_epochs
        images = drawn.pool.epoch(turn)
        certain = np.ones(len(images), np.bool_)
        if drawn.judges is not None:
            logits = pooled_logits(drawn.pool, turn, drawn.judges).astype(np.float64)
            largest = 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
            certain = (largest < SURE) | (np.arange(len(images)) >= drawn.judged)
        kept, count = np.flatnonzero(certain), nondigit_count(self._recipe, len(self._digits.images))
        return np.asarray(images[np.random.default_rng(number).choice(kept, count, replace=count > len(kept))])


def pooled_logits(pool: ImagePool[Bytes], number: int, teachers: Teachers) -> NDArray[np.float32]:
    """Return the teachers' logits of an epoch in a pool, float32 (N, 10), which are kept beside its images."""
    path = pool.folder / f"{number:04}-{teachers.key}.npy"
    if not path.exists():
        try:
            write_whole(
                path, partial(np.save, arr=teachers.logits(pool.epoch(number)).astype(np.float16)), durable=False
            )
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    # Read even when just written, in half precision: a run that finds the file ends like the one that wrote it.
    found = read_whole(path, partial(np.load, allow_pickle=False))
    return np.asarray(found, np.float32)


def nondigit_count(recipe: Recipe, digits: int) -> int:
    """Return how many non-digits an epoch of so many digits has."""
    return round(digits * recipe.nondigits / (1 - recipe.nondigits))


@contextmanager
def draw_epochs(
    recipe: Recipe, digits: DigitSet, teachers: Sequence[Teacher], precision: str, folder: Path | None, epochs: int
) -> Iterator[DigitEpochs]:
    """Provide so many epochs while the processes that draw them run.

    folder: of the pools; None: a temporary one. precision: of the teachers' products.
    """
    with ExitStack() as stack:
        folder = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lessons = []
        for lesson in recipe.lessons:
            asked = [each for each in teachers if each.facts["recipe"] in lesson.teachers]
            pool = None
            if lesson.augmentation is not None:
                augmenter = Augmenter(digits.images, POOL_SEED, digits.labels, lesson.augmentation)
                size = min(recipe.augmented_epochs, -(-epochs // len(recipe.lessons)))
                pool = stack.enter_context(ImagePool(folder, augmenter, size))
            lessons.append(LessonImages(pool, Teachers(asked, precision) if asked else None))
        nondigits = None
        if recipe.nondigits:
            # As many for every recipe, so that all share them; each takes the number that it needs.
            drawer = NonDigits(digits.images, digits.labels, POOL_SEED, len(digits.images) // NONDIGITS_DRAWN)
            drawn = stack.enter_context(ImagePool(folder, drawer, min(recipe.nondigit_epochs, epochs)))
            judges = Teachers(teachers, precision) if teachers else None
            nondigits = NonDigitImages(drawn, drawer.judged, judges)
        yield DigitEpochs(recipe, digits, lessons, nondigits)
