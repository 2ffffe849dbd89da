"""Rows as a table."""

from typing import TextIO

from edge_runtime.common.text import make_printable
from edge_runtime.types import Row, Status


class TableRowSink:
    """Implements RowSink. Writes to an open text stream and does not close it."""

    def __init__(self, stream: TextIO, width: int) -> None:
        """width: characters of the longest path."""
        self._stream = stream
        self._width = max(width, len("path"))
        self._stream.write(f"{'path':<{self._width}}  label  confidence\n")

    def write(self, row: Row) -> None:
        """See RowSink.write."""
        path = make_printable(row.path)
        confidence = "-" if row.confidence is None else f"{row.confidence:.2%}"
        note = "" if row.status is Status.OK else f"  {row.status}: {row.error}"
        note += f"  page {row.page}" if row.page > 1 else ""
        note += f"  {row.note}" if row.note else ""
        self._stream.write(f"{path:<{self._width}}  {row.label or '-':>5}  {confidence:>10}{note}\n")

    def close(self) -> None:
        """See RowSink.close."""
        self._stream.flush()
