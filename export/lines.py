"""From a run of a network that reads lines to its bundle; the counterpart of `pipeline`, which is for single digits."""

from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import LINE, Shapes, load_line_bundle
from edge_runtime.lines.ctc import Decoded
from edge_runtime.lines.recognizer import decode_lines
from edge_runtime.types import NON_DIGIT
from export import bundle, card, formats, golden, onnx, parity, tflite
from export.confidence import Confidence, measure
from export.logits import lines_model, outputs
from export.run import Run
from train.data.mnist import load_mnist
from train.line_fit import JUDGE_SEED, JUDGED, texts
from train.network import fixed
from train.synthetic.lines import lines

CALIBRATION = 500  # lines of training digits
LIMITS = parity.Limits(loss=0.010, agreement=0.95)  # of whole lines, among them many that nobody could read
PICTURE = "lines.png"


def export_lines(
    run: Run, folder: Path, out: Path, data: Path | None, overwrite: bool, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Convert a run, hold the result against the trained network on generated lines, and write it as a bundle.

    As `pipeline.export_run`, which calls this. Returns the manifest.
    """
    tell("reading MNIST and drawing lines to calibrate on")
    mnist = load_mnist(data)
    trained = fixed(run.model, run.recipe, LINE[1])
    calibration = lines(*mnist.fit_part(), CALIBRATION, JUDGE_SEED + 1).images
    model = lines_model(trained, calibration)
    models = formats.convert(model, calibration, run.recipe.per_channel, tell)
    parity.check_size("tflite_int8", len(models["tflite_int8"]), run.recipe.max_bytes)

    tell(f"drawing {2 * JUDGED:,} lines to compare on")
    judged = lines(*mnist.validation_part(), JUDGED, JUDGE_SEED)
    test = lines(mnist.test_images, mnist.test_labels, JUDGED, JUDGE_SEED)
    tell(f"comparing with the trained network on {JUDGED:,} lines of validation digits")
    wanted = texts(outputs(trained, judged.images))
    true = judged.texts()
    shapes = Shapes(LINE, tuple(trained.output_shape[1:]))
    agreement, accuracy = {}, {}
    for kind, content in models.items():
        given = texts(parity.logits(kind, content, judged.images))
        parity.check_labels(kind, given, wanted, true, LIMITS, "lines of validation digits")
        agreement[kind] = parity.accuracy(given, wanted)
        accuracy[kind] = parity.accuracy(texts(parity.logits(kind, content, test.images)), test.texts())
    tensors = {kind: tflite.inspect(models[kind]).tensors() for kind in ("tflite_float", "tflite_int8")}
    tensors |= onnx.tensors(model.input_shape[1:], shapes.outputs)
    files = {
        kind: bundle.describe(
            formats.PATHS[kind],
            content,
            tensors[kind],
            accuracy={"test_lines": accuracy[kind]},
            agreement=agreement[kind],
        )
        for kind, content in models.items()
    }
    own = texts(outputs(trained, test.images))
    known, entry = golden.make(models, shapes)
    manifest = bundle.manifest(
        run.recipe.name,
        run.recipe.summary,
        "softmax",
        shapes,
        files,
        {"accuracy": {"test_lines": parity.accuracy(own, test.texts())}},
        _confidence(decode_lines(partial(parity.logits, "tflite_int8", models["tflite_int8"]), judged.images), true),
        run.training,
        entry,
    )
    contents = {formats.PATHS[kind]: content for kind, content in models.items()} | {golden.NAME: known}
    contents[formats.KERAS] = (folder / formats.KERAS).read_bytes()
    contents[card.NAME] = _card(run, manifest).encode()
    if (folder / PICTURE).is_file():
        contents[PICTURE] = (folder / PICTURE).read_bytes()
    bundle.write(out, contents, manifest, overwrite, load_line_bundle)
    return manifest


def _card(run: Run, manifest: dict[str, Any]) -> str:
    training = run.training
    rows = [("Keras, float32", "", manifest["keras"]["accuracy"]["test_lines"], "")]
    rows += [
        (kind.replace("_", " "), f"{file['bytes']:,}", file["accuracy"]["test_lines"], f"{file['agreement']:.2%}")
        for kind, file in manifest["files"].items()
    ]
    figures = "\n".join(f"| {kind} | {size} | {right:.2%} | {agreed} |" for kind, size, right, agreed in rows)
    return f"""# {run.recipe.name}

{run.recipe.summary[0].upper()}{run.recipe.summary[1:]}. {training["parameters"]:,} weights.

Reads the digits of one row, as `edge_runtime.find.line` cuts it out of a page and scales it to 32x192, whether they
touch or not. Dots, dashes and other signs between them are left out.

## Data

Lines drawn with single digits of MNIST (Yann LeCun, Corinna Cortes, Christopher Burges; CC BY-SA 3.0), SHA-256
`{training["data_sha256"]}`: `train/synthetic/lines.py`. Some digits are drawn anew in shapes of other schools
(`train/synthetic/hands.py`). No line that somebody wrote was trained on.

![Lines that it was trained on]({PICTURE})

## Method

`python -m train {run.recipe.name}`, seed {training["seed"]}, {training["epochs"]} epochs in batches of
{run.recipe.batch}, {run.recipe.optimizer}, the loss of connectionist temporal classification,
products in {training["precision"]}:
{training["seconds"]:.0f} s.

## Figures

On {JUDGED:,} lines drawn with test digits, as raw arrays through the runtime's own interpreters: lines without a fault.
Agreement is with the trained network, on lines drawn with validation digits. Many of these lines nobody could read.

| format | bytes | lines right | agreement |
| --- | ---: | ---: | ---: |
{figures}

Other people's lines are measured by `python -m benchmarks pages`; the README has the figures.

## Limits

A row of more than some eight digits is read in parts. Digits that lie over one another are read less well than those
that touch, and so are those of hands far from MNIST's. Not for anything where a wrong digit harms somebody and nobody
looks at it again.
"""


def _confidence(lines_read: list[Decoded], true: NDArray[np.str_]) -> Confidence:
    """How sure the digits of lines may be taken to be: those read, held against those that are there.

    lines_read: N lines of validation digits; true: (N,), what they say. By default all are taken: the network has said
    already where no digit is.
    """
    read, labels = [], []
    for decoded, text in zip(lines_read, true, strict=True):
        said = "".join(map(str, decoded.labels))
        held = np.full(len(said), NON_DIGIT)  # what is read and is not there is no digit
        for kind, first, last, start, stop in SequenceMatcher(None, said, text, autojunk=False).get_opcodes():
            if kind == "equal" or (kind == "replace" and last - first == stop - start):
                held[first:last] = [int(digit) for digit in text[start:stop]]
        read.append(decoded.columns)
        labels.append(held)
    return measure(np.concatenate(read), np.concatenate(labels), kept=1.0)
