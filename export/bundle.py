"""The manifest of a bundle, and the writing of a bundle: completely or not at all."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.bundles.bundle import (
    ELEVENTH,
    FORMAT,
    FORMAT_VERSION,
    KIND_LABELS,
    LABELS,
    MANIFEST,
    PAGE,
    Bundle,
    Shapes,
    load_bundle,
)
from edge_runtime.common.versions import versions
from edge_runtime.errors import OutputError
from export.confidence import Confidence

LIBRARIES = (
    "ai-edge-litert",
    "keras",
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "tensorflow",
    "tf2onnx",
)


@dataclass(frozen=True)
class Facts:
    """The entries of a manifest that describe a network."""

    name: str
    summary: str  # one line for people
    content: str  # of the input image: a digit, a line
    activation: str  # that turns logits into probabilities
    shapes: Shapes  # of its input and output
    files: dict[str, Any]  # by format (tflite_float, tflite_int8, onnx_float, onnx_int8): what `describe` returns
    keras: dict[str, Any]  # the trained network's own accuracy, as a fraction
    confidence: Confidence | None  # None: not validated on digits that it was not trained on
    training: dict[str, Any]  # recipe, seed, data hash and more
    golden: dict[str, Any]  # what `golden.make` returns


def manifest(facts: Facts) -> dict[str, Any]:
    """Return the manifest of a bundle, format version 2, ready for JSON. Accuracies and agreement are fractions."""
    shapes, confidence = facts.shapes, facts.confidence
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": facts.name,
        "summary": facts.summary,
        "labels": KIND_LABELS if shapes.image == PAGE else [*LABELS, ELEVENTH[shapes.image]][: shapes.outputs[-1]],
        "input": {
            "shape": list(shapes.image),
            "dtype": "uint8",
            "meaning": f"{facts.content}, raw pixels 0..255",
        },
        "output": {"shape": list(shapes.outputs), "meaning": "logits", "activation": facts.activation},
        "files": facts.files,
        "keras": facts.keras,
        "temperature": confidence.temperature if confidence else 1.0,
        "thresholds": confidence.thresholds() if confidence else {},
        "golden": facts.golden,
        "training": facts.training,
        "versions": versions(*LIBRARIES),
    }


def describe(
    path: str, data: bytes, tensors: dict[str, Any], accuracy: dict[str, float], agreement: float
) -> dict[str, Any]:
    """Return a model file's entry in the manifest.

    tensors: `input` and `output`, each with dtype, shape without the batch, and scale and zero point if quantised.
    """
    return {
        "path": path,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        **tensors,
        "accuracy": accuracy,
        "agreement": agreement,
    }


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise OutputError where a bundle cannot be written, or would replace another bundle or other files."""
    nearest = next((parent for parent in folder.absolute().parents if parent.exists()), folder)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise OutputError(f"{folder} cannot be made: {nearest} is not a writable folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file: name another folder")
    if not any(folder.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{folder} is not empty: name another folder, or add --overwrite")
    if not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} does not hold a bundle and is not overwritten: name another folder")


def write(
    folder: Path,
    contained: dict[str, bytes],
    contents: dict[str, Any],
    overwrite: bool = False,
    load: Callable[[Path], Bundle] = load_bundle,
) -> None:
    """Write a bundle beside its folder, let the runtime check it, and move it into place.

    contained: the other files by name; contents: the manifest; load: opens it as the runtime does.
    Raises OutputError, or ModelError for a bundle that the runtime refuses; then nothing has changed.
    """
    check_target(folder, overwrite)
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
            new, old = Path(work, "new"), Path(work, "old")
            new.mkdir()
            for name, data in contained.items():
                (new / name).write_bytes(data)
            (new / MANIFEST).write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
            for file in load(new).files.values():
                file.load()
            _replace(folder, new, old)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}") from error


def _replace(folder: Path, new: Path, old: Path) -> None:
    try:
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
