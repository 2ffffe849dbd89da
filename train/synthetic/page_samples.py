"""Draws samples for the page network: parts of scenes with the truth of each pixel.

A sample is larger than the network's tile, so that training takes another part of it each time.
"""

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import CELL, TILE, Kind
from train.data.pool import fingerprint
from train.synthetic import scenes
from train.synthetic.scenes.compose import compose
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.plans import KINDS, mixed_plan, plan_of
from train.synthetic.scenes.scene import Scene, World
from train.synthetic.scenes.types import Box, Random
from train.synthetic.scenes.writers import load_writers

SIDE = TILE + 4 * CELL  # pixels: height and width of a sample
# Values of a sample's truth; digits are DIGIT_0 + label.
BACKGROUND, OTHER, MARK, STRUCK, DIGIT_0 = 0, 1, 2, 3, 10
NAMED = 0.5  # share of samples of `KINDS`; all others are of random plans
# Kinds that are drawn more often: once more for each time that they are listed.
HARD = (
    *("boxes", "comb", "ring", "windows") * 3,
    *("label", "stray", "marks", "text") * 2,
)
UNNAMED = ("turned", "photograph")  # training rotates samples itself; random plans have photographs
# Height of a digit: share of the samples, and range in pixels. The runtime aims at 30; the smallest only ask for a
# finer scale.
HEIGHTS = ((0.6, 20.0, 42.0), (0.17, 12.0, 20.0), (0.15, 4.0, 12.0), (0.08, 42.0, 80.0))
_NAMES = [*(kind for kind in KINDS if kind not in UNNAMED), *HARD]
LARGER = 0.4  # share of samples that show a part of a larger page
TIMES = 3.0  # the largest page, sides of a sample


class PageSamples(NamedTuple):
    """N samples."""

    images: NDArray[np.uint8]  # (N, SIDE, SIDE), gray
    truth: NDArray[np.uint8]  # (N, SIDE, SIDE): BACKGROUND, OTHER, MARK, STRUCK, or DIGIT_0 + label
    heights: NDArray[np.uint8]  # (N, SIDE / CELL, SIDE / CELL), pixels: height of the digit in each cell, or 0
    turns: NDArray[np.uint8]  # (N,): quarter turns, counterclockwise


class PageDrawer:
    """Draws epochs of samples; the same for the same digits, count, epoch and installed fonts.

    images: uint8 (N, 28, 28), ink bright on 0; labels: (N,), all ten among them. writers: (N,), who wrote each, or
    None. count: samples of an epoch.
    """

    suffix = ".npz"

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        writers: NDArray[np.integer] | None,
        count: int,
    ) -> None:
        self.images, self.labels, self.writers, self.count = images, labels, writers, count
        self._world: World | None = None

    @property
    def key(self) -> str:
        """Name of the folder for these digits and this count, drawn by this version of the code."""
        names = [module.name for module in pkgutil.iter_modules(scenes.__path__)]
        modules = (*(importlib.import_module(f"{scenes.__name__}.{name}") for name in names), sys.modules[__name__])
        writers = b"" if self.writers is None else self.writers.tobytes()
        return "pages-" + fingerprint((self.images.tobytes(), self.labels.tobytes(), writers), self.count, modules)

    def epoch(self, number: int) -> PageSamples:
        """Return the samples of an epoch."""
        if self._world is None:
            self._world = World(load_writers(self.images, self.labels, self.writers), Fields(0))
        return draw_samples(self._world, self.count, number)

    def save(self, file: BinaryIO, drawn: PageSamples) -> None:
        """Write all arrays as one archive."""
        np.savez(file, **drawn._asdict())

    def read(self, path: Path) -> PageSamples:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return PageSamples(**{name: arrays[name] for name in PageSamples._fields})


def draw_samples(world: World, count: int, seed: int) -> PageSamples:
    """Draw `count` samples; the same for the same world and seed."""
    drawn = [draw_sample(world, np.random.default_rng((seed, number))) for number in range(count)]
    return PageSamples(*(np.stack(column) for column in zip(*drawn, strict=True)))


def draw_sample(
    world: World, random: Random
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return one sample: its image, truth, heights and turns, as in `PageSamples`."""
    plan = plan_of(str(random.choice(_NAMES)), random) if random.random() < NAMED else mixed_plan(random)
    shares, *ranges = zip(*HEIGHTS, strict=True)
    low, high = np.log(np.array(ranges)[:, random.choice(len(shares), p=shares)])
    size = float(np.exp(random.uniform(low, high)))
    page: Box | None = None
    if random.random() < LARGER:
        width, height = (random.uniform(1.0, TIMES, 2) * SIDE).tolist()
        left, top = (random.random(2) * (SIDE - width, SIDE - height)).tolist()
        page = (left, top, left + width, top + height)
    scene = compose(plan, (SIDE, SIDE), size, world, random, page)
    return scene.image, *truth_of(scene), np.array(scene.turns, np.uint8)


def truth_of(scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the truth and heights of a scene whose sides are multiples of `CELL`, as in `PageSamples`."""
    values = np.zeros(int(scene.owners.max()) + 1, np.uint8)
    tall = np.zeros(len(values), np.float32)
    for token in scene.tokens:
        if token.owner < len(values):
            values[token.owner] = _value(token.character)
            tall[token.owner] = token.height
    truth = np.where(scene.owners > 0, values[scene.owners], scene.kinds == Kind.OTHER).astype(np.uint8)
    height, width = truth.shape
    heights = (tall[scene.owners] * (truth >= DIGIT_0)).reshape(height // CELL, CELL, width // CELL, CELL).max((1, 3))
    return truth, np.clip(np.rint(heights), 0, 255).astype(np.uint8)


def _value(character: str) -> int:
    if not character:
        return STRUCK
    return DIGIT_0 + int(character) if character.isdigit() else MARK
