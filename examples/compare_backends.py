"""One digit through every model and installed backend: python examples/compare_backends.py samples/0-like-mnist.png"""

import sys
import time

from edge_runtime import Classifier, read_gray
from edge_runtime.bundles.bundle import names
from edge_runtime.errors import BackendError
from edge_runtime.normalise import normalise

digit = normalise(read_gray(sys.argv[1]))
for model in names():
    for backend in ("litert", "tflite-runtime", "onnx", "numpy"):
        try:
            classifier = Classifier(model, backend)
        except BackendError:  # not installed, or it does not run this model
            continue
        began = time.perf_counter()
        for _ in range(100):
            found = classifier.classify_normalised(digit)
        microseconds = (time.perf_counter() - began) * 1e4
        print(f"{model:<10} {backend:<15} {found.label}  {found.confidence:.4%}  {microseconds:.0f} µs a digit")
