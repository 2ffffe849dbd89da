"""Draws pages of the kinds that users meet, to measure a reader on and to fit how much its digits can be trusted."""

import numpy as np

from train.synthetic.scenes.compose import compose
from train.synthetic.scenes.plans import KINDS, amount_plan, plan_of
from train.synthetic.scenes.scene import Plan, Scene, World
from train.synthetic.scenes.types import Mask, Random

SHAPE = (480, 640)  # pixels: height and width of a page
HEIGHTS = (26.0, 64.0)  # pixels: range of the digits' height
BLANK_KINDS = ("text", "photograph")  # of `KINDS`: those without digits
MARGIN = 0.8  # heights: the widest margin around an amount


def draw_kind(kind: str, number: int, world: World, seed: int) -> Scene:
    """Return a page of one of `KINDS`; the same for the same number, world, seed and fonts."""
    random = np.random.default_rng((seed, sorted(KINDS).index(kind), number))
    height = draw_height(random)
    return draw_plan(plan_of(kind, random), height, world, random)


def draw_amount(number: int, world: World, seed: int) -> tuple[Mask, str]:
    """Return an image of an amount, cut out as it is on a cheque, and its text; the same for the same arguments."""
    random = np.random.default_rng((seed, len(KINDS), number))
    height = draw_height(random)
    scene = draw_plan(amount_plan(random), height, world, random)
    rows, columns = (np.flatnonzero(scene.owners.any(axis)) for axis in (1, 0))
    if not len(rows):
        return scene.image, scene.text
    before, after = (random.uniform(0, MARGIN * height, 2).astype(int).tolist() for _ in range(2))
    top, left = max(0, int(rows[0]) - before[0]), max(0, int(columns[0]) - before[1])
    part = scene.image[top : int(rows[-1]) + 1 + after[0], left : int(columns[-1]) + 1 + after[1]]
    return np.ascontiguousarray(part), scene.text


def draw_without(number: int, world: World, seed: int) -> Mask:
    """Return an image without digits: printed text, a photograph or texture, or paper with clutter, in turn."""
    random = np.random.default_rng((seed, len(KINDS), number))
    kinds = [plan_of(kind, random) for kind in BLANK_KINDS]
    plan = [*kinds, Plan(layout="none", stray=1.0, desk=0.4, occluder=0.4, bleed=0.3)][number % 3]
    return draw_plan(plan, draw_height(random), world, random).image


def draw_height(random: Random) -> float:
    """Return a random height of digits, pixels."""
    return float(np.exp(random.uniform(*np.log(HEIGHTS))))


def draw_plan(plan: Plan, height: float, world: World, random: Random) -> Scene:
    """Return a page of a plan. height: of its digits, pixels."""
    return compose(plan, SHAPE, height, world, random)
