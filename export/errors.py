"""What `export` adds to the tree in `edge_runtime/errors.py`."""

from edge_runtime.errors import EdgeDigitsError


class RunError(EdgeDigitsError, ValueError):
    """A run folder is missing, broken, or holds a network that cannot be exported."""


class ParityError(EdgeDigitsError, ValueError):
    """A converted model is not as good as the trained one, or not what the runtime expects."""


class FloatsError(EdgeDigitsError, ValueError):
    """The float files of a bundle cannot be made again from its network."""
