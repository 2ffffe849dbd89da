"""Rows as bytes and back: CSV and JSON lines.

A resumed job reads its own unfinished output back.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from edge_runtime.common.csv_cells import escape_formula, format_csv_row, unescape_formula
from edge_runtime.types import Row, Status

COLUMNS = ("path", "page", "label", "confidence", "status", "error")
PROBABILITIES = tuple(f"p{digit}" for digit in range(10))
csv.field_size_limit(1 << 20)  # characters: more than the longest path from a list

SPECIAL = re.compile(r"[\"\r\0]")  # a cell with one of these, a comma or a newline is quoted


class Format(Protocol):
    """Format of rows in a file. The bytes of names that are not UTF-8 are preserved."""

    head: bytes  # bytes before the first row

    def lines(self, rows: Sequence[Row]) -> bytes:
        """Return rows as lines; many rows per call are faster."""

    def rows(self, file: BinaryIO) -> Iterator[Row]:
        """Yield the rows after the head; stops at the first invalid row."""


class Csv:
    """Columns path,page,label,confidence,status,error and, optionally, p0 to p9.

    A cell that a spreadsheet could take for a formula (it begins with = + - @, tab or carriage return), or that begins
    with an apostrophe, gets an extra apostrophe in front; reading removes it.
    """

    def __init__(self, probabilities: bool = False) -> None:
        self._columns = COLUMNS + (PROBABILITIES if probabilities else ())
        self.head = format_csv_row(self._columns).encode()

    def lines(self, rows: Sequence[Row]) -> bytes:
        """See Format.lines."""
        table: list[tuple[str, ...]] = [
            (
                escape_formula(path),
                str(page),
                label,
                "" if confidence is None else f"{confidence:.4f}",
                status,
                error and escape_formula(error),
            )
            for path, label, confidence, status, error, _, page, _ in rows
        ]
        if len(self._columns) > len(COLUMNS):
            table = [cells + _shares(row) for cells, row in zip(table, rows, strict=True)]
        # Nearly all batches need no quotes, and joining the cells takes half the time of checking each one.
        text = "".join([",".join(cells) + "\n" for cells in table])
        unquoted = text.count(",") == len(table) * (len(self._columns) - 1) and text.count("\n") == len(table)
        if not unquoted or SPECIAL.search(text):
            text = "".join(map(format_csv_row, table))
        return text.encode("utf-8", "surrogateescape")

    def rows(self, file: BinaryIO) -> Iterator[Row]:
        """See Format.rows."""
        reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in file), strict=True)
        try:
            next(reader, None)
            for path, page, label, confidence, status, error, *shares in reader:
                yield Row(
                    unescape_formula(path),
                    label,
                    float(confidence) if confidence else None,
                    Status(status),
                    unescape_formula(error),
                    tuple(float(share) for share in shares if share),
                    int(page),
                )
        except (csv.Error, ValueError):
            return


class JsonLines:
    """One object per line, ASCII; invalid UTF-8 bytes of a name are escaped as lone surrogates.

    `note` is present only if it is not empty.
    """

    head = b""

    def __init__(self, probabilities: bool = False) -> None:
        self._probabilities = probabilities

    def lines(self, rows: Sequence[Row]) -> bytes:
        """See Format.lines."""
        return "".join([self._line(row) for row in rows]).encode("ascii")

    def _line(self, row: Row) -> str:
        found: dict[str, object] = {
            "path": row.path,
            "page": row.page,
            "label": row.label,
            "confidence": None if row.confidence is None else round(row.confidence, 4),
            "status": row.status.value,
            "error": row.error,
        }
        if self._probabilities:
            found["probabilities"] = [round(share, 6) for share in row.probabilities]
        if row.note:
            found["note"] = row.note
        return json.dumps(found) + "\n"

    def rows(self, file: BinaryIO) -> Iterator[Row]:
        """See Format.rows."""
        for line in file:
            try:
                found = json.loads(line)
                row = Row(
                    found["path"],
                    found["label"],
                    found["confidence"],
                    Status(found["status"]),
                    found["error"],
                    tuple(found.get("probabilities", ())),
                    found["page"],
                    found.get("note", ""),
                )
            except (ValueError, LookupError, TypeError):
                return
            yield row


def _shares(row: Row) -> tuple[str, ...]:
    return tuple([f"{share:.6f}" for share in row.probabilities]) or ("",) * len(PROBABILITIES)
