"""Accuracy of every shipped model in every format, on clean MNIST and on other people's digits.

In: bundles, MNIST, and with `real` a folder of labelled images, each set with a labels.csv (filename,label).
Out: fractions, ready for JSON.
"""

import tempfile
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import keras_model
from benchmarks.labelled import labelled
from benchmarks.statistics import calibration_error, mcnemar, wilson
from edge_runtime import Classifier, Reader, read_gray
from edge_runtime.backends import NUMPY, open_backend
from edge_runtime.batch.rows import rows
from edge_runtime.bundles.bundle import Bundle, load_bundle
from edge_runtime.errors import FileError, InputError, UnsupportedModelError
from edge_runtime.normalise import SIZE, normalise, normalise_all
from edge_runtime.types import Images
from export.parity import BACKENDS
from train.data.mnist import Mnist
from train.results import CLASSES

KERAS = "keras"
FLOATS = (KERAS, "tflite_float", "onnx_float")  # the first that exists is the reference
LOSS = 0.0005  # largest loss of accuracy of the default model's int8 files
AGREEMENT = 0.999  # lowest agreement of these with the float file
CALIBRATION = 0.005  # largest expected calibration error on the test digits
STEPS = 1  # of int8: largest difference between NumPy's and LiteRT's outputs; no label may differ
SAME = 0.01  # of a logit: largest difference between two float files of one network
Tell = Callable[[str], None]


class Outputs(NamedTuple):
    """The outputs of one format for N digits."""

    size: int  # bytes of its file
    logits: NDArray[np.float64]  # (N, 10), or (N, 11) with non-digits

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels (N,), 0 to 9."""
        return np.asarray(self.logits[:, :CLASSES].argmax(1), np.int64)


def outputs(bundle: Bundle, keras_file: Path | None, digits: Images) -> dict[str, Outputs]:
    """Run every existing format of a bundle on uint8 (N, 28, 28); raises FileError for another network's Keras file."""
    found = {}
    if keras_file is not None:
        found[KERAS] = Outputs(keras_file.stat().st_size, keras_model.logits(keras_file, digits))
    for kind, file in bundle.files.items():
        if file.path.is_file():
            backend = BACKENDS[kind].load(file.load(), 1, bundle.shapes)
            raw = backend.run(digits).astype(np.float64)
            found[kind] = Outputs(file.size, backend.scale * (raw - backend.zero_point))
            if kind in FLOATS and KERAS in found and not _same(found[kind], found[KERAS]):
                raise FileError(f"{keras_file} is not the network that {file.path} was exported from")
    return found


def measure(found: Mapping[str, Outputs], true: NDArray[np.integer]) -> dict[str, Any]:
    """Compare each format with the true labels (N,) and with the first float one, `reference`."""
    reference = next((kind for kind in FLOATS if kind in found), None)
    formats = {}
    for kind, each in found.items():
        right = int((each.labels == true).sum())
        formats[kind] = {
            "bytes": each.size,
            "accuracy": right / len(true),
            "interval": list(wilson(right, len(true))),
            "agreement": None,
        }
        if reference is not None:
            trained = found[reference]
            difference = _difference(each, trained)
            formats[kind] |= {
                "agreement": float((each.labels == trained.labels).mean()),
                "logits": {"largest": float(difference.max()), "mean": float(difference.mean())},
                "against_reference": mcnemar(trained.labels, each.labels, true)._asdict(),
            }
    return {"reference": reference, "formats": formats}


def formats(name: str, mnist: Mnist, tell: Tell, keras_file: Path | None = None) -> tuple[Any, dict[str, Outputs]]:
    """Measure each format of one model on the 10,000 test digits, and the same as PNG files through the pipeline.

    Returns the metrics, and the outputs of each format.
    """
    bundle = load_bundle(name)
    tell(f"{name}: test digits in each format")
    found = outputs(bundle, keras_file, mnist.test_images)
    tell(f"{name}: test digits as PNG files")
    png_files = _as_files(bundle, mnist.test_images, mnist.test_labels)
    figures = {
        "model": bundle.file("tflite_int8").sha256,
        **measure(found, mnist.test_labels),
        "numpy": without_interpreter(bundle, mnist.test_images),
        "png_files": png_files,
        "calibration_error": _calibration_error(bundle, mnist),
    }
    return figures, found


def without_interpreter(bundle: Bundle, digits: Images) -> dict[str, float] | None:
    """Compare the NumPy backend with LiteRT on uint8 (N, 28, 28); None where it cannot run the network.

    labels: share of the digits with LiteRT's label; steps: largest difference of an int8 output from LiteRT's.
    """
    try:
        _, numpy = open_backend(NUMPY, bundle)
    except UnsupportedModelError:
        return None
    _, litert = open_backend("litert", bundle)
    given, reference = (backend.run(digits).astype(np.int64) for backend in (numpy, litert))
    same = given[:, :CLASSES].argmax(1) == reference[:, :CLASSES].argmax(1)
    return {"labels": float(same.mean()), "steps": int(np.abs(given - reference).max())}


def numpy_lapses(figures: Mapping[str, Any]) -> list[str]:
    """Return a line where the NumPy backend differs from LiteRT."""
    found = figures["numpy"]
    if found is None or (found["labels"] == 1 and found["steps"] <= STEPS):
        return []
    return [f"NumPy gives LiteRT's label for {found['labels']:.2%} of the digits, {found['steps']} steps off at most"]


def lapses(figures: Mapping[str, Any]) -> list[str]:
    """Return a line for each int8 format that misses its target, and for a calibration error that is too large."""
    reference, found = figures["reference"], figures["formats"]
    if reference is None:
        return ["there is no float file to hold the int8 ones against"]
    lines = []
    for kind, each in found.items():
        lost = found[reference]["accuracy"] - each["accuracy"]
        if kind.endswith("_int8") and lost > LOSS + 1e-9:
            lines.append(f"{kind} reads {lost:.2%} fewer digits than {reference}; {LOSS:.2%} is allowed")
        if kind.endswith("_int8") and each["agreement"] < AGREEMENT:
            lines.append(f"{kind} agrees with {reference} on {each['agreement']:.2%}; the target is {AGREEMENT:.1%}")
    if figures.get("calibration_error", 0) > CALIBRATION:
        lines.append(f"its calibration error is {figures['calibration_error']:.2%}; {CALIBRATION:.1%} is allowed")
    return lines


def compare(labels: Mapping[str, NDArray[np.int64]], true: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Compare every two models on the same digits (McNemar's exact test).

    labels: by model, what its int8 .tflite file reads, each (N,); true: (N,).
    """
    return [
        {"first": first, "second": second, **mcnemar(labels[first], labels[second], true)._asdict()}
        for first, second in combinations(labels, 2)
    ]


def real(name: str, folder: Path, mnist_c: Path | None, tell: Tell, keras_file: Path | None = None) -> dict[str, Any]:
    """Measure one model on other people's digits, from image file to label: accuracy by the set's name in `sets`.

    The folder's sets in every format, too, once normalised: in `formats`, as `measure` gives it.

    folder: every labels.csv below it whose labels are single digits is a set. mnist_c: npz of uint8 (N, 28, 28) arrays
    named by their corruption, and `labels`.
    """
    classifier = Classifier(name)
    reader = Reader(classifier)
    measured: dict[str, float] = {}
    in_formats = {}
    for kind, place, truth in labelled(folder):
        if not truth:
            raise FileError(f"the labels.csv of {place} names no files")
        if all(len(label) == 1 for label in truth.values()):
            tell(f"{name}: {kind}")
            measured[kind] = _score(reader, place, truth)
            crops, labels = _crops(place, truth)
            in_formats[kind] = measure(outputs(classifier.bundle, keras_file, crops), labels)
    if mnist_c is not None:
        tell(f"{name}: MNIST-C")
        measured |= _corrupted(reader, mnist_c)
    return {"model": classifier.bundle.file("tflite_int8").sha256, "sets": measured, "formats": in_formats}


def _calibration_error(bundle: Bundle, mnist: Mnist) -> float:
    """Return the expected calibration error of the int8 file on the test digits."""
    result = Classifier(bundle).classify_normalised(normalise_all(mnist.test_images))
    return calibration_error(result.confidence, result.label == mnist.test_labels)


def _same(one: Outputs, other: Outputs) -> bool:
    return one.logits.shape == other.logits.shape and float(_difference(one, other).max()) <= SAME


def _difference(one: Outputs, other: Outputs) -> NDArray[np.float64]:
    return np.abs(one.logits - other.logits)


def _crops(folder: Path, truth: Mapping[str, str]) -> tuple[Images, NDArray[np.int64]]:
    """Return normalised images (N, 28, 28) and labels (N,); 10, which no format gives, for unreadable images."""
    crops, labels = np.zeros((len(truth), SIZE, SIZE), np.uint8), np.full(len(truth), 10)
    for index, (path, label) in enumerate(truth.items()):
        try:
            crops[index] = normalise(read_gray(folder / path))
            labels[index] = int(label)
        except InputError:
            continue
    return crops, labels


def _as_files(bundle: Bundle, images: Images, labels: NDArray[np.uint8]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        truth = {f"{index:05}.png": str(label) for index, label in enumerate(labels)}
        for path, image in zip(truth, images, strict=True):
            cv2.imwrite(str(Path(folder, path)), image)
        return _score(Reader(Classifier(bundle)), Path(folder), truth)


def _score(reader: Reader, folder: Path, truth: dict[str, str]) -> float:
    """Return the share of files with the right label; a file that fails or is blank counts as wrong."""
    return sum(row.label == truth[row.path] for row in rows(reader, truth, str(folder))) / len(truth)


def _corrupted(reader: Reader, path: Path) -> dict[str, float]:
    with np.load(path, allow_pickle=False) as arrays:
        labels = arrays["labels"].tolist()
        kinds = [kind for kind in arrays.files if kind not in ("labels", "identity")]
        measured = {}
        for kind in kinds:
            pages = reader.read_many(arrays[kind])
            measured[kind] = float(
                np.mean([page.digits[0].label == label for page, label in zip(pages, labels, strict=True)])
            )
    return {"MNIST-C mean": float(np.mean(list(measured.values())))} | {
        f"MNIST-C {kind}": measured[kind] for kind in kinds
    }
