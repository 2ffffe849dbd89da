"""What is installed, what works, and what to do about what does not."""

import platform
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from edge_runtime import cpu
from edge_runtime.backends import AUTO, KINDS, is_installed
from edge_runtime.bundle import Bundle, load_bundle, load_lines, names
from edge_runtime.classifier import Classifier
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.system import conflicts
from edge_runtime.versions import versions

PACKAGES = ("edge-digits", "numpy", "opencv-python-headless", "click")
DISTRIBUTIONS = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime", "onnx": "onnxruntime"}


def examine() -> dict[str, Any]:
    """Return what was found: versions, processor, backends, models, and `advice`, lines of what to do.

    A model is read and its hash compared; each installed backend classifies a blank with the default one.
    """
    advice = conflicts()
    backends = {name: _backend(name, advice) for name, kind in KINDS.items() if kind.library}
    models = {name: _model(partial(load_bundle, name), advice) for name in names()}
    lines = _model(load_lines, advice)
    if not models:
        advice.append("the package holds no model: install edge-digits again")
    works = any(found["works"] for found in backends.values())
    if not works:
        advice.append(f"no backend works: {KINDS['litert'].install}")
    return {
        "ok": works and bool(models) and all(found["ok"] for found in [*models.values(), lines]),
        "versions": versions(*PACKAGES),
        "system": {"platform": platform.platform(), "machine": platform.machine(), "executable": sys.executable},
        "cpu_features": cpu.features(),
        "backends": backends,
        "auto": _auto() if works else None,
        "models": models,
        "lines": lines,
        "advice": advice,
    }


def _auto() -> str:
    return Classifier(backend=AUTO).backend


def _backend(name: str, advice: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "installed": is_installed(name),
        "version": versions(DISTRIBUTIONS[name])[DISTRIBUTIONS[name]],
        "works": False,
    }
    if not found["installed"]:
        found["advice"] = KINDS[name].install
        return found
    try:
        Classifier(backend=name).classify(np.zeros((28, 28), np.uint8))
        found["works"] = True
    except EdgeDigitsError as error:
        found["advice"] = str(error)
        advice.append(f"{name}: {error}")
    return found


def _model(load: Callable[[], Bundle], advice: list[str]) -> dict[str, Any]:
    try:
        bundle = load()
        present = {kind: file for kind, file in bundle.files.items() if kind.endswith("_int8")}
        for file in present.values():
            file.load()
        return {
            "ok": True,
            "folder": str(bundle.folder),
            "sha256": {kind: file.sha256 for kind, file in present.items()},
        }
    except EdgeDigitsError as error:
        advice.append(str(error))
        return {"ok": False}
