"""Check what is installed and what works, and give advice."""

import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from edge_runtime.backends import KINDS, NUMPY, is_installed
from edge_runtime.bundles.bundle import DEFAULT, Bundle, load_bundle, load_line_bundle, load_page_bundle, names
from edge_runtime.bundles.golden import load_golden
from edge_runtime.common import cpu
from edge_runtime.common.versions import versions
from edge_runtime.diagnostics.selftest import Result, State, try_backend
from edge_runtime.diagnostics.system import conflicts
from edge_runtime.errors import EdgeDigitsError

PACKAGES = ("edge-digits", "numpy", "opencv-python-headless", "click")
DISTRIBUTIONS = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime", "onnx": "onnxruntime", NUMPY: "numpy"}


def examine(self_test: bool = False, report: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Check this device and return versions, processor, backends, models, and lines of `advice`.

    The hash of each model is checked; each installed backend runs the golden inputs of the default model in its own
    process. self_test: run those of all models. report: called with a line before each backend.
    """
    advice = conflicts()
    bundles: list[Bundle] = []
    models = {name: _model(partial(load_bundle, name), advice, bundles) for name in names()}
    lines = _model(load_line_bundle, advice, bundles)
    pages = _model(load_page_bundle, advice, bundles)
    if not models:
        advice.append("the package contains no model: install edge-digits again")
    tried = bundles if self_test else [bundle for bundle in bundles if bundle.name == DEFAULT]
    backends = {name: _backend(name, tried, advice, report) for name, kind in KINDS.items() if kind.library}
    # The backend that auto takes: the first one that does not report an error itself.
    auto = next((name for name, found in backends.items() if found["works"] or found["misleads"]), None)
    if tried and not any(found["works"] for found in backends.values()):
        advice.append(f"no backend works: {KINDS['litert'].install}")
    elif auto and backends[auto]["misleads"]:
        works = next(name for name, found in backends.items() if found["works"])
        advice.append(f"auto still takes {auto}: use --backend {works}, or pip uninstall {DISTRIBUTIONS[auto]}")
    elif auto == NUMPY:
        advice.append(f"the NumPy backend is slower than an interpreter: {_install()}")
    return {
        "ok": bool(auto and backends[auto]["works"] and models)
        and all(found["ok"] for found in [*models.values(), lines, pages]),
        "versions": versions(*PACKAGES),
        "system": {"platform": platform.platform(), "machine": platform.machine(), "executable": sys.executable},
        "cpu_features": cpu.features(),
        "backends": backends,
        "auto": auto,
        "models": models,
        "lines": lines,
        "pages": pages,
        "advice": advice,
    }


def _install() -> str:
    return "; or ".join(kind.install for name, kind in KINDS.items() if kind.library and not is_installed(name))


def _backend(name: str, bundles: Sequence[Bundle], advice: list[str], report: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "installed": is_installed(name),
        "version": versions(DISTRIBUTIONS[name])[DISTRIBUTIONS[name]],
        "works": False,
        "misleads": False,  # it fails, but auto takes it
    }
    if not found["installed"]:
        found["advice"] = KINDS[name].install
        return found
    if not bundles:
        found["advice"] = "not tried: there is no valid model to try it with"
        return found
    report(f"trying {name} with {', '.join(bundle.name for bundle in bundles)}")
    results = try_backend(name, bundles)
    wrong = [result for result in results if result.state in (State.REFUSED, State.FAILED)]
    found["works"] = not wrong and any(result.state is State.WORKS for result in results)
    found["misleads"] = any(result.state is State.FAILED for result in wrong)
    found["self_test"] = {result.model: _entry(result) for result in results}
    if wrong:
        found["advice"] = f"{wrong[0].reason} (with the model {wrong[0].model})"
        advice.append(f"{name}: {found['advice']}: {_remedy(name, wrong[0])}")
    return found


def _entry(result: Result) -> dict[str, Any]:
    return {"state": result.state, "steps": result.steps, "reason": result.reason}


def _remedy(name: str, result: Result) -> str:
    if result.state is State.REFUSED:
        return KINDS[name].install
    return f"install another version of {DISTRIBUTIONS[name]}, or use another --backend"


def _model(load: Callable[[], Bundle], advice: list[str], sound: list[Bundle]) -> dict[str, Any]:
    """Return the result for one model; a valid one is appended to `sound`."""
    try:
        bundle = load()
        present = {kind: file for kind, file in bundle.files.items() if kind.endswith("_int8")}
        for file in present.values():
            file.load()
        load_golden(bundle)
        sound.append(bundle)
        return {
            "ok": True,
            "folder": str(bundle.folder),
            "sha256": {kind: file.sha256 for kind, file in present.items()},
        }
    except EdgeDigitsError as error:
        advice.append(str(error))
        return {"ok": False}
