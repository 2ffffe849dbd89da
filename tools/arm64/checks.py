"""Computes what must be equal on both machines: `python checks.py IN.npz OUT.npz`, here and in the userland.

Needs only the installed package. IN holds images of digits, `gray0`, `gray1`, ... and pages, `page0`, `page1`, ...:
uint8 (height, width) of any size.
"""

import sys
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import open_backend
from edge_runtime.bundles.bundle import PAGE, load_bundle, load_line_bundle, load_page_bundle, names
from edge_runtime.classifier import Classifier
from edge_runtime.lines.recognizer import slant_lines
from edge_runtime.normalise import normalise_all
from edge_runtime.pipeline import Reader
from edge_runtime.types import Gray
from edge_runtime.watch.scene import Scene

BACKENDS = ("litert", "onnx")


def main(source: str, target: str) -> None:
    """Normalise, run every shipped network on every interpreter, and read pages step by step."""
    with np.load(source, allow_pickle=False) as given:
        digits = normalise_all(given[name] for name in given.files if name.startswith("gray"))
        pages = [given[name] for name in given.files if name.startswith("page")]
    found: dict[str, Any] = {"normalise": digits}
    for model in names():
        for backend in BACKENDS:
            found[f"{model} {backend}"] = open_backend(backend, load_bundle(model))[1].run(digits)
    found |= _pages(pages)
    tiles = np.stack([cv2.resize(page, PAGE, interpolation=cv2.INTER_NEAREST) for page in pages])
    for backend in BACKENDS:
        lines = np.concatenate([found["lines of pages"], slant_lines(found["lines of pages"])])
        found[f"lines {backend}"] = open_backend(backend, load_line_bundle())[1].run(lines)
    # Not on ONNX Runtime: 64 of its 491,520 logits are a step apart on arm64.
    found["tiles litert"] = open_backend("litert", load_page_bundle())[1].run(tiles)
    np.savez(target, **found)


def _pages(pages: list[Gray]) -> dict[str, NDArray[Any]]:
    """Return the intermediate results of reading pages, and those of a watch."""
    reader, ink, lines, glances, digits = Reader(Classifier()), [], [], [], []
    for page in pages:
        steps = reader.find(page)
        ink += [steps.ink.strength.ravel(), steps.ink.mask.ravel(), steps.ink.sure.ravel()]
        lines += [line for row in steps.rows for line in row.lines]
        digits += [(digit.label, digit.confidence, *digit.box) for digit in reader.decide(steps).digits]
        scene = Scene()
        glances.append(scene.check(page, 0.0).inked)
    return {
        "ink of pages": np.concatenate(ink),
        "lines of pages": np.stack(lines),
        "digits of pages": np.array(digits, np.float64),
        "glances of a watch": np.array(glances, np.float64),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
