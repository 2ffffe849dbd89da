"""tflite-runtime 2.14, the last release, for Python 3.11 and NumPy 1: the only file that imports it."""

import numpy as np
from tflite_runtime.interpreter import Interpreter

from edge_runtime.backends.tflite import TfliteBackend, load_tflite
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.errors import BackendError


def load(model: bytes, threads: int, shapes: Shapes) -> TfliteBackend:
    """Load a .tflite model; raises BackendError or ModelError."""
    if int(np.__version__.split(".")[0]) >= 2:  # the import works, but the first tensor fails
        raise BackendError(f"tflite-runtime needs NumPy 1 and this is {np.__version__}: pip install 'numpy<2'")
    return load_tflite(Interpreter, model, threads, shapes.image)
