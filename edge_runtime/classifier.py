"""The classifier: a bundle, a backend, and the conversion of raw outputs to probabilities."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_bundle
from edge_runtime.errors import UsageError
from edge_runtime.images.inputs import Channels, ImageLike, as_gray, as_grays
from edge_runtime.normalise import normalise_all
from edge_runtime.types import NON_DIGIT, Classification, Images

ONE = (28, 28)  # the shape of a single image
UINT8, INT8 = np.dtype(np.uint8), np.dtype(np.int8)  # dtype objects compare faster than np.int8


class Classifier:
    """Classifies images of one digit each. Thread-safe: one call at a time uses the interpreter."""

    def __init__(self, bundle: Bundle | str | Path | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a model.

        bundle: the name of a shipped bundle, the folder of a bundle, or None for the default. backend: auto, litert,
        tflite-runtime, onnx, numpy, fake, or the name of a plugin. threads: 1..64, of the interpreter. Raises
        ModelError, BackendError or UsageError.
        """
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
        self._weights = _weight_table(self.bundle, self._backend.scale, self._backend.zero_point)
        self._turn = threading.Lock()

    def classify(self, images: ImageLike | Sequence[ImageLike], channels: Channels = "bgr") -> Classification:
        """Normalise and classify one image of a digit or several.

            Classifier().classify("seven.png").label

        images: one image (a path, bytes, a binary file, an array (height, width) or with channels, a PIL image), a list
        of images, or a stack of gray images (N, height, width). channels: the colour order of arrays, "bgr" or "rgb".
        Returns label and confidence of shape () or (N,), and probabilities of shape (10,) or (N, 10). The probabilities
        are calibrated: the logits are divided by the temperature of the bundle (C. Guo, G. Pleiss, Y. Sun,
        K. Q. Weinberger: "On calibration of modern neural networks", ICML 2017). Raises InputError for a file that
        cannot be read, and UsageError for an object that is not an image.
        """
        several = as_grays(images, channels)
        if several is None:
            return self.classify_normalised(normalise_all([as_gray(images, channels)])[0])
        return self.classify_normalised(normalise_all(several))

    def classify_normalised(self, images: Images) -> Classification:
        """Classify digits returned by `normalise` or `normalise_all`; other images give wrong results.

        images: uint8 (28, 28) or (N, 28, 28), N >= 0, ink bright on 0. Returns the same as `classify`. Raises
        UsageError for an array of another dtype or shape.
        """
        if isinstance(images, np.ndarray) and images.dtype == UINT8 and images.shape == ONE:
            return self._classify_one(images)
        if not isinstance(images, np.ndarray) or images.dtype != UINT8:
            found = getattr(images, "dtype", type(images).__name__)
            raise UsageError(f"normalised images are a uint8 array, not {found}: call classify for other images")
        if images.ndim != 3 or images.shape[1:] != ONE:
            raise UsageError(
                f"normalised images are of shape (28, 28) or (N, 28, 28), not {images.shape}: call classify for others"
            )
        if len(images) == 0:
            return Classification(np.empty(0, np.int64), np.empty(0, np.float32), np.empty((0, 10), np.float32))
        return self._classify(images)

    def _classify_one(self, image: Images) -> Classification:
        """Classify one image with few NumPy calls, which cost more than the interpreter for a small network."""
        with self._turn:
            outputs = self._backend.run(image[np.newaxis])
        output = outputs[0]
        weights = self._weights.take(output) if output.dtype == INT8 else self._weigh(outputs)[0]
        total = 0.0
        for weight in weights.tolist():  # `sum` rounds differently on some Python versions
            total += weight
        probabilities = (weights[:NON_DIGIT] / total).astype(np.float32)
        label = output.argmax()
        if label == NON_DIGIT:  # the most similar digit
            label = output[:NON_DIGIT].argmax()
        return Classification(label, probabilities[label], probabilities)

    def _classify(self, images: Images) -> Classification:
        with self._turn:
            outputs = self._backend.run(images)
        weights = self._weights[outputs] if outputs.dtype == INT8 else self._weigh(outputs)
        # Sums in the same order as for one image, so that the last bit does not depend on the batch.
        totals = np.add.accumulate(weights, 1)[:, -1:]
        probabilities = (weights[:, :NON_DIGIT] / totals).astype(np.float32)
        # Equal outputs stay equal as probabilities, so the first of them wins on every backend.
        return Classification(outputs[:, :NON_DIGIT].argmax(1), probabilities.max(1), probabilities)

    def _weigh(self, outputs: NDArray[np.generic]) -> NDArray[np.float64]:
        logits = outputs.astype(np.float64)
        highest = logits.max(1, keepdims=True) if self.bundle.activation == "softmax" else 0.0
        return _activate(logits - highest, self.bundle)


def _activate(logits: NDArray[np.float64], bundle: Bundle) -> NDArray[np.float64]:
    """Return positive weights proportional to the probabilities, for softmax and sigmoid outputs.

    Sigmoid outputs need not sum to 1, so the caller divides by their sum, like Keras' categorical cross-entropy.
    """
    heated = logits / bundle.temperature
    if bundle.activation == "softmax":
        return np.exp(heated)
    return 1 / (1 + np.exp(-heated))


def _weight_table(bundle: Bundle, scale: float, zero_point: int) -> NDArray[np.float64]:
    """Return the weight of each int8 output, indexed by the output (negative ones from the end)."""
    outputs = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
    # Softmax is invariant to a shift: subtracting the largest possible logit avoids overflow.
    shift = 127 if bundle.activation == "softmax" else zero_point
    return _activate(scale * (outputs - shift), bundle)
