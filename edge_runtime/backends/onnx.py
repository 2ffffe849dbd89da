"""ONNX Runtime: the only file that imports it."""

import math
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Shape, Shapes
from edge_runtime.errors import BackendError, ModelError, describe_error
from edge_runtime.types import Images

BATCH = 256  # images: bounds the memory of intermediate layers


class OnnxBackend:
    """An .onnx model in its own session, for any batch size."""

    scale = 1.0
    zero_point = 0

    def __init__(self, model: bytes, threads: int, image: Shape) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        # Spinning threads would take a core of a small device away from the camera.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (entry,) = self._session.get_inputs()
        self._name = entry.name
        self._dtype = np.uint8 if entry.type == "tensor(uint8)" else np.float32
        self._shape = tuple(entry.shape[1:])
        if not all(isinstance(side, int) for side in self._shape) or math.prod(self._shape) != math.prod(image):
            raise ModelError(f"the model does not take {image[0]}x{image[1]} pixels")
        (result,) = self._session.get_outputs()
        self.outputs = tuple(result.shape[1:])

    def run(self, images: Images) -> NDArray[np.float32]:
        """See Backend.run."""
        if len(images) <= BATCH:
            return self._run(images)
        return np.concatenate([self._run(images[at : at + BATCH]) for at in range(0, len(images), BATCH)])

    def _run(self, images: Images) -> NDArray[np.float32]:
        pixels = images.reshape(len(images), *self._shape).astype(self._dtype, copy=False)
        (outputs,) = self._session.run(None, {self._name: pixels})
        return np.asarray(outputs, np.float32)


def load(model: bytes, threads: int, shapes: Shapes) -> OnnxBackend:
    """Load an .onnx model; raises BackendError or ModelError."""
    try:
        return OnnxBackend(model, threads, shapes.image)
    except ModelError:
        raise
    except Exception as error:  # errors of onnxruntime have no common base class
        raise BackendError(f"ONNX Runtime refuses the model: {describe_error(error)}") from error
