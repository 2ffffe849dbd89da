"""Draws the results: the distribution of latency, cold start and memory."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.latency.subjects import SUBJECTS
from benchmarks.sizes import OURS, THEIRS

TITLES = {"model": "from an array", "whole": "from an encoded image in memory"}
COLOURS = {"keras": THEIRS, "tflite": "#c9772b", "onnx": "#3d9970", "litert": OURS, "numpy": "#7a5195"}


def latency(model: str, found: Mapping[str, Any], path: Path) -> None:
    """Write a PNG of the cumulative distribution of the latency of one digit, for each way to read it."""
    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    figure.suptitle(f"{model}: one digit at a time, one thread; the share of calls that took no longer")
    panels = figure.subplots(1, len(TITLES), sharey=True)
    for axes, (kind, title) in zip(panels, TITLES.items(), strict=True):
        for name, each in found["paths"][kind].items():
            ours = name in ("litert", "onnx", "numpy")
            dashed = name.endswith(("-float", "-predict"))
            style = {"linewidth": 2.2 if ours else 1.2, "linestyle": "--" if dashed else "-"}
            colour = COLOURS[name.partition("-")[0]]
            axes.plot(each["quantiles_us"], range(101), color=colour, label=_title(name), **style)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: _time(time)))
        axes.set(title=title, xlabel="time of one call")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("% of calls")
    figure.legend(*panels[0].get_legend_handles_labels(), fontsize=8, loc="outside right center")
    figure.savefig(path)


def footprint(found: Mapping[str, Any], path: Path) -> None:
    """Write a PNG of bars: cold start, peak memory and installed bytes of both sides."""
    figure = Figure(figsize=(10, 3.6), dpi=120, layout="constrained")
    bars: dict[str, tuple[str, Callable[[Any], float]]] = {
        "cold start to the first label": ("s", lambda each: each["start_s"]["median"]),
        "peak memory": ("MiB", lambda each: each["peak_mib"]["median"]),
        "installed": ("MB", lambda each: each["installed_bytes"] / 1e6),
    }
    sides = {"edge-digits": ("edge_digits", OURS), "Keras script": ("keras", THEIRS)}
    for axes, (title, (unit, height)) in zip(figure.subplots(1, len(bars)), bars.items(), strict=True):
        for label, (side, colour) in sides.items():
            bar = axes.bar(label, height(found[side]), color=colour, width=0.6)
            axes.bar_label(
                bar, fmt=f"{{:,.3g}} {unit}" if height(found[side]) < 100 else f"{{:,.0f}} {unit}", padding=2
            )
        axes.set(title=title)
        axes.margins(y=0.15)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.savefig(path)


def _title(name: str) -> str:
    return SUBJECTS[name].title.replace("`", "")


def _time(microseconds: float) -> str:
    return f"{microseconds / 1000:g} ms" if microseconds >= 1000 else f"{microseconds:g} µs"
