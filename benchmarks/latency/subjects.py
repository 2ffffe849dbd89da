"""The ways to read digits that are compared, each for one digit and for many.

`prepare` is not measured, since MLPerf's rules allow prepared samples in memory; `one` and `many` are. The whole path,
`read` and `read_many`, begins with an encoded image in memory.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks import keras_model
from edge_runtime import Classifier, Reader, decode_gray
from edge_runtime.backends import open_backend
from edge_runtime.bundles.bundle import Bundle
from edge_runtime.errors import UnsupportedModelError
from edge_runtime.normalise import normalise, normalise_all
from edge_runtime.types import Images

BATCH = 64  # digits: the batch of the runtime's LiteRT backend
LARGE = 256  # digits: the same for ONNX Runtime and Keras


class Subject(Protocol):
    """One way to read digits."""

    def prepare(self, digits: Images) -> NDArray[Any]:
        """Return uint8 (N, 28, 28) digits as (N, ...): `one` takes them singly and `many` all at once."""

    def one(self, sample: NDArray[Any]) -> Any:
        """Read one prepared digit."""

    def many(self, samples: NDArray[Any]) -> Any:
        """Read many prepared digits."""

    def read(self, data: bytes) -> Any:
        """Read the digit in an encoded image."""

    def read_many(self, data: Iterable[bytes]) -> Any:
        """Read the digits in many encoded images."""


class _Bare:
    """Reads images as the runtime does, then runs the interpreter without a decision."""

    def prepare(self, digits: Images) -> NDArray[Any]:
        raise NotImplementedError

    def one(self, sample: NDArray[Any]) -> Any:
        raise NotImplementedError

    def many(self, samples: NDArray[Any]) -> Any:
        raise NotImplementedError

    def read(self, data: bytes) -> Any:
        return self.one(self.prepare(normalise(decode_gray(data))[np.newaxis])[0])

    def read_many(self, data: Iterable[bytes]) -> Any:
        return self.many(self.prepare(normalise_all(map(decode_gray, data))))


class _Tflite(_Bare):
    """The bare loop: set, invoke, get."""

    def __init__(self, bundle: Bundle, kind: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        model = bundle.file(kind).load()
        self._one, self._many = (Interpreter(model_content=model, num_threads=1) for _ in range(2))
        (entry,), (result,) = self._one.get_input_details(), self._one.get_output_details()
        self._input, self._output, self._dtype = entry["index"], result["index"], entry["dtype"]
        self._shape = tuple(int(side) for side in entry["shape"][1:])
        self._many.resize_tensor_input(self._input, (BATCH, *self._shape))
        self._one.allocate_tensors()
        self._many.allocate_tensors()

    def prepare(self, digits: Images) -> NDArray[Any]:
        pixels = (digits ^ np.uint8(0x80)).view(np.int8) if self._dtype == np.int8 else digits.astype(np.float32)
        return pixels.reshape(len(digits), 1, *self._shape)

    def one(self, sample: NDArray[Any]) -> Any:
        self._one.set_tensor(self._input, sample)
        self._one.invoke()
        return self._one.get_tensor(self._output)

    def many(self, samples: NDArray[Any]) -> Any:
        outputs = []
        for at in range(0, len(samples), BATCH):
            part = samples[at : at + BATCH, 0]
            self._many.set_tensor(self._input, np.resize(part, (BATCH, *self._shape)) if len(part) < BATCH else part)
            self._many.invoke()
            outputs.append(self._many.get_tensor(self._output)[: len(part)])
        return np.concatenate(outputs)


class _Onnx(_Bare):
    """A session's `run`."""

    def __init__(self, bundle: Bundle, kind: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = bundle.file(kind).load()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        (entry,) = self._session.get_inputs()
        self._name, self._shape = entry.name, entry.shape[1:]
        self._dtype = np.uint8 if entry.type == "tensor(uint8)" else np.float32

    def prepare(self, digits: Images) -> NDArray[Any]:
        return digits.astype(self._dtype).reshape(len(digits), 1, *self._shape)

    def one(self, sample: NDArray[Any]) -> Any:
        return self._session.run(None, {self._name: sample})[0]

    def many(self, samples: NDArray[Any]) -> Any:
        parts = [samples[at : at + LARGE, 0] for at in range(0, len(samples), LARGE)]
        return np.concatenate([self._session.run(None, {self._name: part})[0] for part in parts])


class _Keras(_Bare):
    """The trained network: `model(x)`, or `model.predict(x)`."""

    def __init__(self, path: Path, predict: bool) -> None:
        model = keras_model.load(path)
        self._call: Callable[[Any], Any] = lambda pixels: model(pixels, training=False).numpy()
        if predict:
            self._call = lambda pixels: model.predict(pixels, batch_size=LARGE, verbose=0)

    def prepare(self, digits: Images) -> NDArray[Any]:
        return digits.astype(np.float32)[:, np.newaxis]

    def one(self, sample: NDArray[Any]) -> Any:
        return self._call(sample)

    def many(self, samples: NDArray[Any]) -> Any:
        parts = [samples[at : at + LARGE, 0] for at in range(0, len(samples), LARGE)]
        return np.concatenate([self._call(part) for part in parts])


class _Ours:
    """The runtime's public API: `Classifier.classify`, and `Reader` for a whole image."""

    def __init__(self, bundle: Bundle, backend: str) -> None:
        self._classifier = Classifier(bundle, backend)
        self._reader = Reader(self._classifier)

    def prepare(self, digits: Images) -> NDArray[Any]:
        return digits

    def one(self, sample: NDArray[Any]) -> Any:
        return self._classifier.classify_normalised(sample)

    def many(self, samples: NDArray[Any]) -> Any:
        return self._classifier.classify_normalised(samples)

    def read(self, data: bytes) -> Any:
        return self._reader.read(decode_gray(data))

    def read_many(self, data: Iterable[bytes]) -> Any:
        return self._reader.read_many(map(decode_gray, data))


class Kind(NamedTuple):
    """A subject's title, the file that it needs, and the subject that is its bare loop."""

    title: str
    file: str | None  # the format of the model's file; None for Keras
    bare: str | None  # key of the bare loop over the same file
    open: Callable[[Bundle, Path | None], Subject]


SUBJECTS = {
    "keras-call": Kind("Keras, `model(x)`", None, None, lambda _, path: _Keras(_given(path), predict=False)),
    "keras-predict": Kind("Keras, `predict`", None, None, lambda _, path: _Keras(_given(path), predict=True)),
    "tflite-float": Kind(
        "tflite float, bare loop", "tflite_float", "tflite-float", lambda bundle, _: _Tflite(bundle, "tflite_float")
    ),
    "tflite-int8": Kind(
        "tflite int8, bare loop", "tflite_int8", "tflite-int8", lambda bundle, _: _Tflite(bundle, "tflite_int8")
    ),
    "onnx-float": Kind(
        "onnx float, bare loop", "onnx_float", "onnx-float", lambda bundle, _: _Onnx(bundle, "onnx_float")
    ),
    "onnx-int8": Kind("onnx int8, bare loop", "onnx_int8", "onnx-int8", lambda bundle, _: _Onnx(bundle, "onnx_int8")),
    "litert": Kind("edge-digits, litert", "tflite_int8", "tflite-int8", lambda bundle, _: _Ours(bundle, "litert")),
    "onnx": Kind("edge-digits, onnx", "onnx_int8", "onnx-int8", lambda bundle, _: _Ours(bundle, "onnx")),
    "numpy": Kind("edge-digits, numpy", "tflite_int8", "tflite-int8", lambda bundle, _: _Ours(bundle, "numpy")),
}


KERAS = frozenset(name for name, kind in SUBJECTS.items() if kind.file is None)


def why_not(name: str, bundle: Bundle) -> str:
    """Return why a subject cannot run a bundle: a missing file, or operators that NumPy lacks; empty if it can."""
    file = SUBJECTS[name].file
    if file is not None and file not in bundle.files:
        return f"the bundle has no {file} file"
    if name == "numpy":
        try:
            open_backend(name, bundle)
        except UnsupportedModelError as error:
            return str(error)
    return ""


def _given(path: Path | None) -> Path:
    assert path is not None
    return path
