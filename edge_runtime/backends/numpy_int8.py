"""Run int8 networks with NumPy only, on devices and Python versions for which no interpreter has a wheel.

The outputs equal those of LiteRT bit for bit: `numpy_sums` says how. One thread computes.
"""

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import KINDS
from edge_runtime.backends.layers import Quantisation
from edge_runtime.backends.numpy_ops import prepare
from edge_runtime.backends.numpy_sums import Values
from edge_runtime.backends.tflite_graph import read_tflite
from edge_runtime.bundles.bundle import Shapes
from edge_runtime.errors import BackendError, ModelError, UnsupportedModelError
from edge_runtime.limits import LAYER_VALUES
from edge_runtime.types import Images

BATCH = 256  # images: larger batches are no faster
PIXELS = Quantisation(np.float32(1.0), -128)  # of the input: pixels 0..255


class NumpyBackend:
    """A .tflite model as a list of NumPy functions."""

    def __init__(self, model: bytes, shapes: Shapes) -> None:
        network = read_tflite(model)
        if np.prod(network.image) != np.prod(shapes.image) or network.before != PIXELS:
            raise ModelError(f"it does not take {shapes.image[0]}x{shapes.image[1]} pixels")
        self._network = network
        self._batch = max(1, min(BATCH, LAYER_VALUES // network.peak))
        self._operations = [prepare(step.layer) for step in network.steps]
        self.outputs = network.outputs
        self.scale, self.zero_point = float(network.after.scale), network.after.zero_point

    def run(self, images: Images) -> NDArray[np.int8]:
        """See Backend.run."""
        outputs = np.empty((len(images), *self.outputs), np.int8)
        for at in range(0, len(images), self._batch):
            part = images[at : at + self._batch]
            outputs[at : at + self._batch] = self._compute(part) + self.zero_point
        return outputs

    def _compute(self, images: Images) -> Values:
        """Return the outputs of a batch minus their zero point."""
        network = self._network
        tensors: dict[int, Values] = {
            network.input: images.reshape(len(images), *network.image).astype(np.float32),
        }
        for step, operation in zip(network.steps, self._operations, strict=True):
            tensors[step.output] = operation(*(tensors[number] for number in step.inputs))
            for number in step.unused:
                del tensors[number]
        return tensors[network.output]


def load(model: bytes, threads: int, shapes: Shapes) -> NumpyBackend:
    """Load a .tflite model; raises UnsupportedModelError for operators that are not supported, else BackendError.

    threads: ignored; one thread is used.
    """
    try:
        return NumpyBackend(model, shapes)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"NumPy cannot run the model ({error}): {KINDS['litert'].install}") from error
    except ModelError as error:
        raise BackendError(f"NumPy refuses the model: {error}") from error
