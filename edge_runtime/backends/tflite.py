"""Common code for LiteRT and tflite-runtime, which have the same `Interpreter` in different packages."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Shape
from edge_runtime.errors import BackendError, ModelError, describe_error
from edge_runtime.types import Images

BATCH = 64  # digits: larger batches are no faster and need more memory; lines are batched in proportion to their pixels
TOP_BIT = np.array(0x80, np.uint8)  # an array, because NumPy would convert a number at each call
SINGLES = 4  # images: up to this many are faster one by one than as a padded batch


class TfliteBackend:
    """A .tflite model in two interpreters, one for single images and one for batches, prepared on first use."""

    def __init__(self, interpreter_class: Any, model: bytes, threads: int, image: Shape) -> None:
        self._new: Callable[[], Any] = lambda: interpreter_class(model_content=model, num_threads=threads)
        self._image = image
        self._one = _Prepared(self._new(), 1, image)
        self._many: _Prepared | None = None
        self.scale, self.zero_point, self.outputs = self._one.scale, self._one.zero_point, self._one.outputs

    def run(self, images: Images) -> NDArray[np.int8] | NDArray[np.float32]:
        """See Backend.run."""
        if len(images) == 1:
            return self._one.run(images)
        if self._many is None and len(images) > SINGLES:
            self._many = _Prepared(self._new(), max(1, BATCH * 28 * 28 // math.prod(self._image)), self._image)
        parts = []
        at = 0
        while at < len(images):
            left = len(images) - at
            prepared = self._many if self._many is not None and left > SINGLES else self._one
            parts.append(prepared.run(images[at : at + prepared.batch]))
            at += prepared.batch
        return np.concatenate(parts)


class _Prepared:
    """An interpreter with its tensors allocated for one batch size."""

    def __init__(self, interpreter: Any, batch: int, image: Shape) -> None:
        self.batch = batch
        (before,) = interpreter.get_input_details()
        shape = (batch, *(int(side) for side in before["shape"][1:]))
        interpreter.resize_tensor_input(before["index"], shape)
        interpreter.allocate_tensors()
        (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        given, *outputs = (int(side) for side in result["shape"])
        if math.prod(shape[1:]) != math.prod(image) or given != batch:
            raise ModelError(f"the model does not turn {image[0]}x{image[1]} pixels into outputs")
        self.outputs = tuple(outputs)
        self._input, self._output = entry["index"], result["index"]
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
        self._buffer = np.zeros(shape, entry["dtype"])
        self._quantised = entry["dtype"] == np.int8
        if self._quantised and entry["quantization"] != (1.0, -128):
            raise ModelError(f"the model's input has scale and zero point {entry['quantization']}, not (1.0, -128)")
        # The same memory, viewed as pixels.
        pixels = self._buffer.view(np.uint8) if self._quantised else self._buffer
        self._pixels = pixels.reshape(batch, *image)
        scale, zero_point = result["quantization"] if result["dtype"] == np.int8 else (1.0, 0)
        self.scale, self.zero_point = float(scale), int(zero_point)

    def run(self, images: Images) -> NDArray[Any]:
        """Run on images, uint8 (n, height, width), n <= batch; outputs for unused places of the batch are dropped."""
        count = len(images)
        pixels = self._pixels if count == self.batch else self._pixels[:count]
        if self._quantised:  # uint8 p to int8 p - 128: flips one bit
            np.bitwise_xor(images, TOP_BIT, pixels)
        else:
            pixels[:] = images
        self._set(self._input, self._buffer)
        self._invoke()
        outputs: NDArray[Any] = self._get(self._output)
        return outputs if count == self.batch else outputs[:count]


def load_tflite(interpreter_class: Any, model: bytes, threads: int, image: Shape) -> TfliteBackend:
    """Prepare a model; raises BackendError if the interpreter refuses it."""
    try:
        return TfliteBackend(interpreter_class, model, threads, image)
    except (ValueError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        raise BackendError(f"the interpreter refuses the model: {describe_error(error)}") from error
