"""Accuracy of texts of pages and of fields: exact matches, character errors, and what rejecting buys."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime.batch.labels import NamedTable
from edge_runtime.types import Row, Status

BINS = 1000  # of the trust in a text, 0 to 1
STEPS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)  # trust from which a text would be accepted, in the table
TEXT = "label"  # the column of a page without a form


class Coverage(NamedTuple):
    """What would be accepted from a trust on."""

    trust: float  # 0..1
    coverage: float  # share of all texts with at least this trust, 0..1
    error: float  # share of these that are wrong, 0..1; 0 without any


@dataclass
class TextCounts:
    """Counts of the texts of one field, or of pages."""

    texts: int = 0
    exact: int = 0
    accepted: int = 0
    accepted_exact: int = 0
    characters: int = 0  # of the true texts
    edits: int = 0  # insertions, deletions and substitutions (Levenshtein)
    bins: list[list[int]] = field(
        default_factory=lambda: [[0, 0] for _ in range(BINS + 1)]
    )  # wrong and right, by trust

    def add(self, text: str, true: str, trust: float, accepted: bool, edits: int) -> None:
        """Count a text."""
        right = text == true
        self.texts += 1
        self.exact += right
        self.accepted += accepted
        self.accepted_exact += accepted and right
        self.characters += len(true)
        self.edits += edits
        self.bins[int(trust * BINS)][right] += 1

    @property
    def error_rate(self) -> float:
        """Edits for each character of the truth; 0 without any."""
        return self.edits / self.characters if self.characters else 0.0

    def coverages(self) -> list[Coverage]:
        """Return what would be accepted from each of `STEPS` on."""
        found = []
        for step in STEPS:
            bins = self.bins[int(step * BINS) :]
            wrong, right = sum(each[0] for each in bins), sum(each[1] for each in bins)
            kept = wrong + right
            found.append(Coverage(step, kept / max(1, self.texts), wrong / max(1, kept)))
        return found


class TextAccuracy:
    """Compares the texts of rows with true ones: of each field of a form, or of whole pages."""

    def __init__(self, table: Path, folder: str, fields: list[str]) -> None:
        """Read the true texts: the columns filename, and `label` or the names of fields; see `NamedTable`."""
        self._names = fields or [TEXT]
        self._is_form = bool(fields)
        self._truth = NamedTable(table, folder, self._names, _normalise)
        self.counts = {name: TextCounts() for name in self._names}
        self.confused: Counter[tuple[str, str]] = Counter()  # digits: true and read
        self.without = 0  # rows without a true text

    def add(self, row: Row) -> None:
        """Count the texts of a row; those of a page that failed are wrong."""
        values = self._truth.values(row)
        if not values:
            self.without += 1
            return
        found = self._texts(row)
        pairs = zip(self._names, values, strict=True)
        for name, true in ((name, value) for name, value in pairs if value is not None):
            text, trust, accepted = found.get(name, ("", 0.0, False))
            text = "".join(filter(str.isdigit, text)) if self._is_form and true.isdigit() else _normalise(text)
            edits, replaced = _align(true, text)
            self.counts[name].add(text, true, trust, accepted, edits)
            self.confused.update(pair for pair in replaced if "".join(pair).isdigit())

    def _texts(self, row: Row) -> dict[str, tuple[str, float, bool]]:
        if self._is_form:
            return {each.name: (each.text, each.trust, each.status is Status.OK) for each in row.fields}
        return {TEXT: (row.label, row.confidence or 0.0, row.status is Status.OK)}

    def total(self) -> TextCounts:
        """Return the counts of all texts together."""
        total = TextCounts()
        for each in self.counts.values():
            total.texts += each.texts
            total.bins = [
                [a + b for a, b in zip(*pair, strict=True)] for pair in zip(total.bins, each.bins, strict=True)
            ]
        return total

    def unused(self) -> list[str]:
        """Return the names of the table that have matched no row so far."""
        return self._truth.unused()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON, by name."""
        fields = {
            name: {
                "texts": each.texts,
                "exact": each.exact,
                "accepted": each.accepted,
                "accepted_exact": each.accepted_exact,
                "character_error_rate": round(each.error_rate, 6),
                "coverage": [dict(zip(Coverage._fields, step, strict=True)) for step in each.coverages()],
            }
            for name, each in self.counts.items()
        }
        confused = [{"true": true, "read": read, "count": count} for (true, read), count in self.confused.most_common()]
        return {"texts": fields, "confused": confused, "rows_without_truth": self.without}


def _normalise(text: str) -> str:
    """Return a text with its rows joined by a space."""
    return " ".join(text.replace("|", " ").split())


def _align(true: str, read: str) -> tuple[int, list[tuple[str, str]]]:
    """Return the fewest edits from one text to the other (Levenshtein), and the pairs of replaced characters."""
    costs = [list(range(len(read) + 1))]
    for row, letter in enumerate(true, 1):
        line = [row]
        for column, other in enumerate(read, 1):
            line.append(min(costs[-1][column - 1] + (letter != other), costs[-1][column] + 1, line[-1] + 1))
        costs.append(line)
    pairs, row, column = [], len(true), len(read)
    while row and column:
        replaced = true[row - 1] != read[column - 1]
        if costs[row][column] == costs[row - 1][column - 1] + replaced:
            if replaced:
                pairs.append((true[row - 1], read[column - 1]))
            row, column = row - 1, column - 1
        elif costs[row][column] == costs[row - 1][column] + 1:
            row -= 1
        else:
            column -= 1
    return costs[-1][-1], pairs
