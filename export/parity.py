"""The parity gate: a converted network must give the same answers as the trained one."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import litert, onnx
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.types import Images
from export.errors import ParityError
from train.tasks import Limits

if TYPE_CHECKING:  # importing it loads TensorFlow
    from export.tflite import Graph

BACKENDS = {"tflite_float": litert, "tflite_int8": litert, "onnx_float": onnx, "onnx_int8": onnx}


class Answers(NamedTuple):
    """The answers of a converted and of the trained network to N images: labels of digits, or texts of lines."""

    given: NDArray[Any]  # (N,)
    trained: NDArray[Any]  # (N,)
    true: NDArray[Any]  # (N,)


def logits(kind: str, model: bytes, images: Images) -> NDArray[np.float64]:
    """Return the logits of N images as the runtime's own backend gives them: (N, ...).

    kind: one of `BACKENDS`. Raises ModelError or BackendError where it refuses the file.
    """
    backend = BACKENDS[kind].load(model, 1, Shapes(images.shape[1:], ()))
    raw = backend.run(images).astype(np.float64)
    return np.asarray(backend.scale * (raw - backend.zero_point), np.float64)


def accuracy(predicted: NDArray[Any], true: NDArray[Any]) -> float:
    """Return the share of answers that are right, or on which two networks agree: 0 to 1."""
    return float(np.mean(predicted == true))


def check_answers(kind: str, answers: Answers, limits: Limits, what: str = "validation digits") -> None:
    """Compare a format's answers with the trained network's; raises ParityError beyond `limits`."""
    given, trained, true = answers
    lost = int((trained == true).sum()) - int((given == true).sum())
    if lost > limits.loss * len(true):
        raise ParityError(
            f"{kind} reads {lost / len(true):.2%} fewer of the {what} than the trained network; "
            f"{limits.loss:.2%} is allowed"
        )
    agreed = int((given == trained).sum())
    if agreed < limits.agreement * len(true):
        raise ParityError(
            f"{kind} gives the trained network's answer on {agreed / len(true):.2%} of the {what}; "
            f"the least is {limits.agreement:.2%}"
        )


def check_size(kind: str, size: int, most: int | None) -> None:
    """Raise ParityError where a file has more than `most` bytes; None is no limit."""
    if most is not None and size > most:
        raise ParityError(f"{kind} has {size:,} bytes; its recipe allows {most:,}: make the network smaller")


def check_graph(kind: str, graph: "Graph") -> None:
    """Raise ParityError where an int8 .tflite file computes in floats or takes pixels in another range."""
    if graph.floats:
        raise ParityError(f"{kind} is not all int8: {len(graph.floats)} float tensors, the first is {graph.floats[0]}")
    if graph.input.dtype != "int8" or graph.output.dtype != "int8":
        raise ParityError(f"{kind} takes {graph.input.dtype} and gives {graph.output.dtype}, not int8")
    check_input(kind, graph.input.scale, graph.input.zero_point, expected=-128)


def check_input(kind: str, scale: float, zero_point: int, expected: int) -> None:
    """Raise ParityError where stored pixels are not the pixels plus the zero point `expected`."""
    if (scale, zero_point) != (1.0, expected):
        raise ParityError(
            f"{kind} takes pixels with scale {scale:g} and zero point {zero_point}, not 1 and {expected}: "
            "calibration digits must span 0..255"
        )
