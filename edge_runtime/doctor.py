"""What is installed, what works, and what to do about what does not."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.backends import AUTO, KINDS, is_installed
from edge_runtime.bundle import load_bundle, names
from edge_runtime.classifier import Classifier
from edge_runtime.errors import EdgeDigitsError

PACKAGES = ("edge-digits", "numpy", "opencv-python-headless", "click")
DISTRIBUTIONS = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime", "onnx": "onnxruntime"}

# What int8 arithmetic is fast with: x86-64 names first, then arm64's.
FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


def examine() -> dict[str, Any]:
    """Return what was found: versions, processor, backends, models, and `advice`, lines of what to do.

    A model is read and its hash compared; each installed backend classifies a blank with the default one.
    """
    advice: list[str] = []
    backends = {name: _backend(name, advice) for name, kind in KINDS.items() if kind.library}
    models = {name: _model(name, advice) for name in names()}
    if not models:
        advice.append("the package holds no model: install edge-digits again")
    works = any(found["works"] for found in backends.values())
    if not works:
        advice.append(f"no backend works: {KINDS['litert'].install}")
    return {
        "ok": works and bool(models) and all(found["ok"] for found in models.values()),
        "versions": versions(),
        "system": {"platform": platform.platform(), "machine": platform.machine(), "executable": sys.executable},
        "cpu_features": cpu_features(),
        "backends": backends,
        "auto": _auto() if works else None,
        "models": models,
        "advice": advice,
    }


def versions() -> dict[str, str | None]:
    """The versions of Python, this package and what it stands on; None for what pip knows nothing of."""
    return {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()}


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Those of `FEATURES` that Linux says this processor has; empty elsewhere."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            present = set(value.split())
            return [feature for feature in FEATURES if feature in present]
    return []


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _auto() -> str:
    return Classifier(backend=AUTO).backend


def _backend(name: str, advice: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"installed": is_installed(name), "version": _version(DISTRIBUTIONS[name]), "works": False}
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


def _model(name: str, advice: list[str]) -> dict[str, Any]:
    try:
        bundle = load_bundle(name)
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
