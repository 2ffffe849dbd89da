"""The output file of a long job, which is its own journal: killed at any moment, it can be resumed.

While a job runs, `OUTPUT.part` holds the rows so far, in order, and `OUTPUT.job` what was asked for and the state of
each folder when it was listed. When all rows are there, the part takes the output's name and the record goes. So the
output is either not there or whole, and a part is good up to its last whole row.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_runtime.errors import OutputError
from edge_runtime.files import Files
from edge_runtime.sinks.formats import Format
from edge_runtime.types import Row

SYNC_SECONDS = 2.0  # seconds: a loss of power costs no more rows than those of this time
PENDING = 64 * 1024  # bytes of rows held back at most until they are written


class Journal:
    """Implements Sink, with `resume` before the first row and `finish` after the last."""

    def __init__(
        self,
        path: Path,
        form: Format,
        job: dict[str, Any],
        files: Files | None = None,
        convert: Callable[[Path, Path], None] | None = None,
    ) -> None:
        """Hold what is needed to begin.

        path: the output. form: how rows look while the job runs. job: what may not differ when it is resumed, as JSON,
        by the names that a refusal uses. files: the file system. convert: makes the output of the whole part, given
        both paths, where it is not the part itself.
        """
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._record = path.with_name(path.name + ".job")
        self._form, self._job, self._files, self._convert = form, job, files or Files(), convert
        self._pending: list[bytes] = []
        self._size = 0
        self._handle = self._record_handle = -1
        self._synced = time.monotonic()
        self.folders: dict[str, int] = {}  # modification times in ns of the folders that were listed, by prefix

    def begin(self, overwrite: bool) -> Iterator[Row]:
        """Start a new output and return its rows so far, which are none.

        Raises OutputError where there is an output, or one that was begun, and `overwrite` is not set.
        """
        self._look()
        if self._part.exists() and not overwrite:
            raise OutputError(f"{self.path} was begun and not finished: --resume goes on, --overwrite begins again")
        if self.path.exists() and not overwrite:
            raise OutputError(f"{self.path} exists: name another --output, or say --overwrite")
        self._try(self._create)
        return iter(())

    def resume(self) -> Iterator[Row] | None:
        """Go on with an unfinished output.

        Returns its rows so far, which are to be taken in before the first `write`, or None where all is done. What
        was not begun is begun. Raises OutputError where the job is another than the one begun.
        """
        self._look()
        if not self._part.exists():
            if self.path.exists():
                self._try(lambda: self._files.remove(self._record))
                return None
            self._try(self._create)
            return iter(())
        self._check()
        self._handle = self._try(lambda: self._files.open(self._part))
        self._record_handle = self._try(lambda: self._files.open(self._record))
        return self._read_back()

    def _look(self) -> None:
        if self._try(lambda: self.path.exists() and self.path.is_dir()):
            raise OutputError(f"{self.path} is a folder: name a file in it")
        parent = self.path.absolute().parent
        if not self._try(parent.is_dir):
            raise OutputError(f"{self.path} cannot be written: there is no folder {parent}")

    def listed(self, prefix: str, modified: int) -> None:
        """Note a folder's modification time in ns; raises OutputError where it differs from the one noted before."""
        before = self.folders.get(prefix)
        if before is None:
            self.folders[prefix] = modified
            line = json.dumps([prefix, modified]).encode() + b"\n"
            self._try(lambda: self._files.write(self._record_handle, line))
        elif before != modified:
            raise OutputError(
                f"the folder {prefix or '.'} has changed since the job was begun: --overwrite begins again"
            )

    def write(self, row: Row) -> None:
        """See Sink.write."""
        self._pending.append(self._form.line(row))

    def flush(self) -> None:
        """See Sink.flush. Nothing is lost by a kill after this, and by a loss of power after two seconds."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._try(lambda: self._files.write(self._handle, data))
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._try(lambda: self._files.sync(self._handle))
            self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of the files, finished or not; rows that were not flushed are dropped."""
        for handle in (self._handle, self._record_handle):
            if handle >= 0:
                self._files.close(handle)
        self._handle = self._record_handle = -1

    def finish(self) -> None:
        """Give the whole part the output's name."""
        self.flush()
        self._try(lambda: self._files.sync(self._handle))
        self.close()
        whole = self._part
        if self._convert:
            whole = self.path.with_name(self.path.name + ".new")
            self._convert(self._part, whole)
        self._try(lambda: self._files.replace(whole, self.path))
        self._try(lambda: self._files.remove(self._part))
        self._try(lambda: self._files.remove(self._record))

    def _create(self) -> None:
        # The record first: a part without one could not be resumed. The old output stays until the new one is whole.
        self._files.remove(self._part)
        self._files.remove(self._record)
        fresh = self._record.with_name(self._record.name + ".new")
        self._files.remove(fresh)
        handle = self._files.open(fresh)
        try:
            self._files.write(handle, json.dumps(self._job).encode() + b"\n")
            self._files.sync(handle)
        finally:
            self._files.close(handle)
        self._files.replace(fresh, self._record)
        self._record_handle = self._files.open(self._record)
        self._handle = self._files.open(self._part)
        self._files.write(self._handle, self._form.head)

    def _check(self) -> None:
        """Compare the record with this job, and read the folders' times."""
        again = "--overwrite begins again"
        try:
            job, *lines = self._record.read_bytes().split(b"\n")
            begun = json.loads(job)
            for line in lines[:-1]:  # behind the last line's end there is nothing, or a line that was not finished
                prefix, modified = json.loads(line)
                self.folders[prefix] = modified
        except (OSError, ValueError, TypeError) as error:
            raise OutputError(f"{self._record} is gone or broken, so the job cannot be resumed: {again}") from error
        for name, value in self._job.items():
            if begun.get(name) != value:
                raise OutputError(
                    f"{name} was {begun.get(name)!r} when the job was begun and is {value!r} now: {again}"
                )

    def _read_back(self) -> Iterator[Row]:
        size = 0
        with self._part.open("rb") as file:
            if file.read(len(self._form.head)) == self._form.head:
                size = len(self._form.head)
                file.seek(0)
                for row, end in self._form.rows(file):
                    yield row
                    size = end
        # What stands behind the last whole row was being written when the job ended.
        self._try(lambda: self._files.truncate(self._handle, size))
        if size == 0:
            self._try(lambda: self._files.write(self._handle, self._form.head))

    def _try(self, act: Any) -> Any:
        try:
            return act()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}; --resume goes on from there"
            ) from error
