"""Golden inputs and outputs: the outputs of a bundle where it was exported, for comparison on any device.

The file holds arrays without headers, described by the manifest entry `golden`: uint8 images, then for each format its
raw outputs, int8 or float32, little-endian.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime import limits
from edge_runtime.bundles.bundle import Bundle, model_file
from edge_runtime.errors import ModelError
from edge_runtime.types import Images

NAME = "golden.bin"
DTYPES: dict[str, np.dtype[Any]] = {"int8": np.dtype("i1"), "float32": np.dtype("<f4")}
# Kernels round differently where a sum is close to a half: those of LiteRT differ by up to 3 steps after all layers,
# those of ONNX Runtime with and without fusions by 1. A broken kernel is off by dozens.
STEPS = 4  # the largest allowed difference of a backend; 1 step is 1/255 of the range of the output

Outputs = NDArray[np.int8] | NDArray[np.float32]


class Golden(NamedTuple):
    """Inputs and expected outputs."""

    images: Images  # uint8 (N, height, width), N >= 1
    outputs: dict[str, Outputs]  # by format: (N, *outputs)


def load_golden(bundle: Bundle) -> Golden | None:
    """Load the golden arrays of a bundle; None if it has none. Raises ModelError if they do not match the manifest."""
    entry = bundle.manifest.get("golden")
    if entry is None:
        return None
    try:
        file, count = model_file(entry, bundle.folder), int(entry["images"])
        dtypes = {str(kind): DTYPES[name] for kind, name in entry["outputs"].items()}
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the golden entry of {bundle.name} is invalid ({error!r}): export it again") from error
    each = math.prod(bundle.shapes.outputs)
    sizes = [math.prod(bundle.shapes.image), *(each * dtype.itemsize for dtype in dtypes.values())]
    if count < 1 or file.size > limits.GOLDEN_BYTES or file.size != count * sum(sizes):
        raise ModelError(f"{file.path} does not have the size of {count} golden images: export it again")
    data = file.load()
    places = (count * np.cumsum([0, *sizes])).tolist()
    images = np.frombuffer(data, np.uint8, places[1]).reshape(count, *bundle.shapes.image)
    outputs = {
        kind: np.frombuffer(data, dtype, count * each, place).reshape(count, *bundle.shapes.outputs)
        for (kind, dtype), place in zip(dtypes.items(), places[1:], strict=False)
    }
    return Golden(images, outputs)


def pack(golden: Golden) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of the file and its manifest entry without path, size and hash."""
    outputs = {kind: each.astype(DTYPES[each.dtype.name], copy=False) for kind, each in golden.outputs.items()}
    data = b"".join([golden.images.tobytes(), *(each.tobytes() for each in outputs.values())])
    return data, {"images": len(golden.images), "outputs": {kind: each.dtype.name for kind, each in outputs.items()}}


def difference_in_steps(given: Outputs, wanted: Outputs) -> float:
    """Return the largest difference of raw outputs, in steps of 1/255 of the range; NaN if an output is NaN."""
    step = 1.0 if wanted.dtype == np.int8 else max(float(np.ptp(wanted)) / 255, 1e-6)
    return float(np.abs(given.astype(np.float64) - wanted).max() / step)
