"""Read handwritten digits on small computers, without TensorFlow.

In: image files, folders, arrays. Out: labels with confidence, or the reason why there is no label.
Data flows one way: source, decode, find digits, normalise, classify, decide, sink.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier
    from edge_runtime.errors import EdgeDigitsError
    from edge_runtime.images.files import decode_gray, read_gray
    from edge_runtime.page import Page
    from edge_runtime.pipeline import Reader, classify, read_page
    from edge_runtime.types import Box, Classification, Digit, Mark, Status

    __version__: str

_HOMES = {
    "Box": "types",
    "Classification": "types",
    "Classifier": "classifier",
    "Digit": "types",
    "EdgeDigitsError": "errors",
    "Mark": "types",
    "Page": "page",
    "Reader": "pipeline",
    "Status": "types",
    "classify": "pipeline",
    "decode_gray": "images.files",
    "read_gray": "images.files",
    "read_page": "pipeline",
}

__all__ = [
    "Box",
    "Classification",
    "Classifier",
    "Digit",
    "EdgeDigitsError",
    "Mark",
    "Page",
    "Reader",
    "Status",
    "__version__",
    "classify",
    "decode_gray",
    "read_gray",
    "read_page",
]


def __getattr__(name: str) -> Any:
    """Import a module on first use, so that a command without images does not import OpenCV."""
    if name == "__version__":
        from importlib.metadata import version  # slow to import, rarely needed

        return version("edge-digits")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
