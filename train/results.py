"""What a training reports. No framework in here, so that everything may use it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.recipes import Recipe

CLASSES = 10
LIBRARIES = ("tensorflow", "keras", "numpy", "opencv-python-headless")  # whose versions a result names


@dataclass(frozen=True)
class Predictions:
    """The labels that a network gives to one set of digits."""

    loss: float  # the recipe's loss, without label smoothing
    labels: NDArray[np.uint8]  # (N,), 0 to 9: the truth
    predicted: NDArray[np.uint8]  # (N,), 0 to 9

    @property
    def accuracy(self) -> float:
        """Share of the digits with the right label, 0 to 1."""
        return float((self.labels == self.predicted).mean())

    def confusion(self) -> NDArray[np.int64]:
        """Return counts, int64 (10, 10): row the true digit, column the predicted one."""
        pairs = self.labels.astype(np.int64) * CLASSES + self.predicted
        return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    def per_class(self) -> dict[str, list[float]]:
        """Return precision, recall and F1 of each digit, ten fractions each; 0 where a digit never occurs."""
        counts = self.confusion()
        right, predicted, true = counts.diagonal(), counts.sum(0), counts.sum(1)
        return {
            "precision": (right / np.maximum(predicted, 1)).tolist(),
            "recall": (right / np.maximum(true, 1)).tolist(),
            "f1": (2 * right / np.maximum(predicted + true, 1)).tolist(),
        }


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every training reports."""

    recipe: Recipe
    seed: int
    epochs: int
    final: bool  # trained on all 60,000 digits
    seconds: float  # of training, without loading and the scores at the end
    parameters: int
    precision: str  # of the products in training: float32 or bfloat16
    summary: str  # the network, layer by layer
    history: dict[str, list[float]]  # a value for each epoch, by Keras' names
    data_sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return the metrics that all tasks have, ready for JSON."""
        plain = ("seed", "epochs", "final", "parameters", "precision", "data_sha256", "versions")
        return {
            "recipe": self.recipe.name,
            **{name: getattr(self, name) for name in plain},
            "seconds": round(self.seconds, 2),
        }

    def metrics(self) -> dict[str, Any]:
        """Return all metrics, ready for JSON."""
        return self.facts()

    def history_csv(self) -> str:
        """Return the history as CSV, a row for each epoch."""
        rows = [",".join(["epoch", *self.history])]
        for epoch, values in enumerate(zip(*self.history.values(), strict=True), 1):
            rows.append(",".join([str(epoch), *(f"{value:.6f}" for value in values)]))
        return "\n".join(rows) + "\n"


@dataclass(frozen=True, kw_only=True)
class DigitResult(Result):
    """What the training of a network that reads digits reports."""

    waiting_share: float  # share of the seconds spent waiting for images, 0 to 1
    train: Predictions
    test: Predictions
    validation: Predictions | None  # None in a final training
    teachers: list[dict[str, Any]] = field(default_factory=list)  # recipe, seed, final and SHA-256 of each
    extra: Predictions | None = None  # of the user's own digits, which it was trained on as well
    extra_paths: Sequence[Path] = ()  # their files

    def metrics(self) -> dict[str, Any]:
        """Return all metrics, ready for JSON; accuracies, precision, recall and F1 are fractions."""
        test, validation = self.test, self.validation
        return {
            **self.facts(),
            "waiting_share": round(self.waiting_share, 4),
            "test_accuracy": test.accuracy,
            "test_loss": test.loss,
            "train_accuracy": self.train.accuracy,
            "train_loss": self.train.loss,
            "validation_accuracy": validation.accuracy if validation else None,
            "validation_loss": validation.loss if validation else None,
            "teachers": self.teachers,
            "published": dict(self.recipe.published) if self.recipe.published else None,
            "extra": len(self.extra.labels) if self.extra else 0,
            "extra_accuracy": self.extra.accuracy if self.extra else None,
            "extra_misread": self._misread(self.extra) if self.extra else [],
            "per_class": {"train": self.train.per_class(), "test": test.per_class()},
            "confusion": test.confusion().tolist(),
        }

    def _misread(self, extra: Predictions) -> list[dict[str, Any]]:
        """Return file, label and prediction of the user's own digits that are misread."""
        rows = zip(self.extra_paths, extra.labels.tolist(), extra.predicted.tolist(), strict=True)
        return [{"path": str(path), "label": label, "read": read} for path, label, read in rows if label != read]
