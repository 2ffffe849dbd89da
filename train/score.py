"""What a trained network is worth, counted: no framework in here, so that everything may use it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.recipes import Recipe

CLASSES = 10


@dataclass(frozen=True)
class Score:
    """How a network did on one set of digits."""

    loss: float  # the recipe's loss, without label smoothing
    labels: NDArray[np.uint8]  # (N,), 0 to 9
    predicted: NDArray[np.uint8]  # (N,), 0 to 9

    @property
    def accuracy(self) -> float:
        """Fraction of the digits that are right, 0 to 1."""
        return float((self.labels == self.predicted).mean())

    def confusion(self) -> NDArray[np.int64]:
        """Counts, int64 (10, 10): row the true digit, column the predicted one."""
        pairs = self.labels.astype(np.int64) * CLASSES + self.predicted
        return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)

    def per_class(self) -> dict[str, list[float]]:
        """Precision, recall and F1 of each digit, ten fractions each; 0 where a digit never occurs."""
        counts = self.confusion()
        right, predicted, true = counts.diagonal(), counts.sum(0), counts.sum(1)
        return {
            "precision": (right / np.maximum(predicted, 1)).tolist(),
            "recall": (right / np.maximum(true, 1)).tolist(),
            "f1": (2 * right / np.maximum(predicted + true, 1)).tolist(),
        }


@dataclass(frozen=True, kw_only=True)
class Training:
    """What was trained, and how it went."""

    recipe: Recipe
    seed: int
    epochs: int
    final: bool  # trained on all 60,000 digits
    seconds: float  # of training, without loading and the scores at the end
    parameters: int
    precision: str  # of the products in training: float32 or bfloat16
    summary: str  # the network, layer by layer
    history: dict[str, list[float]]  # a value an epoch, by Keras' names
    data_sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """What metrics begin with, ready for JSON."""
        plain = ("seed", "epochs", "final", "parameters", "precision", "data_sha256", "versions")
        return {
            "recipe": self.recipe.name,
            **{name: getattr(self, name) for name in plain},
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True, kw_only=True)
class Result(Training):
    """One training of a network that reads digits, and what came out."""

    waiting_share: float  # of the seconds, spent waiting for deformed digits: 0 to 1
    train: Score
    test: Score
    validation: Score | None  # of one that is not
    teachers: list[dict[str, Any]] = field(default_factory=list)  # recipe, seed, final and SHA-256 of each
    extra: Score | None = None  # of digits of the user's own, among those that it was trained on
    extra_paths: Sequence[Path] = ()  # their files

    def metrics(self) -> dict[str, Any]:
        """All figures, ready for JSON; accuracies, precision, recall and F1 are fractions."""
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
            "extra_misread": self._misread() if self.extra else [],
            "per_class": {"train": self.train.per_class(), "test": test.per_class()},
            "confusion": test.confusion().tolist(),
        }

    def _misread(self) -> list[dict[str, Any]]:
        """The user's own digits that the network reads wrongly: file, label and what was read."""
        assert self.extra is not None
        rows = zip(self.extra_paths, self.extra.labels.tolist(), self.extra.predicted.tolist(), strict=True)
        return [{"path": str(path), "label": label, "read": read} for path, label, read in rows if label != read]
