"""Interpreters behind one small protocol, one file each; `open_backend` selects one.

In: the model file of a bundle and uint8 images. Out: raw outputs, int8 or float32, with their scale and zero point.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Bundle, Shapes
from edge_runtime.errors import BackendError, EdgeDigitsError, ModelError, UsageError, describe_error
from edge_runtime.limits import THREADS
from edge_runtime.plugins import BACKENDS, failure_message, load_plugin, plugin_names
from edge_runtime.types import Images

AUTO = "auto"
NUMPY = "numpy"  # the fallback of auto if no interpreter is installed


class Backend(Protocol):
    """One loaded model. Not thread-safe: callers use it from one thread at a time."""

    scale: float  # logits = scale * (output - zero_point); 1 for float outputs
    zero_point: int  # -128..127; 0 for float outputs
    outputs: tuple[int, ...]  # the shape for one image

    def run(self, images: Images) -> NDArray[np.int8] | NDArray[np.float32]:
        """Run the model on images, uint8 (N, height, width), N >= 1; returns raw outputs (N, *outputs), a new array."""


class Kind(NamedTuple):
    """Description of a backend: `module` has `load(model, threads, shapes)` and imports `library`."""

    module: str
    library: str | None
    model: str | None  # the model format that it runs
    install: str  # how to install it


KINDS = {
    "litert": Kind("litert", "ai_edge_litert", "tflite_int8", "pip install ai-edge-litert"),
    "tflite-runtime": Kind(
        "tflite_runtime",
        "tflite_runtime",
        "tflite_int8",
        "on Python 3.11, as requirements/README.md of the checkout says",
    ),
    "onnx": Kind("onnx", "onnxruntime", "onnx_int8", "pip install onnxruntime, or the extra edge-digits[onnx]"),
    NUMPY: Kind("numpy_int8", "numpy", "tflite_int8", "pip install numpy"),
    "fake": Kind("fake", None, None, "ships with the package"),
}
CHOICES = (AUTO, *KINDS)


def is_installed(name: str) -> bool:
    """Return whether the library of a backend can be found, without importing it."""
    library = KINDS[name].library
    try:
        return library is None or find_spec(library) is not None
    except ValueError:  # import is blocked: None in sys.modules
        return False


def open_backend(name: str, bundle: Bundle, threads: int = 1) -> tuple[str, Backend]:
    """Load the model of a bundle into an interpreter; returns the name of the backend and the backend.

    name: one of `CHOICES`, or that of a plugin; auto takes the first real backend of `KINDS` that is installed and can
    run the bundle, with a notice if that is NumPy. threads: 1..64. Raises UsageError, BackendError, ModelError or
    MissingLibraryError.
    """
    added = None if name in CHOICES else load_plugin(BACKENDS, name)
    if name not in CHOICES and added is None:
        choices = ", ".join([*CHOICES, *plugin_names(BACKENDS)])
        raise UsageError(f"there is no backend {name!r}: choose one of {choices}")
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or not 1 <= threads <= THREADS:
        raise UsageError(f"threads is a whole number from 1 to {THREADS}, not {threads!r}")
    threads = int(threads)  # interpreters accept no other integer type
    if added is not None:
        return name, _open_plugin(name, added, bundle, threads)
    if name != AUTO:
        return name, _open(name, bundle, threads)
    failures: list[str] = []
    for candidate, kind in KINDS.items():
        if kind.library is None or kind.model not in bundle.files or not is_installed(candidate):
            continue
        try:
            backend = _open(candidate, bundle, threads)
        except BackendError as error:
            failures.append(f"{candidate}: {error}")
            continue
        if candidate == NUMPY:
            notice_numpy(failures)
        return candidate, backend
    raise BackendError(f"no backend can run the model {bundle.name}; {_describe_missing(bundle, failures)}")


def notice(line: str) -> None:
    """Log information for the user that is not a failure; it goes to standard error unless logging is configured."""
    import logging  # here, because most runs log nothing

    logging.getLogger("edge_runtime").warning("notice: %s", line)


def notice_numpy(failures: Sequence[str] = ()) -> None:
    """Log that no interpreter is used. failures: what is wrong with the installed ones."""
    parts = ["falling back to the slower NumPy backend", *failures]
    notice("; ".join([*parts, "edge-digits doctor shows which interpreters can be installed"]))


def _describe_missing(bundle: Bundle, failures: Sequence[str]) -> str:
    """Describe what failed and what can be installed."""
    kinds = {name: kind for name, kind in KINDS.items() if kind.model in bundle.files and name != NUMPY}
    install = "; or ".join(kind.install for name, kind in kinds.items() if not is_installed(name))
    return "; ".join([*failures, *([f"to install an interpreter: {install}"] if install else [])])


def _open(name: str, bundle: Bundle, threads: int) -> Backend:
    kind = KINDS[name]
    if not is_installed(name):
        raise BackendError(f"the backend {name} is not installed: {kind.install}")
    model = bundle.file(kind.model).load() if kind.model else b""
    try:
        load = cast(Callable[[bytes, int, Shapes], Backend], import_module(f"{__name__}.{kind.module}").load)
    except Exception as error:  # a library for another processor or NumPy may raise anything
        raise BackendError(
            f"the backend {name} is installed and cannot be imported ({describe_error(error)}): {kind.install}"
        ) from error
    return _check_outputs(load(model, threads, bundle.shapes), bundle)


def _open_plugin(name: str, added: Any, bundle: Bundle, threads: int) -> Backend:
    """Open the backend of a plugin, which has `load` and optionally `MODEL`, the model format that it runs."""
    model = getattr(added, "MODEL", None)
    try:
        backend = added.load(bundle.file(model).load() if model else b"", threads, bundle.shapes)
        if missing := [part for part in ("run", "outputs", "scale", "zero_point") if not hasattr(backend, part)]:
            raise TypeError(f"{type(backend).__name__} has no {', '.join(missing)}: it is not a Backend")
    except EdgeDigitsError:
        raise
    except (Exception, SystemExit) as error:  # the code of a plugin may raise anything
        raise BackendError(failure_message("backend", name, error)) from error
    return _PluginBackend(name, _check_outputs(backend, bundle))


class _PluginBackend:
    """The backend of a plugin; its errors and outputs are checked."""

    def __init__(self, name: str, backend: Backend) -> None:
        self._name, self._backend = name, backend
        self.outputs, self.scale, self.zero_point = backend.outputs, backend.scale, backend.zero_point

    def run(self, images: Images) -> NDArray[np.int8] | NDArray[np.float32]:
        """See Backend.run."""
        try:
            outputs = self._backend.run(images)
            found, expected = getattr(outputs, "shape", None), (len(images), *self.outputs)
            if found != expected:
                raise ValueError(f"its outputs have the shape {found}, not {expected}")
        except EdgeDigitsError:
            raise
        except (Exception, SystemExit) as error:
            raise BackendError(failure_message("backend", self._name, error)) from error
        return outputs


def _check_outputs(backend: Backend, bundle: Bundle) -> Backend:
    if backend.outputs != bundle.shapes.outputs:
        raise ModelError(
            f"the model {bundle.name} has outputs {backend.outputs}, not {bundle.shapes.outputs} as in its manifest"
        )
    return backend
