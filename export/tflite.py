"""TensorFlow's converter to .tflite, and the properties of .tflite files."""

import tempfile
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.tools import flatbuffer_utils


class Tensor(NamedTuple):
    """One input or output, without its batch dimension."""

    dtype: str  # NumPy's name
    shape: tuple[int, ...]
    scale: float  # real value = scale * (stored value - zero_point); 0 where nothing is quantised
    zero_point: int

    def entry(self) -> dict[str, Any]:
        """Return its entry in a manifest."""
        quantisation = {"scale": self.scale, "zero_point": self.zero_point} if self.scale else {}
        return {"dtype": self.dtype, "shape": list(self.shape), **quantisation}


class Graph(NamedTuple):
    """The tensors of a .tflite file."""

    input: Tensor
    output: Tensor
    floats: tuple[str, ...]  # names of all float tensors

    def tensors(self) -> dict[str, Any]:
        """Return the manifest's entries for input and output."""
        return {"input": self.input.entry(), "output": self.output.entry()}


def convert_float(model: keras.Model) -> bytes:
    """Return a float32 .tflite file of a (N, ...) network; N is free."""
    return _convert(model)


def convert_int8(model: keras.Model, digits: NDArray[np.uint8], per_channel: bool = True) -> bytes:
    """Return a full-integer .tflite file: int8 pixels in, int8 logits out, weights in int8; N is free.

    digits: uint8 (N, 28, 28), as the runtime will present them; the ranges of all tensors are measured on them.
    per_channel: a scale for each output of a layer, 24 bytes in the file, instead of one for each dense layer.
    """
    samples = digits.reshape(len(digits), 1, *model.input_shape[1:]).astype(np.float32)
    return _strip(_convert(model, samples, per_channel))


def _convert(model: keras.Model, samples: NDArray[np.float32] | None = None, per_channel: bool = True) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if samples is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([sample] for sample in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
            # TensorFlow has no public name for it.
            converter._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel
        return bytes(converter.convert())


def _strip(model: bytes) -> bytes:
    """Remove what interpreters do not need: names, measured ranges, metadata of the converter."""
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    content.description = content.metadata = content.metadataBuffer = content.signatureDefs = None
    (graph,) = content.subgraphs
    graph.name = None
    for tensor in graph.tensors:
        tensor.name = None
        if tensor.quantization is not None:
            tensor.quantization.min = tensor.quantization.max = None
    used = sorted({0, *(tensor.buffer for tensor in graph.tensors if _holds(content.buffers[tensor.buffer]))})
    for tensor in graph.tensors:
        # Buffer 0 is the empty one by the format's own rule.
        tensor.buffer = used.index(tensor.buffer) if tensor.buffer in used else 0
    content.buffers = [content.buffers[number] for number in used]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def _holds(buffer: Any) -> bool:
    return buffer.data is not None and len(buffer.data) > 0


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
