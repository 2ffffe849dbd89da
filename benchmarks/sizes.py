"""Draws accuracy against size, for our models and published ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from benchmarks.statistics import wilson

DIGITS = 10_000  # of the MNIST test set
OURS, THEIRS = "#2a6fbb", "#666666"


class Published(NamedTuple):
    """A published accuracy on the MNIST test set."""

    name: str
    bytes: int  # of the weights alone
    accuracy: float  # fraction
    source: str


PUBLISHED = (
    Published(
        "Cireşan et al., dense",
        12_110_000 * 4,  # 784-2500-2000-1500-1000-500-10 in float32
        0.9965,
        "D. C. Cireşan et al.: Deep, big, simple neural nets for handwritten digit recognition, 2010",
    ),
    Published(  # dense layers whose weights 25 overlapping windows share; its plain dense network has 99.02 %
        "BitNetMCU, dense", 9_933, 0.9937, "T. Boescke: BitNetMCU, its experiments of 2026, 9.7 KiB"
    ),
    Published("BitNetMCU, CNN", 13_000, 0.9958, "T. Boescke: BitNetMCU, its documentation of the CNN, 2025, 13 kB"),
)


def draw(models: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write a PNG of accuracy against size, the size on a logarithmic scale.

    models: as in parity.json, by name; the int8 .tflite file's bytes and accuracy count. Bars: 95 % intervals.
    """
    figure = Figure(figsize=(7, 4.6), dpi=160, layout="constrained")
    axes = figure.subplots()
    for point in PUBLISHED:
        _point(axes, point.name, point.bytes, point.accuracy, THEIRS, "s", left=True)
    for name, found in models.items():
        figures = found["formats"]["tflite_int8"]
        _point(axes, name, figures["bytes"], figures["accuracy"], OURS, "o")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _size(size)))
    axes.yaxis.set_major_locator(MultipleLocator(0.1))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:.1f} %"))
    axes.set_xlim(4e2, 2e8)  # room for the names
    axes.set(
        title="Accuracy on MNIST's test digits against size",
        xlabel="size of the int8 .tflite file; of published networks (squares), the weights",
        ylabel="accuracy, with 95 % interval",
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _point(axes: Any, name: str, size: int, accuracy: float, colour: str, marker: str, left: bool = False) -> None:
    """Draw one point with its name beside it. left: the name stands to the left."""
    low, high = wilson(round(accuracy * DIGITS), DIGITS)
    reach = [[100 * (accuracy - low)], [100 * (high - accuracy)]]
    axes.errorbar(size, 100 * accuracy, reach, fmt=marker, color=colour, markersize=7, elinewidth=1, capsize=3)
    white = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    place = {
        "xytext": (-8 if left else 8, 0),
        "textcoords": "offset points",
        "va": "center",
        "bbox": white,
        "zorder": 5,
    }
    place |= {"ha": "right" if left else "left", "va": "center"}
    axes.annotate(f"{name}\n{accuracy:.2%}", (size, 100 * accuracy), fontsize=10, color=colour, **place)


def _size(size: float) -> str:
    return f"{size / 1e6:g} MB" if size >= 1e6 else f"{size / 1e3:g} kB"
