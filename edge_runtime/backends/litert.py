"""LiteRT, the successor of tflite-runtime: the only file that imports it."""

from ai_edge_litert.interpreter import Interpreter

from edge_runtime.backends.tflite import TfliteBackend, load_tflite
from edge_runtime.bundles.bundle import Shapes


def load(model: bytes, threads: int, shapes: Shapes) -> TfliteBackend:
    """Load a .tflite model; raises BackendError or ModelError."""
    return load_tflite(Interpreter, model, threads, shapes.image)
