"""Rows as bytes and back: CSV and JSON lines.

A resumed job reads its own unfinished output back.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from edge_runtime.common.csv_cells import escape_formula, format_csv_row, unescape_formula
from edge_runtime.errors import UsageError
from edge_runtime.forms.records import to_dict
from edge_runtime.types import Box, FieldReading, Row, Status

COLUMNS = ("path", "page", "label", "confidence", "status", "error")
FIELD_CELLS, FIELD_KEYS = 3, ("name", "text", "trust", "reason")  # columns of a field, and what a resumed job needs
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

    def __init__(self, probabilities: bool = False, fields: Sequence[str] = ()) -> None:
        """fields: names of the fields of a form, each of which has three columns, after one for the alignment."""
        self._fields = tuple(fields)
        own = form_columns(fields) if fields else ()
        self._columns = COLUMNS + (PROBABILITIES if probabilities else ()) + own
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
            for path, label, confidence, status, error, _, page, *_ in rows
        ]
        if self._fields:
            table = [cells + self._field_cells(row) for cells, row in zip(table, rows, strict=True)]
        elif len(self._columns) > len(COLUMNS):
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
            for path, page, label, confidence, status, error, *rest in reader:
                yield Row(
                    unescape_formula(path),
                    label,
                    float(confidence) if confidence else None,
                    Status(status),
                    unescape_formula(error),
                    tuple(float(share) for share in rest if share) if not self._fields else (),
                    int(page),
                    fields=self._read_fields(rest[1:]),
                    alignment=float(rest[0]) if self._fields and rest[0] else None,
                )
        except (csv.Error, ValueError):
            return

    def _field_cells(self, row: Row) -> tuple[str, ...]:
        cells = [(escape_formula(each.text), f"{each.trust:.4f}", each.reason) for each in row.fields]
        if not cells:
            return ("",) * (1 + FIELD_CELLS * len(self._fields))
        alignment = f"{row.alignment:.4f}" if row.alignment is not None else ""
        return alignment, *(cell for three in cells for cell in three)

    def _read_fields(self, cells: Sequence[str]) -> tuple[FieldReading, ...]:
        """Return what the cells of a row have of its fields; empty for a page that failed."""
        if not any(cells[1::FIELD_CELLS]):
            return ()
        columns = (cells[start::FIELD_CELLS] for start in range(FIELD_CELLS))
        return tuple(
            read_field(name, unescape_formula(text), float(trust), reason)
            for name, text, trust, reason in zip(self._fields, *columns, strict=True)
        )


class JsonLines:
    """One object per line, ASCII; invalid UTF-8 bytes of a name are escaped as lone surrogates.

    `note`, `fields` and `alignment` are present only if they are not empty.
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
        if row.alignment is not None:
            found["alignment"] = round(row.alignment, 4)
        if row.fields:
            found["fields"] = [to_dict(field) for field in row.fields]
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
                    tuple(
                        read_field(**{key: each.get(key, "") for key in FIELD_KEYS}) for each in found.get("fields", ())
                    ),
                    found.get("alignment"),
                )
            except (ValueError, LookupError, TypeError):
                return
            yield row


def form_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of a form: its alignment, and those of its fields."""
    return "alignment", *(each for name in names for each in field_columns(name))


def field_columns(name: str) -> tuple[str, str, str]:
    """Return the names of the columns of a field: its text, its trust and why it was rejected."""
    return name, f"{name}_trust", f"{name}_reason"


def check_field_names(names: Sequence[str]) -> None:
    """Raise UsageError if the columns of fields and others have the same name."""
    columns = [*COLUMNS, *form_columns(names)]
    for name, count in Counter(columns).items():
        if count > 1:
            raise UsageError(f"two columns of the output have the name {name!r}: give the field another name")


def read_field(name: str, text: str, trust: float, reason: str) -> FieldReading:
    """Return what a table has of the reading of a field."""
    status = Status.REJECTED if reason else Status.OK
    return FieldReading(name, text, None, trust, status, reason, Box(0, 0, 0, 0), ())


def _shares(row: Row) -> tuple[str, ...]:
    return tuple([f"{share:.6f}" for share in row.probabilities]) or ("",) * len(PROBABILITIES)
