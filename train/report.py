"""Writes the metrics of a run as JSON and CSV, and draws them. No Keras in here."""

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter
from numpy.typing import NDArray

from edge_runtime.batch.chart import confusion_png
from edge_runtime.normalise import SIZE
from train.augmentation.augment import Augmenter
from train.data.mnist import Bytes, Mnist, normalised
from train.results import CLASSES, DigitResult, Predictions
from train.synthetic.nondigits import NonDigits

DPI = 144
BLUE, ORANGE, GRAY, RED = "#2a6fbb", "#e08214", "#666666", "#c8102e"
LESSONS = (BLUE, "#6baed6", "#08306b")

RANDOM_ROWS = 4  # of ten random test digits in samples.png
WRONG_ROWS = 2  # of ten misread ones, below them
DATA_ROWS = 5  # of each digit in data.png
COLUMNS = 10  # digits side by side
GAP = 4  # pixels between two


def write(result: DigitResult, mnist: Mnist, folder: Path) -> None:
    """Write everything except the network into an existing folder; `metrics.json` last, to mark a complete run."""
    (folder / "summary.txt").write_text(result.summary, encoding="utf-8")
    _history(result).to_csv(folder / "history.csv", float_format="%.6f")
    _per_class(result).to_csv(folder / "report.csv", float_format="%.4f", index=False)
    _draw_curves(result, folder / "curves.png")
    _draw_confusion(result, folder / "confusion.png")
    _draw_samples(result, mnist, folder / "samples.png")
    _draw_data(result, mnist, folder / "data.png")
    _write_json(result.metrics(), folder / "metrics.json")


def write_repeats(results: Sequence[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Write `summary.json`: each seed's metrics, their mean and their spread (sample standard deviation).

    results: each run's metrics. Returns what it wrote.
    """
    first = results[0]
    names = ("test_accuracy", "test_loss", "train_accuracy", "seconds")
    runs = [{"seed": run["seed"], **{name: run[name] for name in names}} for run in results]
    summary = {
        **{name: first[name] for name in ("recipe", "epochs", "final", "parameters", "published")},
        "runs": runs,
        **{name: _mean_and_spread([run[name] for run in runs]) for name in names},
    }
    _write_json(summary, folder / "summary.json")
    return summary


def write_comparison(results: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write `compare.csv` and `compare.png`: accuracy, loss, parameters and time of each run's metrics."""
    names = ("recipe", "test_accuracy", "test_loss", "parameters", "seconds", "epochs", "seed")
    table = pandas.DataFrame([{name: run[name] for name in names} for run in results])
    table.to_csv(folder / "compare.csv", index=False)
    _draw_comparison(table, folder / "compare.png")


# Tables


def _history(result: DigitResult) -> pandas.DataFrame:
    table = pandas.DataFrame(result.history)
    table.index = pandas.RangeIndex(1, len(table) + 1, name="epoch")
    return table


def _per_class(result: DigitResult) -> pandas.DataFrame:
    parts = []
    for name, score in (("train", result.train), ("test", result.test)):
        counts = np.bincount(score.labels, minlength=CLASSES)
        parts.append(
            pandas.DataFrame({"set": name, "digit": range(CLASSES), **score.per_class(), "count": counts}),
        )
    return pandas.concat(parts)


def _mean_and_spread(values: Sequence[float]) -> dict[str, float]:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "spread": spread, "least": min(values), "most": max(values)}


def _write_json(value: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


# Figures


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Provide a figure of so many inches and write it to `path` at the end."""
    with seaborn.axes_style("ticks"), seaborn.plotting_context("notebook", font_scale=0.9):
        figure = Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
        yield figure
        figure.savefig(path)


def _draw_curves(result: DigitResult, path: Path) -> None:
    history = _history(result)
    recipe = result.recipe
    seen = "training, augmented digits" if recipe.augments else "training"
    # The loss of training has another scale than that of validation and test, which have plain labels.
    targets = "teachers and labels" if recipe.distil else "smoothed labels" if recipe.label_smoothing else ""
    with _figure(path, 10, 4.2) as figure:
        panels = figure.subplots(1, 2)
        for axes, name in zip(panels, ("accuracy", "loss"), strict=True):
            lessons = len(recipe.lessons)
            target = f", {targets}" if targets and name == "loss" else ""
            # Lessons differ in difficulty: one line through all of them would be a zigzag.
            for lesson, colour in zip(range(lessons), LESSONS, strict=False):
                text = f"training, lesson {lesson + 1}" if lessons > 1 else seen
                _draw_curve(axes, history[name].iloc[lesson::lessons], text + target, colour)
            if f"val_{name}" in history:
                _draw_curve(axes, history[f"val_{name}"], "validation", ORANGE)
            value = getattr(result.test, name)
            text = f"{value:.2%}" if name == "accuracy" else f"{value:.4f}"
            axes.axhline(value, color=GRAY, linestyle="--", linewidth=1.2, label=f"test, at the end: {text}")
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.35)
            axes.legend(frameon=False)
            seaborn.despine(ax=axes)
        panels[0].yaxis.set_major_formatter(PercentFormatter(1))
        figure.suptitle(f"{result.recipe.name}, seed {result.seed}")


def _draw_curve(axes: Axes, values: "pandas.Series[float]", label: str, colour: str) -> None:
    axes.plot(values.index, values, label=label, color=colour, linewidth=2, marker="o" if len(values) < 30 else None)


def _draw_confusion(result: DigitResult, path: Path) -> None:
    title = f"{result.recipe.name}: accuracy {result.test.accuracy:.2%} on test digits"
    path.write_bytes(confusion_png(result.test.confusion(), title))


def _draw_samples(result: DigitResult, mnist: Mnist, path: Path) -> None:
    score, images = result.test, mnist.test_images
    rng = np.random.default_rng(result.seed)
    wrong = np.flatnonzero(score.labels != score.predicted)
    some = min(len(wrong), WRONG_ROWS * COLUMNS)
    title = f"{result.recipe.name}: random test digits, true → predicted"
    groups = [(title, "black", RANDOM_ROWS, np.arange(len(score.labels)))]
    if some:
        groups.append((f"{some} of the {len(wrong)} that it misread", RED, WRONG_ROWS, wrong))
    heights = [rows for _, _, rows, _ in groups]
    with _figure(path, 10, 1.1 + 1.2 * sum(heights)) as figure:
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights).flat
        for axes, (title, colour, rows, places) in zip(panels, groups, strict=True):
            axes.set_title(title, color=colour)
            _draw_answers(axes, images, score, rows, rng.permutation(places)[: rows * COLUMNS])


def _draw_answers(axes: Axes, images: Bytes, score: Predictions, rows: int, places: NDArray[np.intp]) -> None:
    corners = _draw_digits(axes, images[places], rows, below=9)
    for (x, y), true, predicted in zip(corners, score.labels[places], score.predicted[places], strict=True):
        right = true == predicted
        style: dict[str, Any] = {"color": GRAY} if right else {"color": RED, "fontweight": "bold"}
        axes.text(x + SIZE / 2, y + SIZE + 1, f"{true} → {predicted}", ha="center", va="top", **style)
        if not right:
            frame = Rectangle(
                (x - 1, y - 1), SIZE + 1, SIZE + 1, fill=False, edgecolor=RED, linewidth=2.2, clip_on=False
            )
            axes.add_patch(frame)


def _draw_digits(axes: Axes, images: Bytes, rows: int, below: int = 0) -> list[tuple[int, int]]:
    """Draw uint8 (N, 28, 28) digits in rows of ten with room `below` each; returns their corners, x and y."""
    high, wide = SIZE + GAP + below, SIZE + GAP
    sheet = np.full((rows * high - GAP, COLUMNS * wide - GAP), np.nan, np.float32)
    corners = [(place % COLUMNS * wide, place // COLUMNS * high) for place in range(len(images))]
    for (x, y), image in zip(corners, images, strict=True):
        sheet[y : y + SIZE, x : x + SIZE] = image
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    return corners


def _draw_data(result: DigitResult, mnist: Mnist, path: Path) -> None:
    recipe = result.recipe
    images, labels = (mnist.train_images, mnist.train_labels) if result.final else mnist.fit_part()
    rng = np.random.default_rng(result.seed)
    # A column for each digit.
    columns = [rng.choice(np.flatnonzero(labels == digit), DATA_ROWS, replace=False) for digit in range(CLASSES)]
    places = np.stack(columns, 1).ravel()
    grids = [("training digits", images[places])]
    for number, lesson in enumerate(recipe.lessons, 1):
        if lesson.augmentation is not None:
            shown = Augmenter(normalised(images[places]), result.seed, labels[places], lesson.augmentation).epoch(1)
            of = f" of lesson {number}" if len(recipe.lessons) > 1 else ""
            grids.append((f"the same, augmented as in one epoch{of}", shown))
    if recipe.nondigits:
        some = NonDigits(normalised(images[places]), labels[places], result.seed, 20 * DATA_ROWS * CLASSES).epoch(0)
        shown = some[rng.permutation(len(some))[: DATA_ROWS * CLASSES]]
        grids.append((f"non-digits: {recipe.nondigits:.0%} of an epoch", shown))
    with _figure(path, 8, 3.4 + 4.2 * len(grids)) as figure:
        heights = [3.4, *[4.2] * len(grids)]
        first, *rest = figure.subplots(len(heights), 1, height_ratios=heights)
        _draw_counts(first, result.final, mnist, labels)
        for axes, (title, digits) in zip(rest, grids, strict=True):
            axes.set_title(title)
            _draw_digits(axes, digits, DATA_ROWS)


def _draw_counts(axes: Axes, final: bool, mnist: Mnist, labels: Bytes) -> None:
    sets = {"training": labels, "test": mnist.test_labels}
    if not final:
        sets = {"training": labels, "validation": mnist.validation_part()[1], "test": mnist.test_labels}
    rows = [
        {"digit": digit, "digits": count, "set": f"{name} ({len(values):,})"}
        for name, values in sets.items()
        for digit, count in enumerate(np.bincount(values, minlength=CLASSES))
    ]
    colours = [BLUE, GRAY] if final else [BLUE, ORANGE, GRAY]
    seaborn.barplot(pandas.DataFrame(rows), x="digit", y="digits", hue="set", palette=colours, saturation=1, ax=axes)
    axes.set(title="MNIST: how many of each digit", xlabel="", ylabel="")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.grid(axis="y", alpha=0.35)
    axes.legend(frameon=False, ncols=len(sets), loc="upper center", bbox_to_anchor=(0.5, -0.1))
    seaborn.despine(ax=axes)


def _draw_comparison(table: pandas.DataFrame, path: Path) -> None:
    # Accuracies are close together and far from 0: the axis begins below the worst, as its title says.
    least = table["test_accuracy"].min()
    start = max(0.0, math.floor(100 * (least - (1 - least) / 2)) / 100)
    panels = (
        ("test_accuracy", f"test accuracy (from {start:.0%})", "{:.2%}"),
        ("test_loss", "test loss", "{:.3f}"),
        ("parameters", "parameters", "{:,.0f}"),
        ("seconds", "training time, seconds", "{:.0f}"),
    )
    with _figure(path, 12, 1.4 + 0.6 * len(table)) as figure:
        for axes, (column, title, form) in zip(figure.subplots(1, 4, sharey=True), panels, strict=True):
            seaborn.barplot(table, x=column, y="recipe", hue="recipe", palette="deep", legend=False, ax=axes)
            left = start if column == "test_accuracy" else 0
            for bars in axes.containers:
                axes.bar_label(bars, fmt=form.format, padding=4)
            axes.set_xlim(left, left + 1.5 * (table[column].max() - left))
            axes.set(title=title, xlabel="", ylabel="")
            axes.xaxis.set_visible(False)
            axes.tick_params(axis="y", length=0)
            seaborn.despine(ax=axes, bottom=True)
