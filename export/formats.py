"""The four files that a network is exported to."""

from collections.abc import Callable

import keras

from edge_runtime.types import Images
from export import onnx, parity, tflite

KERAS = "model.keras"  # the trained network, which they are compared with
PATHS = {
    "tflite_float": "model_float.tflite",
    "tflite_int8": "model_int8.tflite",
    "onnx_float": "model_float.onnx",
    "onnx_int8": "model_int8.onnx",
}


def convert(
    model: keras.Model, calibration: Images, per_channel: bool, tell: Callable[[str], None]
) -> dict[str, bytes]:
    """Return all four formats, int8 ranges measured on uint8 (N, height, width) images; raises ParityError."""
    tell("converting to TFLite, float32 and int8")
    tflite_float = tflite.convert_float(model)
    tflite_int8 = tflite.convert_int8(model, calibration, per_channel)
    parity.check_graph("tflite_int8", tflite.inspect(tflite_int8))
    tell("converting to ONNX, float32 and int8")
    onnx_float = onnx.convert_float(model)
    return {
        "tflite_float": tflite_float,
        "tflite_int8": tflite_int8,
        "onnx_float": onnx_float,
        "onnx_int8": onnx.convert_int8(onnx_float, calibration),
    }
