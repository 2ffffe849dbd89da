"""TensorFlow's converter to .tflite, and what such a file says of itself."""

import tempfile
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_runtime.backends.litert import Interpreter


class Tensor(NamedTuple):
    """One input or output, without its batch dimension."""

    dtype: str  # NumPy's name
    shape: tuple[int, ...]
    scale: float  # real value = scale * (stored value - zero_point); 0 where nothing is quantised
    zero_point: int

    def entry(self) -> dict[str, Any]:
        """Return what a manifest says of it."""
        quantisation = {"scale": self.scale, "zero_point": self.zero_point} if self.scale else {}
        return {"dtype": self.dtype, "shape": list(self.shape), **quantisation}


class Graph(NamedTuple):
    """What the runtime meets in a .tflite file."""

    input: Tensor
    output: Tensor
    floats: tuple[str, ...]  # names of the tensors between and at the ends that are no integers

    def tensors(self) -> dict[str, Any]:
        """Return what a manifest says of the two ends."""
        return {"input": self.input.entry(), "output": self.output.entry()}


def convert_float(model: keras.Model) -> bytes:
    """Return a float32 .tflite file of a (N, ...) network; N is free."""
    return _convert(model)


def convert_int8(model: keras.Model, digits: NDArray[np.uint8]) -> bytes:
    """Return a full-integer .tflite file: int8 pixels in, int8 logits out, weights int8 per channel; N is free.

    digits: uint8 (N, 28, 28), as the runtime will present them; the ranges of all tensors are measured on them.
    """
    samples = digits.reshape(len(digits), 1, *model.input_shape[1:]).astype(np.float32)
    return _convert(model, samples)


def _convert(model: keras.Model, samples: NDArray[np.float32] | None = None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if samples is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([sample] for sample in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def inspect(model: bytes) -> Graph:
    """Read the types, shapes and quantisation of a .tflite file with one input and one output."""
    interpreter = Interpreter(model_content=model)
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    tensors = interpreter.get_tensor_details()
    floats = sorted(tensor["name"] for tensor in tensors if "float" in np.dtype(tensor["dtype"]).name)
    return Graph(_tensor(entry), _tensor(result), tuple(floats))


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    shape = tuple(int(side) for side in details["shape"][1:])
    return Tensor(np.dtype(details["dtype"]).name, shape, float(scale), int(zero_point))
