"""Draws the digits on which the formats of one model disagree."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.parity import FLOATS, Outputs
from benchmarks.tables import format_name
from edge_runtime.types import Images

COLUMNS, ROWS = 8, 4  # of digits in the image


def draw(model: str, digits: Images, true: NDArray[np.integer], found: Mapping[str, Outputs], path: Path) -> int:
    """Write a PNG of those of N digits, uint8 (N, 28, 28), that two formats read differently; returns their count.

    Below each are its true label, the label of the first float format, and the formats that differ.
    """
    labels = {kind: each.labels for kind, each in found.items()}
    reference = next((kind for kind in FLOATS if kind in found), next(iter(found)))
    differ = np.flatnonzero(np.any([each != labels[reference] for each in labels.values()], axis=0))
    shown = differ[: COLUMNS * ROWS]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(1.45 * COLUMNS, 0.6 + 1.75 * rows), dpi=100, layout="constrained")
    some = "" if len(shown) == len(differ) else f", of which these are the first {len(shown)}"
    figure.suptitle(f"{model}: the formats disagree on {len(differ)} of {len(true):,} digits{some}")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes in panels:
        axes.set_axis_off()
    for axes, index in zip(panels, shown, strict=False):  # the last row may be incomplete
        axes.imshow(digits[index], cmap="gray_r", vmin=0, vmax=255)
        trained = labels[reference][index]
        lines = [f"true {true[index]}, {format_name(reference)} {trained}"]
        lines += [f"{format_name(kind)} {each[index]}" for kind, each in labels.items() if each[index] != trained]
        axes.set_title("\n".join(lines), fontsize=7, y=-0.02, va="top")
    figure.savefig(path)
    return len(differ)
