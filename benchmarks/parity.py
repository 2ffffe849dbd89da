"""Accuracy of every shipped model in every format, on clean MNIST and on other people's digits.

In: bundles, MNIST, and with `real` a folder of labelled pictures, each set with a labels.csv (filename,label).
Out: fractions, ready for JSON.
"""

import csv
import tempfile
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics import mcnemar, wilson
from edge_runtime import Classifier, Reader
from edge_runtime.batch import rows
from edge_runtime.bundle import Bundle, load_bundle
from edge_runtime.errors import FileError
from edge_runtime.types import Images
from export.parity import predict
from train.data import Mnist

FLOAT = "tflite_float"  # what int8 is held against
Tell = Callable[[str], None]


def formats(name: str, mnist: Mnist, tell: Tell) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Each format of one model on the 10,000 test digits, and the same digits as PNG files through the pipeline.

    Returns the figures, with 95 % intervals of the accuracies, and the int8 .tflite file's labels (10000,).
    """
    bundle = load_bundle(name)
    tell(f"{name}: test digits in each format")
    predicted = {
        kind: predict(kind, file.load(), mnist.test_images)
        for kind, file in bundle.files.items()
        if file.path.is_file()
    }
    measured = {}
    for kind, labels in predicted.items():
        measured[kind] = {
            "bytes": bundle.file(kind).size,
            "accuracy": float((labels == mnist.test_labels).mean()),
            "interval": list(wilson(int((labels == mnist.test_labels).sum()), len(labels))),
            "agreement": float((labels == predicted[FLOAT]).mean()) if FLOAT in predicted else None,
        }
    tell(f"{name}: test digits as PNG files")
    png_files = _as_files(bundle, mnist.test_images, mnist.test_labels)
    figures = {"model": bundle.file("tflite_int8").sha256, "formats": measured, "png_files": png_files}
    return figures, predicted["tflite_int8"]


def compare(labels: Mapping[str, NDArray[np.int64]], true: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Hold every two models against each other on the same digits (McNemar's exact test).

    labels: by model, what its int8 .tflite file reads, each (N,); true: (N,).
    """
    return [
        {"first": first, "second": second, **mcnemar(labels[first], labels[second], true)._asdict()}
        for first, second in combinations(labels, 2)
    ]


def real(name: str, folder: Path, mnist_c: Path | None, tell: Tell) -> dict[str, Any]:
    """One model on other people's digits, from picture file to label: accuracy by the set's name in `sets`.

    folder: every labels.csv below it whose labels are single digits is a set. mnist_c: npz of uint8 (N, 28, 28) arrays
    named by their corruption, and `labels`.
    """
    classifier = Classifier(name)
    reader = Reader(classifier)
    measured: dict[str, float] = {}
    for table in sorted(folder.rglob("labels.csv")):
        truth = _truth(table)
        if all(len(label) == 1 for label in truth.values()):
            tell(f"{name}: {table.parent.name}")
            measured[table.parent.name] = _score(reader, table.parent, truth)
    if mnist_c is not None:
        tell(f"{name}: MNIST-C")
        measured |= _corrupted(reader, mnist_c)
    return {"model": classifier.bundle.file("tflite_int8").sha256, "sets": measured}


def _as_files(bundle: Bundle, images: Images, labels: NDArray[np.uint8]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        truth = {f"{index:05}.png": str(label) for index, label in enumerate(labels)}
        for path, image in zip(truth, images, strict=True):
            cv2.imwrite(str(Path(folder, path)), image)
        return _score(Reader(Classifier(bundle)), Path(folder), truth)


def _score(reader: Reader, folder: Path, truth: dict[str, str]) -> float:
    """The share of files whose best guess is right; one that fails or is blank counts as wrong."""
    return sum(row.label == truth[row.path] for row in rows(reader, truth, str(folder))) / len(truth)


def _truth(table: Path) -> dict[str, str]:
    with table.open(newline="", encoding="utf-8") as file:
        truth = {line["filename"]: line["label"] for line in csv.DictReader(file)}
    if not truth:
        raise FileError(f"{table} names no files")
    return truth


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
