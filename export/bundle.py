"""A bundle's manifest, and how a bundle comes into being: whole or not at all."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_runtime.bundles.bundle import (
    DIGIT,
    FORMAT,
    FORMAT_VERSION,
    LABELS,
    MANIFEST,
    NON_DIGIT_LABEL,
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


def manifest(
    name: str,
    summary: str,
    activation: str,
    shapes: Shapes,
    files: dict[str, Any],
    keras: dict[str, Any],
    confidence: Confidence | None,
    training: dict[str, Any],
    golden: dict[str, Any],
) -> dict[str, Any]:
    """Return the manifest of a bundle, format version 1, ready for JSON.

    summary: of the network, one line for people. shapes: of what it takes and gives.
    confidence: how sure it may be taken to be; None where it was validated on no digits that it was not trained on.
    files: by format (tflite_float, tflite_int8, onnx_float, onnx_int8), what `describe` returns. keras: the trained
    network's own figures. training: recipe, seed, data hash and more. Accuracies and agreement are fractions.
    golden: what `golden.make` returns.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "summary": summary,
        "labels": [*LABELS, NON_DIGIT_LABEL][: shapes.outputs[-1]],
        "input": {
            "shape": list(shapes.image),
            "dtype": "uint8",
            "meaning": f"{'a digit' if shapes.image == DIGIT else 'a line'}, ink bright on 0, raw pixels 0..255",
        },
        "output": {"shape": list(shapes.outputs), "meaning": "logits", "activation": activation},
        "files": files,
        "keras": keras,
        "temperature": confidence.temperature if confidence else 1.0,
        "thresholds": confidence.thresholds() if confidence else {},
        "golden": golden,
        "training": training,
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
    """Raise OutputError where a bundle cannot be written, or may not: over another one, or over what is no bundle."""
    nearest = next((parent for parent in folder.absolute().parents if parent.exists()), folder)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise OutputError(f"{folder} cannot be made: {nearest} is no folder that you may write into")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file: name another folder")
    if not any(folder.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{folder} is not empty: name another folder, or add --overwrite")
    if not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} holds something else than a bundle and is not overwritten: name another folder")


def write(
    folder: Path,
    contained: dict[str, bytes],
    contents: dict[str, Any],
    overwrite: bool = False,
    load: Callable[[Path], Bundle] = load_bundle,
) -> None:
    """Write a bundle beside its place and move it there, after the runtime has accepted it.

    contained: the other files by name; contents: the manifest; load: how the runtime opens it.
    Raises OutputError, or ModelError for a manifest that the runtime would refuse; then nothing has changed.
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
