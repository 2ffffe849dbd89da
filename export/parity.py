"""The gate before a bundle: a converted network must do what the trained one does."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import litert, onnx
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.types import Images
from export.errors import ParityError

if TYPE_CHECKING:  # else whoever predicts would load TensorFlow
    from export.tflite import Graph

Labels = NDArray[np.int64]  # (N,), 0 to 9
DIGITS = 10  # outputs: an eleventh is for what is no digit

BACKENDS = {"tflite_float": litert, "tflite_int8": litert, "onnx_float": onnx, "onnx_int8": onnx}


class Limits(NamedTuple):
    """What a conversion may cost, as fractions of the digits."""

    loss: float  # of accuracy
    agreement: float  # the least share of digits with the trained network's label


OURS = Limits(loss=0.0010, agreement=0.995)
REPRODUCTIONS = Limits(loss=0.0030, agreement=0.990)  # small networks with sigmoid outputs: closer calls


def predict(kind: str, model: bytes, digits: Images) -> Labels:
    """Return the labels that the runtime's own backend reads with a model file.

    kind: one of `BACKENDS`; digits: uint8 (N, 28, 28). Raises ModelError or BackendError where it refuses the file.
    """
    return logits(kind, model, digits)[:, :DIGITS].argmax(1)


def logits(kind: str, model: bytes, images: Images) -> NDArray[np.float64]:
    """Return the logits of N images, digits or lines, as the runtime's own backend gives them: (N, ...)."""
    backend = BACKENDS[kind].load(model, 1, Shapes(images.shape[1:], ()))
    raw = backend.run(images).astype(np.float64)
    return np.asarray(backend.scale * (raw - backend.zero_point), np.float64)


def accuracy(predicted: NDArray[Any], true: NDArray[Any]) -> float:
    """Return the share of digits that are right, or on which two networks agree: 0 to 1."""
    return float(np.mean(predicted == true))


def check_labels(
    kind: str,
    predicted: NDArray[Any],
    trained: NDArray[Any],
    true: NDArray[Any],
    limits: Limits,
    what: str = "validation digits",
) -> None:
    """Compare a format's labels of N digits or lines with the trained network's; raises ParityError beyond `limits`."""
    lost = int((trained == true).sum()) - int((predicted == true).sum())
    if lost > limits.loss * len(true):
        raise ParityError(
            f"{kind} reads {lost / len(true):.2%} fewer of the {what} than the trained network; "
            f"{limits.loss:.2%} is allowed"
        )
    agreed = int((predicted == trained).sum())
    if agreed < limits.agreement * len(true):
        raise ParityError(
            f"{kind} gives the trained network's label on {agreed / len(true):.2%} of the {what}; "
            f"{limits.agreement:.2%} is wanted"
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
    check_input(kind, graph.input.scale, graph.input.zero_point, wanted=-128)


def check_input(kind: str, scale: float, zero_point: int, wanted: int) -> None:
    """Raise ParityError where stored pixels are not the pixels themselves, minus `wanted`."""
    if (scale, zero_point) != (1.0, wanted):
        raise ParityError(
            f"{kind} takes pixels with scale {scale:g} and zero point {zero_point}, not 1 and {wanted}: "
            "calibration digits must span 0..255"
        )
