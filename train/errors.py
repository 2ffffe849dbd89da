"""What `train` adds to the tree in `edge_runtime/errors.py`; `DataError` stands in `data`."""

from edge_runtime.errors import EdgeDigitsError


class TrainError(EdgeDigitsError, RuntimeError):
    """A training run did not come to a usable end."""


class CheckpointError(EdgeDigitsError, ValueError):
    """A checkpoint is damaged, or is of another training than the one that asks for it."""


class TeacherError(EdgeDigitsError, ValueError):
    """A network that others are to learn from is missing, broken, or has seen what they are measured on."""
