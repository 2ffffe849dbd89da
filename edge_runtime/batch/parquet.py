"""Rows as a Parquet file: the only file that imports pyarrow (the extra `parquet`).

Parquet files cannot be appended to. So a job writes JSON lines, which are converted when all rows are written.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from edge_runtime.batch.row_formats import JsonLines, field_columns, form_columns, read_field
from edge_runtime.common.versions import import_failure
from edge_runtime.errors import OutputError, UsageError
from edge_runtime.types import Row, Status

GROUP = 50_000  # rows per row group


def require_pyarrow() -> None:
    """Raise MissingLibraryError if pyarrow is not installed or cannot be imported."""
    try:
        import pyarrow.parquet  # noqa: F401
    except Exception as error:
        install = "pip install pyarrow, or the extra edge-digits[parquet]"
        raise import_failure("Parquet", "pyarrow", "pyarrow", install, error) from error


def convert(lines: Path, target: BinaryIO, probabilities: bool, names: Sequence[str] = ()) -> int:
    """Write the rows of a file of JSON lines as Parquet; returns the number of rows. names: of the fields of a form.

    Parquet strings are UTF-8: in a path, an invalid byte becomes \\xNN, and each backslash is doubled.
    """
    import pyarrow
    import pyarrow.parquet

    fields = [("path", pyarrow.string()), ("page", pyarrow.int32()), ("label", pyarrow.string())]
    fields += [("confidence", pyarrow.float32()), ("status", pyarrow.string()), ("error", pyarrow.string())]
    if probabilities:
        fields += [(f"p{digit}", pyarrow.float32()) for digit in range(10)]
    if names:
        fields.append(("alignment", pyarrow.float32()))
    for name in names:
        kinds = (pyarrow.string(), pyarrow.float32(), pyarrow.string())
        fields += list(zip(field_columns(name), kinds, strict=True))
    schema = pyarrow.schema(fields)
    try:
        with lines.open("rb") as file, pyarrow.parquet.ParquetWriter(target, schema) as writer:
            rows = JsonLines(probabilities).rows(file)
            count = 0
            while group := list(islice(rows, GROUP)):
                count += len(group)
                writer.write_table(pyarrow.Table.from_pydict(_columns(group, probabilities, names), schema=schema))
            return count
    except pyarrow.ArrowException as error:
        raise OutputError(f"the Parquet file cannot be written: {error}") from error


def rewrite(source: Path, target: BinaryIO, names: Sequence[str], change: Callable[[Row], Row]) -> None:
    """Write the rows of a Parquet file of forms again, each changed. names: of the fields of the form."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(source) as file:
            schema = file.schema_arrow
            if missing := [column for column in form_columns(names) if column not in schema.names]:
                raise UsageError(f"{source} has no column {missing[0]}: it is the output of another form")
            with pyarrow.parquet.ParquetWriter(target, schema) as writer:
                for batch in file.iter_batches(GROUP):
                    group = [change(_row(record, names)) for record in batch.to_pylist()]
                    writer.write_table(pyarrow.Table.from_pydict(_columns(group, False, names), schema=schema))
    except pyarrow.ArrowException as error:
        raise OutputError(f"{source} cannot be read as Parquet: {error}") from error


def _row(record: dict[str, Any], names: Sequence[str]) -> Row:
    cells = [[record[column] for column in field_columns(name)] for name in names]
    was_read = cells[0][0] is not None
    return Row(
        _path(record["path"]),
        record["label"],
        record["confidence"],
        Status(record["status"]),
        _path(record["error"]),
        page=record["page"],
        fields=tuple(read_field(name, *each) for name, each in zip(names, cells, strict=True)) if was_read else (),
        alignment=record["alignment"],
    )


def _columns(group: list[Row], probabilities: bool, names: Sequence[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "path": [_utf8(row.path) for row in group],
        "page": [row.page for row in group],
        "label": [row.label for row in group],
        "confidence": [row.confidence for row in group],
        "status": [row.status.value for row in group],
        "error": [_utf8(row.error) for row in group],
    }
    if probabilities:
        shares: Iterator[list[float | None]] = (list(row.probabilities) or [None] * 10 for row in group)
        columns |= {f"p{digit}": list(column) for digit, column in enumerate(zip(*shares, strict=True))}
    if names:
        columns["alignment"] = [row.alignment for row in group]
    for place, name in enumerate(names):
        found = [row.fields[place] if row.fields else None for row in group]
        cells = [(each.text, each.trust, each.reason) if each else (None, None, None) for each in found]
        columns |= dict(zip(field_columns(name), map(list, zip(*cells, strict=True)), strict=True))
    return columns


def _path(text: str) -> str:
    """Return the text that `_utf8` wrote."""
    data = re.sub(rb"\\(x[0-9a-f]{2}|\\)", lambda found: _byte(found[1]), text.encode())
    return data.decode("utf-8", "surrogateescape")


def _byte(escaped: bytes) -> bytes:
    return escaped if escaped == b"\\" else bytes([int(escaped[1:], 16)])


def _utf8(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
