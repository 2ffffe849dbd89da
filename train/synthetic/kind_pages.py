"""Draws pages of the kinds that users meet, to measure a reader on and to fit how much its digits can be trusted."""

import numpy as np

from train.synthetic.scenes.compose import compose
from train.synthetic.scenes.plans import KINDS, plan_of
from train.synthetic.scenes.scene import Plan, Scene, World
from train.synthetic.scenes.types import Random

SHAPE = (480, 640)  # pixels: height and width of a page
HEIGHTS = (26.0, 64.0)  # pixels: range of the digits' height


def draw_kind(kind: str, number: int, world: World, seed: int) -> Scene:
    """Return a page of one of `KINDS`; the same for the same number, world, seed and fonts."""
    random = np.random.default_rng((seed, sorted(KINDS).index(kind), number))
    height = draw_height(random)
    return draw_plan(plan_of(kind, random), height, world, random)


def draw_height(random: Random) -> float:
    """Return a random height of digits, pixels."""
    return float(np.exp(random.uniform(*np.log(HEIGHTS))))


def draw_plan(plan: Plan, height: float, world: World, random: Random) -> Scene:
    """Return a page of a plan. height: of its digits, pixels."""
    return compose(plan, SHAPE, height, world, random)
