"""From a run folder to a bundle: the one place that knows the order of things."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge_runtime.bundles.bundle import DIGIT, Shapes
from edge_runtime.errors import UsageError
from edge_runtime.types import Images
from export import bundle, card, confidence, formats, golden, lines, onnx, parity, tflite
from export.errors import RunError
from export.logits import Logits, logits_model, outputs
from export.parity import DIGITS, Labels
from export.run import Run, read_run
from train.data.mnist import Mnist, load_mnist, normalised
from train.synthetic.nondigits import Others

CALIBRATION = 1000  # digits, about a hundred of each
OTHERS = 250  # pictures of no digit beside them, for a network that has an output for these
SEED = 1  # of these; the ones of training have another


def export_run(
    folder: Path,
    out: Path,
    data: Path | None = None,
    overwrite: bool = False,
    tell: Callable[[str], None] = print,
    validated: Path | None = None,
) -> dict[str, Any]:
    """Convert a run, hold the result against the trained network, and write it as a bundle.

    folder: what `python -m train` wrote; out: the bundle's folder; data: MNIST, as for `load_mnist`.
    tell: takes a line of progress. validated: a run of the same recipe that is not final: temperature and thresholds
    are measured on it where `folder` holds a final one, which has no digits left for that. Returns the manifest.
    Raises UsageError where `validated` would have no effect, RunError, DataError, ParityError or OutputError; then
    nothing has been written.
    """
    bundle.check_target(out, overwrite)
    tell(f"reading {folder}")
    run = read_run(folder)
    if run.recipe.reads_lines:
        if validated is not None:
            raise UsageError("--validated has no effect: lines are generated, and a final run has lines for that, too")
        return lines.export_lines(run, folder, out, data, overwrite, tell)
    other = _validated(run, validated)
    tell("reading MNIST")
    mnist = load_mnist(data)
    # A network that was trained on normalised digits is measured on such, like the figures of its run.
    view = normalised if run.recipe.deforms else np.asarray
    validation_images, validation_labels = mnist.validation_part()
    validation = view(validation_images)

    calibration = _calibration(run, mnist)
    logits = logits_model(run.model, calibration)
    models = formats.convert(logits.model, calibration, run.recipe.per_channel, tell)
    parity.check_size("tflite_int8", len(models["tflite_int8"]), run.recipe.max_bytes)

    tell(f"comparing with the trained network on {len(validation):,} validation digits")
    trained = _predict(run.model, validation)
    limits = parity.REPRODUCTIONS if run.recipe.reproduction else parity.OURS
    predicted = {kind: parity.predict(kind, model, validation) for kind, model in models.items()}
    for kind, labels in predicted.items():
        parity.check_labels(kind, labels, trained, validation_labels, limits)

    raw, true = mnist.test_images, mnist.test_labels
    tell(f"measuring on {len(true):,} test digits")
    digits = view(raw)
    read = {kind: parity.predict(kind, model, digits) for kind, model in models.items()}
    tensors = {kind: tflite.inspect(models[kind]).tensors() for kind in ("tflite_float", "tflite_int8")}
    shapes = Shapes(DIGIT, (run.recipe.classes,))
    tensors |= onnx.tensors(logits.model.input_shape[1:], shapes.outputs)
    files = {
        kind: bundle.describe(
            formats.PATHS[kind],
            model,
            tensors[kind],
            accuracy={"mnist_test": parity.accuracy(read[kind], true)},
            agreement=parity.accuracy(predicted[kind], trained),
        )
        for kind, model in models.items()
    }
    figures = {"accuracy": {"mnist_test": parity.accuracy(_predict(run.model, digits), true)}}
    sure = None
    if other is not None:
        tell(f"measuring confidence on {len(validation):,} validation digits")
        model = models["tflite_int8"] if other is run else _int8(other, mnist)
        said = parity.logits("tflite_int8", model, validation)
        sure = confidence.measure(said, validation_labels, logits.activation == "softmax")
    known, entry = golden.make(models, shapes)
    manifest = bundle.manifest(
        run.recipe.name, run.recipe.summary, logits.activation, shapes, files, figures, sure, run.training, entry
    )
    manifest["validated"] = other.training if other else None
    contents = {formats.PATHS[kind]: model for kind, model in models.items()} | {golden.NAME: known}
    contents[formats.KERAS] = (folder / formats.KERAS).read_bytes()  # what the others are held against
    contents |= card.files(run, manifest, card.Judged(raw, true, read["tflite_int8"]))
    bundle.write(out, contents, manifest, overwrite)
    return manifest


def _validated(run: Run, folder: Path | None) -> Run | None:
    """The run whose validation digits tell how sure a network may be taken to be, if there is one."""
    if not run.training["final"]:
        if folder is not None:
            raise UsageError("--validated has no effect: the run kept validation digits back itself")
        return run
    if folder is None:
        return None
    other = read_run(folder)
    if other.recipe != run.recipe or other.training["final"] or not other.recipe.validate:
        raise RunError(f"{folder} holds no run of {run.recipe.name} that kept digits back: train one without --final")
    return other


def _calibration(run: Run, mnist: Mnist) -> Images:
    """What the ranges of int8 are measured on: uint8 (N, 28, 28), a tenth of them no digits where some were trained."""
    images, labels = mnist.fit_part()
    some = slice(None, None, len(images) // CALIBRATION)
    digits = normalised(images[some])
    if not run.recipe.others:
        return digits
    return np.concatenate([digits, Others(digits, labels[some], SEED, OTHERS).epoch(0)])


def _int8(run: Run, mnist: Mnist) -> bytes:
    calibration = _calibration(run, mnist)
    logits: Logits = logits_model(run.model, calibration)
    return tflite.convert_int8(logits.model, calibration, run.recipe.per_channel)


def _predict(model: keras.Model, digits: Images) -> Labels:
    return outputs(model, digits)[:, :DIGITS].argmax(1)
