"""Rows as JSON lines, one object per line."""

from typing import TextIO

from edge_runtime.batch.row_formats import JsonLines
from edge_runtime.types import Row

FORM = JsonLines(probabilities=True)


class JsonRowSink:
    """Implements RowSink. Writes to an open text stream and does not close it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: Row) -> None:
        """See RowSink.write."""
        self._stream.write(FORM.lines([row]).decode("ascii"))

    def close(self) -> None:
        """See RowSink.close."""
        self._stream.flush()
