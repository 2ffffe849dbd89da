"""The model card of a network that reads digits: its data and training, what it reads, and images of its errors.

Everything in it comes from the run's own files and from the measurements of the export. `python -m benchmarks tables`
adds the accuracy on other people's digits, where it has been measured.
"""

import io
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import NON_DIGIT_LABEL
from edge_runtime.types import Images
from train import card
from train.recipes import Recipe
from train.tasks import Exported

ERRORS, CURVES = "errors.png", "curves.png"
COLUMNS, ROWS = 10, 4  # of the image of errors
DPI = 80
FREQUENT = 8  # confusions that are listed
# Filled in by the second command.
OTHERS = """<!-- table: others -->
Run `python -m benchmarks parity --real DIR`, then `python -m benchmarks tables`.
<!-- end -->"""


class Judged(NamedTuple):
    """The labels that the int8 .tflite file gives to the test digits."""

    images: Images  # (N, 28, 28), as in the data set
    labels: NDArray[np.uint8]  # (N,)
    predicted: NDArray[np.integer]  # (N,)

    @property
    def wrong(self) -> NDArray[np.intp]:
        """Indices of the digits that are misread."""
        return np.flatnonzero(self.predicted != self.labels)


def files(exported: Exported) -> dict[str, bytes]:
    """Return the card and its images by file name."""
    judged = Judged(exported.mnist.test_images, exported.mnist.test_labels, exported.answers)
    curves = exported.folder / CURVES
    made = {card.NAME: _text(exported, judged, curves.is_file()).encode(), ERRORS: _errors(judged)}
    if curves.is_file():
        made[CURVES] = curves.read_bytes()
    return made


def _text(exported: Exported, judged: Judged, has_curves: bool) -> str:
    recipe, training, manifest = exported.recipe, exported.training, exported.manifest
    curves = f"\n![Accuracy and loss of each epoch]({CURVES})\n" if has_curves else ""
    return f"""{card.heading(recipe, training)}

Reads one handwritten digit 0 to 9 in a 28x28 image from
`edge_runtime.normalise`{_or_non_digit(manifest)}. An image of several digits gives a meaningless label.

## Data

MNIST (Yann LeCun, Corinna Cortes, Christopher Burges; CC BY-SA 3.0), SHA-256 `{training["data_sha256"]}`.
{_data(recipe, training)}

## Method

{_method(recipe, training)}
{curves}
## Figures

On the 10,000 test digits, as raw arrays through the runtime's own interpreters. Agreement is with the trained
network, on the last 10,000 training digits.

{card.accuracy_table(manifest, "mnist_test", "accuracy on test digits")}

## Other people's digits

{OTHERS}

## Confidence

{_confidence(manifest)}

## Limits

MNIST's writers are American: a 1 with a long upstroke, a 7 with a bar, and a 4 or 9 of another school are read less
well. {_non_digit_limits(manifest)} The smaller the network, the lower its accuracy with stains, shadows and blur.
Not for use where a wrong digit can harm somebody and nobody checks it.

## Where it fails

The int8 .tflite file misreads {len(judged.wrong)} of the {len(judged.labels):,} test digits, most often
{_confusions(judged)}.

![test digits that it misreads, true → read]({ERRORS})
"""


def _data(recipe: Recipe, training: dict[str, Any]) -> str:
    if training["final"]:
        text = "Trained on all 60,000 training digits, after all choices had been made"
        text += " on the last 10,000 of them." if recipe.validate else "."
    else:
        text = "Trained on the first 50,000 training digits; the last 10,000 are for validation."
    if extra := training.get("extra"):
        text += f"\nIt was also trained on {extra:,} digits of the user's own (`--extra`)."
    if recipe.augments:
        lessons = len(recipe.lessons)
        variants = lessons * min(recipe.augmented_epochs, -(-training["epochs"] // lessons))
        text += (
            f"\nEach digit is augmented in {variants} ways (`train/augmentation/augment.py`) and normalised as in the"
            " runtime."
        )
    if recipe.nondigits:
        text += (
            f"\n{recipe.nondigits:.0%} of the images of an epoch are non-digits, drawn by"
            " `train/synthetic/nondigits.py`: letters, parts of digits, scribbles, noise, shapes."
        )
    return text


def _or_non_digit(manifest: dict[str, Any]) -> str:
    return ", or recognises a non-digit" if NON_DIGIT_LABEL in manifest["labels"] else ""


def _non_digit_limits(manifest: dict[str, Any]) -> str:
    if NON_DIGIT_LABEL in manifest["labels"]:
        return (
            "Most letters and drawings are rejected, but not all;\nO o I l S s Z z B g q b look like digits and are"
            " read as digits."
        )
    return "It has no\noutput for non-digits: they get a label and a confidence, too."


def _confidence(manifest: dict[str, Any]) -> str:
    thresholds = manifest["thresholds"]
    if not thresholds:
        return "Not calibrated: the export was given no run that kept validation digits back (`--validated`)."
    run = manifest["validated"]
    rows = "\n".join(
        f"| {each['max_error']:.2%} | {each['min_confidence']:.4f} | {each['coverage']:.2%} |"
        for each in thresholds["by_error"]
    )
    shared = ""
    if any(teacher["final"] for teacher in run["teachers"]):
        shared = "\nIts teachers were trained on these digits; the run itself was not."
    nondigit = ""
    if thresholds["max_non_digit"] != 1:
        nondigit = f", and a\nprobability of a non-digit of at most {thresholds['max_non_digit']:.4f} times that"
    return f"""Temperature {manifest["temperature"]:g}, fitted on {thresholds["digits"]:,} digits that a run of the same
recipe, {run["epochs"]} epochs on 50,000 others, was not trained on. Accepted by default from a confidence of
{thresholds["min_confidence"]:.4f}{nondigit}.{shared}

| target error rate among accepted digits | lowest confidence | accepted |
| ---: | ---: | ---: |
{rows}"""


def _method(recipe: Recipe, training: dict[str, Any]) -> str:
    lines = [
        f"`python -m train {recipe.name}`, seed {training['seed']}, {training['epochs']} epochs in batches of "
        f"{recipe.batch}, {recipe.optimizer}, products in {training['precision']}: {training['seconds']:.0f} s, "
        f"{training['waiting_share']:.0%} of it waiting for images."
    ]
    if recipe.distil and training["teachers"]:
        teachers = ", ".join(f"`{teacher['recipe']}` seed {teacher['seed']}" for teacher in training["teachers"])
        lines.append(
            f"Taught by {teachers}: {recipe.distil.share:.0%} of the loss at temperature {recipe.distil.temperature:g}."
        )
    if recipe.average:
        lines.append(f"The weights are a running average with a decay of {recipe.average:g} per step.")
    if recipe.published:
        lines.append(f"A reproduction; the published accuracy is {recipe.published['test_accuracy']:.2%}.")
    libraries = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    return "\n".join([*lines, f"Made with {libraries}."])


def _confusions(judged: Judged) -> str:
    pairs = Counter(zip(judged.labels[judged.wrong].tolist(), judged.predicted[judged.wrong].tolist(), strict=True))
    found = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:FREQUENT]
    return ", ".join(f"{true} as {read} ({count})" for (true, read), count in found) or "no confusion"


def _errors(judged: Judged) -> bytes:
    """Draw the first misread digits, each with its true label and its prediction, as PNG."""
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
