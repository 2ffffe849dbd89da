"""Counts of a batch job."""

from collections import Counter
from collections.abc import Sequence

from edge_runtime.batch.confusion import ConfusionMatrix
from edge_runtime.batch.labels import Truth
from edge_runtime.batch.text_accuracy import TextAccuracy
from edge_runtime.types import Row, Status


class Counts:
    """Counts rows, and keeps an example of each kind of problem."""

    def __init__(self, truth: Truth | None, count_labels: bool, texts: TextAccuracy | None = None) -> None:
        """truth: the true labels. count_labels: labels are single digits and are counted. texts: for pages."""
        self.truth, self.count_labels, self.texts = truth, count_labels, texts
        self.fields: dict[str, Counter[str]] = {}  # of each field: reasons of rejection, empty for accepted ones
        self.statuses: Counter[str] = Counter()
        self.files = 0
        self.earlier = 0  # files of an earlier run
        self.labels: Counter[str] = Counter()  # of rows with status ok
        self.failed: Row | None = None  # the first one
        self.noted: Row | None = None  # the first row with a note
        self.notes = 0
        self.unlabelled: Row | None = None  # the first row without a true label
        self.without = 0  # rows without a true label
        self.confusion = ConfusionMatrix()

    @property
    def rows(self) -> int:
        """Rows so far: pages."""
        return self.statuses.total()

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows."""
        labels = [row.label for row in rows if row.status is Status.OK]
        if self.count_labels:  # the texts of pages would need unbounded memory
            self.labels.update(labels)
        self.statuses[Status.OK] += len(labels)
        if len(labels) < len(rows):
            self.statuses.update(row.status for row in rows if row.status is not Status.OK)
            if self.failed is None:
                self.failed = next((row for row in rows if row.status is Status.FAILED), None)
        self.files += [row.page for row in rows].count(1)
        if noted := [row for row in rows if row.note]:
            self.noted = self.noted or noted[0]
            self.notes += len(noted)
        for row in rows:
            for field in row.fields:
                self.fields.setdefault(field.name, Counter())[field.reason] += 1
            if self.texts:
                self.texts.add(row)
        if self.truth is None:
            return
        for row in rows:
            truth = self.truth.label(row)
            if truth is None:
                self.unlabelled = self.unlabelled or row
                self.without += 1
            else:
                self.confusion.add(row, truth)
