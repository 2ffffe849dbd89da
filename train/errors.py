"""Errors of `train`, in addition to those in `edge_runtime/errors.py`; `DataError` is in `train/data/mnist.py`."""

from edge_runtime.errors import EdgeDigitsError


class TrainError(EdgeDigitsError, RuntimeError):
    """A training run failed."""


class CheckpointError(EdgeDigitsError, ValueError):
    """A checkpoint is damaged or belongs to another training."""


class TeacherError(EdgeDigitsError, ValueError):
    """A teacher is missing or damaged, or was trained on the validation digits."""


class FontError(EdgeDigitsError, RuntimeError):
    """No font that can be used for generated pages is installed."""
