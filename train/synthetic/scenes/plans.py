"""Plans: the kinds of scenes that users meet, by name, and random plans to train on."""

from dataclasses import replace

import numpy as np

from train.synthetic.scenes.camera import Light
from train.synthetic.scenes.scene import Plan
from train.synthetic.scenes.types import Random

CALM = Light(fall=0.5, shadow=0.0, glare=0.0, motion=0.0, faded=0.1)
SHADOW = replace(CALM, shadow=1.0)

# What detection is measured on, kind by kind: scenes whose text must be read, or that have none.
KINDS: dict[str, Plan] = {
    "alone": Plan(light=CALM, longest=7),
    "rows": Plan(layout="rows", light=CALM),
    "thin": Plan(light=CALM, pen=(0.012, 0.022)),
    "tilted": Plan(light=CALM, tilt=(8.0, 20.0)),
    "shadow": Plan(light=SHADOW),
    "boxes": Plan(light=CALM, container="boxes"),
    "comb": Plan(light=CALM, container="comb"),
    "columns": Plan(light=CALM, layout="columns"),
    "marks": Plan(light=CALM, marks=1.0),
    "ring": Plan(light=CALM, container="ring"),
    "label": Plan(light=CALM, words=1.0),
    "stray": Plan(light=CALM, stray=1.0),
    "windows": Plan(light=CALM, container="windows"),
    "desk": Plan(light=CALM, desk=1.0, perspective=0.06),
    "turned": Plan(light=CALM, longest=7),
    "text": Plan(light=CALM, layout="text"),
    "photograph": Plan(light=CALM, layout="none", surface="photograph"),
}
# What random plans choose from, each with its probability.
LAYOUTS = {
    "single": 0.25,
    "rows": 0.18,
    "columns": 0.06,
    "table": 0.14,
    "labelled": 0.12,
    "equation": 0.12,
    "text": 0.13,
}
SURFACES = {"paper": 0.69, "board": 0.06, "whiteboard": 0.06, "screen": 0.06, "security": 0.1, "photograph": 0.03}
CONTAINERS = {
    "boxes": 0.2,
    "comb": 0.15,
    "frame": 0.12,
    "ring": 0.18,
    "underline": 0.08,
    "brackets": 0.07,
    "windows": 0.2,
}
RULINGS = {"lines": 0.55, "squares": 0.35, "dots": 0.1}


def plan_of(kind: str, random: Random) -> Plan:
    """Return the plan of one of `KINDS`, with what varies within it drawn at random."""
    plan = KINDS[kind]
    if kind == "turned":
        plan = replace(plan, turns=int(random.integers(1, 4)), layout=str(random.choice(["single", "rows"])))
    if kind in ("boxes", "windows", "ring") and random.random() < 0.2:
        plan = replace(plan, layout="rows")
    return plan


def mixed_plan(random: Random) -> Plan:
    """Return a random plan that combines the features of all kinds."""
    light = Light(shadow=0.25, negative=0.08)
    kind = random.random()
    if kind < 0.1:
        return Plan(surface="photograph", layout="none", light=light)
    if kind < 0.16:  # paper with clutter only
        ruling = str(random.choice(["", *RULINGS]))
        return Plan(layout="none", light=light, stray=0.8, desk=0.4, occluder=0.4, bleed=0.3, ruling=ruling)
    if kind < 0.22:
        return amount_plan(random)
    layout, surface = _choose(LAYOUTS, random), _choose(SURFACES, random)
    container = ""
    if layout in ("single", "rows", "labelled") and _happens(0.6, random):
        container = _choose(CONTAINERS, random)
    radius = float(np.exp(random.uniform(np.log(0.012), np.log(0.06))))
    gap = random.random()
    ruling = _choose(RULINGS, random) if surface == "paper" and _happens(0.25, random) else ""
    printed = 0.6 if container == "windows" else float(random.choice([0.0, 0.1, 1.0], p=[0.4, 0.4, 0.2]))
    return Plan(
        surface=surface,
        layout=layout,
        ruling=ruling,
        container=container,
        printed=printed,
        marks=0.5,
        pen=(radius, min(0.11, radius * 2)),
        gap=(-0.08, 0.06) if gap < 0.25 else (0.0, 0.3) if gap < 0.7 else (0.2, 0.75),
        contrast=(0.3, 1.0) if _happens(0.7, random) else (0.1, 0.45),
        words=0.35 if _happens(0.5, random) else 0.0,
        empty=0.12,
        stray=0.25,
        struck=0.06,
        desk=0.3,
        occluder=0.1,
        tilt=(0.0, 4.0) if _happens(0.65, random) else (4.0, 22.0),
        perspective=float(random.choice([0.01, 0.05, 0.12])),
        light=light,
        turns=int(random.integers(1, 4)) if _happens(0.14, random) else 0,
    )


def amount_plan(random: Random) -> Plan:
    """Return a plan of one number that is written fast on security printing, as on a cheque."""
    radius = random.uniform(0.025, 0.06)
    return Plan(
        surface="security",
        container="underline" if _happens(0.3, random) else "",
        printed=0.0,
        marks=0.5,
        pen=(radius, 1.5 * radius),
        gap=(-0.1, 0.12),
        contrast=(0.35, 1.0),
        tilt=(0.0, 8.0),
    )


def _choose(weights: dict[str, float], random: Random) -> str:
    """Return one of the names, by their probabilities."""
    return str(random.choice(list(weights), p=list(weights.values())))


def _happens(probability: float, random: Random) -> bool:
    return bool(random.random() < probability)
