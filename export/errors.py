"""Errors of `export`, in addition to those in `edge_runtime/errors.py`."""

from edge_runtime.errors import EdgeDigitsError


class RunError(EdgeDigitsError, ValueError):
    """A run folder is missing, broken, or holds a network that cannot be exported."""


class ParityError(EdgeDigitsError, ValueError):
    """A converted network is not as accurate as the trained one, or not as the runtime expects it."""


class FloatsError(EdgeDigitsError, ValueError):
    """The float files of a bundle cannot be converted from its network."""
