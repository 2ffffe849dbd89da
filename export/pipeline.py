"""From a run folder to a bundle: the one place that knows the order of things."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edge_runtime.types import Images
from export import bundle, card, onnx, parity, tflite
from export.logits import logits_model
from export.parity import Labels
from export.run import read_run
from train.data import load_mnist, normalised

CALIBRATION = 1000  # digits, about a hundred of each
KERAS = "model.keras"
PATHS = {
    "tflite_float": "model_float.tflite",
    "tflite_int8": "model_int8.tflite",
    "onnx_float": "model_float.onnx",
    "onnx_int8": "model_int8.onnx",
}


def export_run(
    folder: Path, out: Path, data: Path | None = None, overwrite: bool = False, tell: Callable[[str], None] = print
) -> dict[str, Any]:
    """Convert a run, hold the result against the trained network, and write it as a bundle.

    folder: what `python -m train` wrote; out: the bundle's folder; data: MNIST, as for `load_mnist`.
    tell: takes a line of progress. Returns the manifest.
    Raises RunError, DataError, ParityError or OutputError; then nothing has been written.
    """
    bundle.check_target(out, overwrite)
    tell(f"reading {folder}")
    run = read_run(folder)
    mnist = load_mnist(data)
    # A network that was trained on normalised digits is measured on such, like the figures of its run.
    view = normalised if run.recipe.deforms else np.asarray
    validation_images, validation_labels = mnist.validation_part()
    validation = view(validation_images)

    training_images, _ = mnist.fit_part()
    calibration = normalised(training_images[:: len(training_images) // CALIBRATION])
    logits = logits_model(run.model, calibration)
    models = _convert(logits.model, calibration, run.recipe.per_channel, tell)
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
    tensors |= onnx.tensors(logits.model.input_shape[1:])
    files = {
        kind: bundle.describe(
            PATHS[kind],
            model,
            tensors[kind],
            accuracy={"mnist_test": parity.accuracy(read[kind], true)},
            agreement=parity.accuracy(predicted[kind], trained),
        )
        for kind, model in models.items()
    }
    figures = {"accuracy": {"mnist_test": parity.accuracy(_predict(run.model, digits), true)}}
    manifest = bundle.manifest(run.recipe.name, run.recipe.summary, logits.activation, files, figures, run.training)
    contents = {PATHS[kind]: model for kind, model in models.items()}
    contents[KERAS] = (folder / KERAS).read_bytes()  # what the others are held against
    contents |= card.files(run, manifest, card.Judged(raw, true, read["tflite_int8"]))
    bundle.write(out, contents, manifest, overwrite)
    return manifest


def _convert(
    model: keras.Model, calibration: Images, per_channel: bool, tell: Callable[[str], None]
) -> dict[str, bytes]:
    """Return all four formats, int8 ranges measured on uint8 (N, 28, 28) digits; raises ParityError."""
    tell("converting to TFLite, float32 and int8")
    tflite_float = tflite.convert_float(model)
    tflite_int8 = tflite.convert_int8(model, calibration, per_channel)
    parity.check_graph("tflite_int8", tflite.inspect(tflite_int8))
    tell("converting to ONNX, float32 and int8")
    onnx_float = onnx.convert_float(model)
    return {
        "tflite_float": tflite_float,
        "tflite_int8": tflite_int8,
        "onnx_float": onnx_float,
        "onnx_int8": onnx.convert_int8(onnx_float, calibration),
    }


def _predict(model: keras.Model, digits: Images) -> Labels:
    return model.predict(digits, batch_size=1000, verbose=0).argmax(1)
