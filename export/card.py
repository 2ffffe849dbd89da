"""A bundle's model card: what it was trained on and how, what it reads, and pictures of what it does not.

Everything in it comes from the run's own files and from what the export measured. `python -m benchmarks tables` adds
the figures on other people's digits, where they have been measured.
"""

import io
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import NON_DIGIT_LABEL
from edge_runtime.types import Images
from export.parity import Labels
from export.run import Run

NAME = "MODEL_CARD.md"
ERRORS, CURVES = "errors.png", "curves.png"
COLUMNS, ROWS = 10, 4  # of the picture of errors
DPI = 80
FREQUENT = 8  # kinds of confusion that are named
OTHERS = "<!-- table: others -->\nNot measured yet.\n<!-- end -->"


class Judged(NamedTuple):
    """How the int8 .tflite file did on the test digits."""

    images: Images  # (N, 28, 28), as the data set has them
    labels: NDArray[np.uint8]  # (N,)
    predicted: Labels  # (N,)

    @property
    def wrong(self) -> NDArray[np.intp]:
        """Places of the digits that were misread."""
        return np.flatnonzero(self.predicted != self.labels)


def files(run: Run, manifest: dict[str, Any], judged: Judged) -> dict[str, bytes]:
    """Return the card and its pictures by file name."""
    made = {NAME: _text(run, manifest, judged).encode(), ERRORS: _errors(judged)}
    if run.curves is not None:
        made[CURVES] = run.curves
    return made


def _text(run: Run, manifest: dict[str, Any], judged: Judged) -> str:
    recipe, training = run.recipe, run.training
    key = "mnist_test"
    rows = [("Keras, float32", "", manifest["keras"]["accuracy"][key], None)]
    rows += [
        (kind.replace("_", " "), f"{file['bytes']:,}", file["accuracy"][key], file["agreement"])
        for kind, file in manifest["files"].items()
    ]
    figures = "\n".join(
        f"| {kind} | {size} | {accuracy:.2%} | {'' if agreement is None else f'{agreement:.2%}'} |"
        for kind, size, accuracy, agreement in rows
    )
    curves = f"\n![Accuracy and loss of each epoch]({CURVES})\n" if run.curves is not None else ""
    return f"""# {recipe.name}

{recipe.summary[0].upper()}{recipe.summary[1:]}. {training["parameters"]:,} weights.

Reads one handwritten digit 0 to 9 in a 28x28 picture that
`edge_runtime.normalise` has made{_or_none(manifest)}; of several digits it says only nonsense.

## Data

MNIST (Yann LeCun, Corinna Cortes, Christopher Burges; CC BY-SA 3.0), SHA-256 `{training["data_sha256"]}`.
{_data(run)}

## Method

{_method(run)}
{curves}
## Figures

On the 10,000 test digits, as raw arrays through the runtime's own interpreters. Agreement is with the trained
network, on the last 10,000 training digits.

| format | bytes | test digits right | agreement |
| --- | ---: | ---: | ---: |
{figures}

## Other people's digits

{OTHERS}

## Confidence

{_confidence(manifest)}

## Limits

MNIST's writers are American: a 1 with a long upstroke, a 7 with a bar, a 4 or 9 of another school are read less well.
{_others_limits(manifest)} The smaller the network, the more dirt,
shadow and blur cost. Not for anything where a wrong digit harms somebody and nobody looks at it again.

## Where it fails

The int8 .tflite file misreads {len(judged.wrong)} of the {len(judged.labels):,} test digits, most often
{_confusions(judged)}.

![test digits that it misreads, true → read]({ERRORS})
"""


def _data(run: Run) -> str:
    recipe = run.recipe
    if run.training["final"]:
        text = "Trained on all 60,000 training digits, after all choices had been made"
        text += " on the last 10,000 of them." if recipe.validate else "."
    else:
        text = "Trained on the first 50,000 training digits; the last 10,000 are for validation."
    if extra := run.training.get("extra"):
        text += f"\nBeside them, it was trained on {extra:,} digits of its maker's own (`--extra`)."
    if recipe.deforms:
        lessons = len(recipe.lessons)
        anew = lessons * min(recipe.deformed_epochs, -(-run.training["epochs"] // lessons))
        text += (
            f"\nThe digits are bent, redrawn and dirtied in {anew} ways each (`train/augmentation/augment.py`) and"
            " normalised as the runtime does it."
        )
    if recipe.others:
        text += (
            f"\nOf what an epoch shows, {recipe.others:.0%} is no digit, drawn by `train/synthetic/nondigits.py`:"
            " letters, parts of digits, scribbles, noise, shapes."
        )
    return text


def _or_none(manifest: dict[str, Any]) -> str:
    return ", or says that there is none" if NON_DIGIT_LABEL in manifest["labels"] else ""


def _others_limits(manifest: dict[str, Any]) -> str:
    if NON_DIGIT_LABEL in manifest["labels"]:
        return (
            "Letters and drawings are\nmostly rejected, but not all; O o I l S s Z z B g q b look like digits and are"
            " taken for them."
        )
    return "A\nconfidence is that of a digit among digits: what is no digit gets a label, too."


def _confidence(manifest: dict[str, Any]) -> str:
    thresholds = manifest["thresholds"]
    if not thresholds:
        return "Not calibrated: no run that kept digits back was named to the export."
    run = manifest["validated"]
    rows = "\n".join(
        f"| {each['max_error']:.2%} | {each['min_confidence']:.4f} | {each['coverage']:.2%} |"
        for each in thresholds["by_error"]
    )
    shared = "" if not any(teacher["final"] for teacher in run["teachers"]) else (
        "\nIts teachers had seen these digits, which it had not."
    )  # fmt: skip
    heat, digits = manifest["temperature"], thresholds["digits"]
    none = "" if thresholds["max_none"] == 1 else (
        f", and where that it\nis none has at most {thresholds['max_none']:.4f} times that probability"
    )  # fmt: skip
    return f"""Temperature {heat:g}, fitted on {digits:,} digits that a run of the same recipe, {run["epochs"]} epochs
on 50,000 others, was not trained on. Accepted by default from a confidence of
{thresholds["min_confidence"]:.4f}{none}.{shared}

| wrong among the accepted, at most | least confidence | accepted |
| ---: | ---: | ---: |
{rows}"""


def _method(run: Run) -> str:
    recipe, training = run.recipe, run.training
    lines = [
        f"`python -m train {recipe.name}`, seed {training['seed']}, {training['epochs']} epochs in batches of "
        f"{recipe.batch}, {recipe.optimizer}, products in {training['precision']}: {training['seconds']:.0f} s, "
        f"{training['waiting_share']:.0%} of it waiting for digits."
    ]
    if recipe.distil and training["teachers"]:
        teachers = ", ".join(f"`{teacher['recipe']}` seed {teacher['seed']}" for teacher in training["teachers"])
        lines.append(
            f"Taught by {teachers}: {recipe.distil.share:.0%} of the loss at temperature {recipe.distil.temperature:g}."
        )
    if recipe.average:
        lines.append(f"The weights are a running average with a memory of {recipe.average:g} a step.")
    if recipe.weight_bits:
        lines.append(f"Trained with weights rounded to {recipe.weight_bits} bits.")
    if recipe.published:
        lines.append(f"A reproduction: {recipe.published['test_accuracy']:.2%} was published.")
    libraries = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    return "\n".join([*lines, f"Made with {libraries}."])


def _confusions(judged: Judged) -> str:
    pairs = Counter(zip(judged.labels[judged.wrong].tolist(), judged.predicted[judged.wrong].tolist(), strict=True))
    found = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    return ", ".join(f"{true} as {read} ({count})" for (true, read), count in found) or "none"


def _errors(judged: Judged) -> bytes:
    """The first misread digits, each with its true and its read label, as PNG."""
    figure = Figure(figsize=(0.8 * COLUMNS, 1.0 * ROWS), dpi=DPI, layout="constrained")
    places = iter(judged.wrong)
    for axes in figure.subplots(ROWS, COLUMNS).flat:
        axes.set_axis_off()
        if (place := next(places, None)) is not None:
            axes.imshow(judged.images[place], cmap="gray_r", vmin=0, vmax=255)
            axes.set_title(f"{judged.labels[place]} → {judged.predicted[place]}", fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
