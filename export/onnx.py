"""tf2onnx's converter to .onnx and ONNX Runtime's quantiser."""

import contextlib
import importlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.parity import check_input

OPSET = 17
INPUT, OUTPUT, FLOATS = "pixels", "logits", "float_pixels"
MOVES = ("Reshape", "Slice", "Transpose")  # operations without arithmetic, which take uint8 as well as float32


def convert_float(model: keras.Model) -> bytes:
    """Return a float32 .onnx file of a (N, ...) network; N is free, input and output are `pixels` and `logits`."""
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)]

    @tf.function(input_signature=signature)
    def logits(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT: model(pixels, training=False)}

    # Names count over the whole process, and importing this module in the first conversion would count one.
    importlib.import_module("tf2onnx.rewriter.loop_rewriter_base")
    tf2onnx.utils.INTERNAL_NAME = 1
    with _quiet("tf2onnx"):
        graph, _ = tf2onnx.convert.from_function(logits, input_signature=signature, opset=OPSET)
    return _plain(graph)


def convert_int8(model: bytes, digits: NDArray[np.uint8]) -> bytes:
    """Return the int8 .onnx file (QDQ) of a float32 one: uint8 pixels in, float32 logits out.

    digits: uint8 (N, 28, 28), as the runtime will present them; the ranges of all tensors are measured on them.
    Raises ParityError where raw pixels would be rescaled.
    """
    with tempfile.TemporaryDirectory() as folder, _quiet("root"):
        source, merged, quantised = (Path(folder, name) for name in ("float.onnx", "merged.onnx", "int8.onnx"))
        source.write_bytes(model)
        quant_pre_process(source, merged, skip_symbolic_shape=True)
        quantize_static(
            merged,
            quantised,
            _Digits(digits.reshape(len(digits), *_input_shape(merged)).astype(np.float32)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # 7-bit weights: x86 without VNNI adds products in int16 and saturates, arm64 does not.
            reduce_range=True,
            # The logits are the last output; they stay as fine as float32.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
        return _plain(_shorten_names(_take_uint8(onnx.load(quantised))))


def _input_shape(path: Path) -> tuple[int, ...]:
    (entry,) = onnx.load(path).graph.input
    return tuple(side.dim_value for side in entry.type.tensor_type.shape.dim[1:])


def tensors(shape: tuple[int, ...], outputs: tuple[int, ...]) -> dict[str, Any]:
    """Return the manifest's entries for both files; shape, outputs: of one image, without the batch."""
    output = {"dtype": "float32", "shape": list(outputs)}
    pixels = {"dtype": "uint8", "shape": list(shape), "scale": 1.0, "zero_point": 0}
    return {
        "onnx_float": {"input": {"dtype": "float32", "shape": list(shape)}, "output": output},
        "onnx_int8": {"input": pixels, "output": output},
    }


class _Digits(CalibrationDataReader):
    def __init__(self, pixels: NDArray[np.float32]) -> None:
        self._batches = iter([{INPUT: pixels}])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return next(self._batches, None)


def _take_uint8(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Make the graph take pixels as uint8.

    The quantisation of the input is removed: with scale 1 and zero point 0 it changes nothing. Where the network
    begins with an operation that ONNX Runtime computes in floats, such as a mean, they become floats.
    """
    readers = {name: node for node in graph.graph.node for name in node.input[:1]}
    source = INPUT
    while (reader := readers[source]).op_type in MOVES:
        (source,) = reader.output
    nodes = graph.graph.node
    if reader.op_type == "QuantizeLinear":
        constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.graph.initializer}
        scale, zero_point = (constants[name].item() for name in reader.input[1:])
        check_input("onnx_int8", scale, zero_point, expected=0)
        nodes.remove(reader)
        for node in nodes:
            node.input[:] = [source if name in reader.output else name for name in node.input]
    else:
        for node in nodes:
            node.input[:] = [FLOATS if name == INPUT else name for name in node.input]
        nodes.insert(0, onnx.helper.make_node("Cast", [INPUT], [FLOATS], to=onnx.TensorProto.FLOAT))
    graph.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    return graph


def _shorten_names(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Number the tensors and leave the operations without names, which take 30 KB of the page network."""
    kept = {each.name for each in (*graph.graph.input, *graph.graph.output)}
    made = (name for node in graph.graph.node for name in node.output)
    names = {"": ""}
    for name in (*(constant.name for constant in graph.graph.initializer), *made):
        names[name] = name if name in kept else f"t{len(names)}"
    names |= {name: name for name in kept}
    for constant in graph.graph.initializer:
        constant.name = names[constant.name]
    for node in graph.graph.node:
        node.name = ""
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    graph.graph.ClearField("value_info")
    return graph


def _plain(graph: onnx.ModelProto) -> bytes:
    """Remove what differs between conversions or is not needed: counters in names, comments, producers."""
    graph.graph.name = "digits"
    for tensor in (*graph.graph.input, *graph.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "N"
    for message in (graph, graph.graph, *graph.graph.node, *graph.graph.initializer):
        message.ClearField("doc_string")
    for field in ("producer_name", "producer_version", "metadata_props"):
        graph.ClearField(field)
    graph.graph.ClearField("value_info")
    used = {node.domain for node in graph.graph.node}
    opsets = [opset for opset in graph.opset_import if opset.domain in used]
    graph.ClearField("opset_import")
    graph.opset_import.extend(opsets)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a library's advice."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
