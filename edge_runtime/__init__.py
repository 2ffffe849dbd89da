"""Reads handwritten digits on small computers, without TensorFlow.

In: picture files, folders, arrays. Out: labels with confidence, and a reason where there is no answer.
Data flows one way: source, decode, find digits, normalise, classify, decide, sink.
"""

from edge_runtime.classifier import Classifier
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.image import decode_gray, read_gray
from edge_runtime.normalise import normalise
from edge_runtime.pipeline import Reader
from edge_runtime.types import Box, Classification, Digit, Page, Status

__all__ = [
    "Box",
    "Classification",
    "Classifier",
    "Digit",
    "EdgeDigitsError",
    "Page",
    "Reader",
    "Status",
    "decode_gray",
    "normalise",
    "read_gray",
]
