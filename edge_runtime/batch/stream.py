"""Standard output as the output of a batch job: CSV, which cannot be resumed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from edge_runtime.batch.row_formats import Format
from edge_runtime.errors import OutputError
from edge_runtime.types import Row


class StreamOutput:
    """Has the methods of `Journal` that a job calls."""

    files: tuple[Path, ...] = ()
    is_complete = False

    def __init__(self, stream: BinaryIO, form: Format) -> None:
        self._stream, self._form = stream, form

    def begin(self, overwrite: bool) -> Iterator[Row]:
        """Write the head; returns the rows so far: none."""
        self._put(self._form.head)
        return iter(())

    def resume(self) -> Iterator[Row] | None:
        """Begin, since there is nothing to resume."""
        return self.begin(overwrite=False)

    def note_folder(self, prefix: str, modified: int) -> None:
        """Do nothing: no later run compares it."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; raises OutputError if the stream is closed."""
        self._put(self._form.lines(rows))

    def finish(self) -> None:
        """Do nothing: each write is complete."""

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""

    def _put(self, content: bytes) -> None:
        try:
            self._stream.write(content)
            self._stream.flush()
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error
