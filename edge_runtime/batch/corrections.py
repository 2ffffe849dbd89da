"""Values of fields that a person has corrected: a table with the columns path, page, field and text."""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from edge_runtime.batch import parquet
from edge_runtime.batch.row_formats import Csv
from edge_runtime.common.csv_cells import unescape_formula
from edge_runtime.common.files import write_whole
from edge_runtime.common.text import open_text
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.forms.records import summarise
from edge_runtime.types import FieldReading, Row, Status

COLUMNS = ("path", "page", "field", "text")
TEXT = 200  # characters of a value

Page = tuple[str, int]  # path and number


class Corrections:
    """Corrected values, by page and field."""

    def __init__(self, table: Path, names: Sequence[str]) -> None:
        """Read a table. names: of the fields of the form.

        Raises FileError if the table cannot be read, and UsageError, which names the line, if it is invalid.
        """
        self._values: dict[Page, dict[str, str]] = {}
        with open_text(table) as file:
            for line, cells in _read(table, file):
                if cells["field"] not in names:
                    raise UsageError(f"{table}, line {line}: the form has no field {cells['field']!r}")
                if not cells["page"].isdecimal() or len(cells["page"]) > 6:
                    raise UsageError(f"{table}, line {line}: the page is {cells['page']!r}, not a number from 1")
                if len(cells["text"]) > TEXT or not cells["text"].isprintable():
                    raise UsageError(f"{table}, line {line}: the text is no value of at most {TEXT} characters")
                page = (unescape_formula(cells["path"]), int(cells["page"]))
                self._values.setdefault(page, {})[cells["field"]] = unescape_formula(cells["text"])
        self.count = sum(map(len, self._values.values()))
        self._left = set(self._values)

    @property
    def unused(self) -> list[str]:
        """The paths that no row has had so far."""
        return sorted({path for path, _ in self._left})

    @property
    def count_files(self) -> int:
        """Number of paths with corrections."""
        return len({path for path, _ in self._values})

    def pages(self) -> Iterator[tuple[str, dict[int, dict[str, str]]]]:
        """Yield each path with the values by page and field."""
        for path, group in groupby(sorted(self._values), lambda page: page[0]):
            yield path, {page: self._values[path, page] for _, page in group}

    def apply(self, row: Row) -> Row:
        """Return a row with its corrected values, which are accepted."""
        values = self._take(row.path, row.page)
        if not values or not row.fields:
            return row
        fields = tuple(_correct(each, values[each.name]) if each.name in values else each for each in row.fields)
        label, status, error = summarise([(each.name, each.text, each.reason) for each in fields])
        return row._replace(label=label, fields=fields, status=status, error=error)

    def merge(self, output: Path, names: Sequence[str]) -> None:
        """Merge the values into a finished output. Raises OutputError, or UsageError for a file of another form."""
        suffix = output.suffix.lower()

        def write(target: BinaryIO) -> None:
            if suffix == ".parquet":
                parquet.rewrite(output, target, names, self.apply)
                return
            with output.open("rb") as source:
                for line in self._csv_lines(source, names) if suffix == ".csv" else map(self._json_line, source):
                    target.write(line)

        try:
            write_whole(output, write)
        except OSError as error:
            raise OutputError(f"{output} cannot be written: {error.strerror}") from error

    def _csv_lines(self, source: BinaryIO, names: Sequence[str]) -> Iterator[bytes]:
        table = Csv(fields=names)
        yield table.head
        for row in table.rows(source):
            yield table.lines([self.apply(row)])

    def _json_line(self, line: bytes) -> bytes:
        """Return a line with its corrected values; what else it has stays as it is."""
        record: dict[str, Any] = json.loads(line)
        values = self._take(record["path"], record["page"])
        fields = record.get("fields", [])
        if not values or not fields:
            return line
        for each in fields:
            if each["name"] in values:
                each |= {"text": values[each["name"]], "trust": 1.0, "status": Status.OK.value}
                each.pop("reason", None)
        label, status, error = summarise([(each["name"], each["text"], each.get("reason", "")) for each in fields])
        record |= {"label": label, "status": status.value, "error": error}
        return json.dumps(record).encode() + b"\n"

    def _take(self, path: str, page: int) -> dict[str, str]:
        self._left.discard((path, page))
        return self._values.get((path, page), {})


def _read(table: Path, file: Any) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line and its cells, by column; raises UsageError."""
    reader = csv.reader(file)
    try:
        columns = [cell.strip().lower() for cell in next(reader, [])]
        if missing := [name for name in COLUMNS if name not in columns]:
            raise UsageError(f"{table} has no column {missing[0]}: a table of corrections has {','.join(COLUMNS)}")
        for cells in reader:
            if len(cells) == len(columns):
                yield reader.line_num, dict(zip(columns, cells, strict=True))
            elif cells:
                raise UsageError(f"{table}, line {reader.line_num}: {len(cells)} cells, not {len(columns)}")
    except csv.Error as error:
        raise UsageError(f"{table}, line {reader.line_num}: {error}") from error


def _correct(field: FieldReading, text: str) -> FieldReading:
    return field._replace(text=text, trust=1.0, status=Status.OK, reason="", crop=b"")
