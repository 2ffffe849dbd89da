"""The output file of a long job, which is its own journal: killed at any moment, it can be resumed.

While a job runs, `OUTPUT.part` holds the rows so far, in order, and `OUTPUT.job` what was asked for and the state of
each folder when it was listed. When all rows are there, the part takes the output's name and the record goes. So the
output is either not there or whole, and a part is good up to its last whole row.

Begun is what has a record. A part without one is what is left of a beginning; a record without a part is what is left
of an end. The part is locked as long as a process writes it.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from edge_runtime.errors import OutputError
from edge_runtime.files import Files
from edge_runtime.sinks.formats import Format
from edge_runtime.types import Row

SYNC_SECONDS = 2.0  # seconds: a loss of power costs no more rows than those of this time
AGAIN = "--overwrite begins again"

Value = TypeVar("Value")
Convert = Callable[[Path, BinaryIO], int]  # makes the output of the whole part; returns its rows


class Journal:
    """Takes rows, many at a time: `begin` or `resume` before the first and `finish` after the last."""

    def __init__(
        self,
        path: Path,
        form: Format,
        job: dict[str, Any],
        files: Files | None = None,
        convert: Convert | None = None,
        beside: Path | None = None,
    ) -> None:
        """Hold what is needed to begin.

        path: the output. form: how rows look while the job runs. job: what may not differ when it is resumed, as JSON,
        by the names that a refusal uses. files: the file system. convert: where the output is not the part itself.
        beside: a file that the caller writes once the output is there, and that is not overwritten unasked either.
        """
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._record = path.with_name(path.name + ".job")
        self._converted = path.with_name(path.name + ".new")
        self._form, self._job, self._files, self._convert, self._beside = form, job, files or Files(), convert, beside
        self._overwrite = False
        self._rows = 0
        self._handle = self._record_handle = -1
        self._synced = time.monotonic()
        self._folders: dict[str, int] = {}  # modification times in ns of the folders that were listed, by prefix

    def begin(self, overwrite: bool) -> Iterator[Row]:
        """Start a new output and return its rows so far, which are none.

        Raises OutputError where there is an output, or one that was begun, and `overwrite` is not set, and where
        another process is writing it.
        """
        self._look()
        if not overwrite and self._try(self._record.exists) and self._try(self._part.exists):
            raise OutputError(f"{self.path} was begun and not finished: --resume goes on, {AGAIN}")
        if not overwrite and self._try(self.path.exists):
            raise OutputError(f"{self.path} exists: name another --output, or say --overwrite")
        self._overwrite = overwrite
        self._check_beside()
        self._try(self._create)
        return iter(())

    def resume(self) -> Iterator[Row] | None:
        """Go on with an unfinished output.

        Returns its rows so far, which are to be taken in before the first `write`, or None where all is done. What
        was not begun is begun. Raises OutputError where the job is another than the one begun, and as `begin` does.
        """
        self._look()
        if not self._try(self._record.exists):
            if not self._try(self._part.exists) and self._try(self.path.exists):
                self._check_head()
                return None
            return self.begin(overwrite=False)
        done = self._check()
        if done and not self._try(self._converted.exists) and not self._try(self._part.exists):
            self._try(lambda: self._files.remove(self._record))
            return None
        self._try(self._lock)
        if done:
            self._try(self._publish)
            return None
        self._check_beside()
        self._record_handle = self._try(lambda: self._files.open(self._record))
        size = self._record.read_bytes().rfind(b"\n") + 1
        self._try(lambda: self._files.truncate(self._record_handle, size))  # a line that was not finished
        return self._read_back()

    def listed(self, prefix: str, modified: int) -> None:
        """Note a folder's modification time in ns; raises OutputError where it differs from the one noted before."""
        before = self._folders.get(prefix)
        if before is None:
            self._folders[prefix] = modified
            self._note([prefix, modified])
        elif before != modified:
            raise OutputError(f"the folder {prefix or '.'} has changed since the job was begun: {AGAIN}")

    def write(self, rows: Sequence[Row]) -> None:
        """Take the next rows. A kill loses nothing after this, a loss of power nothing after two seconds."""
        data = self._form.lines(rows)
        self._try(lambda: self._files.write(self._handle, data))
        self._rows += len(rows)
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Let go of the files, finished or not."""
        for handle in (self._handle, self._record_handle):
            if handle >= 0:
                self._files.close(handle)
        self._handle = self._record_handle = -1

    def finish(self) -> None:
        """Give the whole part the output's name."""
        self._sync()
        if self._convert:
            self._try(self._make_converted)
        self._note(True)  # what is done now is but a change of names
        self._sync()
        self._try(self._publish)

    def _publish(self) -> None:
        whole = self._converted if self._convert else self._part
        if whole.exists():  # else it has the output's name already
            if self.path.exists() and not self._overwrite:
                raise OutputError(f"{self.path} has come to be meanwhile: move it away, and --resume ends the job")
            self._files.replace(whole, self.path)
        if self._convert:
            self._files.remove(self._part)
        self._files.remove(self._record)

    def _make_converted(self) -> None:
        handle = self._files.open(self._converted)
        try:
            self._files.truncate(handle, 0)
            if self._convert and self._convert(self._part, cast(BinaryIO, _Stream(self._files, handle))) != self._rows:
                raise OutputError(f"{self._part} is damaged: {AGAIN}")
            self._files.sync(handle)
        finally:
            self._files.close(handle)

    def _sync(self) -> None:
        self._try(lambda: self._files.sync(self._handle))
        self._try(lambda: self._files.sync(self._record_handle))
        if not self._files.has_name(self._handle):
            raise OutputError(f"{self._part} was removed while it was written: the rows are lost")
        self._synced = time.monotonic()

    def _note(self, what: object) -> None:
        line = json.dumps(what).encode() + b"\n"
        self._try(lambda: self._files.write(self._record_handle, line))

    def _look(self) -> None:
        if self._try(self.path.is_dir):
            raise OutputError(f"{self.path} is a folder: name a file in it")
        parent = self.path.absolute().parent
        if not self._try(parent.is_dir):
            raise OutputError(f"{self.path} cannot be written: there is no folder {parent}")

    def _lock(self) -> None:
        self._handle = self._files.open(self._part)
        if not self._files.lock(self._handle) or not self._files.has_name(self._handle):
            raise OutputError(f"another process is writing {self.path}: wait for it, or name another --output")

    def _create(self) -> None:
        # Under the lock, and in this order: a part is worth nothing until its record is there, and with the record's
        # name, the part's is on the disk, too. An old output stays until the new one is whole.
        self._lock()
        self._files.remove(self._record)
        self._files.truncate(self._handle, 0)
        fresh = self._record.with_name(self._record.name + ".new")
        self._files.remove(fresh)
        if self._convert:
            self._files.close(self._files.open(self._converted))  # now: later it would change the folder's time
        handle = self._files.open(fresh)
        try:
            record = {"job": self._job, "overwrite": self._overwrite}
            self._files.write(handle, json.dumps(record).encode() + b"\n")
            self._files.sync(handle)
        finally:
            self._files.close(handle)
        self._files.replace(fresh, self._record)
        self._record_handle = self._files.open(self._record)
        self._files.write(self._handle, self._form.head)

    def _check(self) -> bool:
        """Compare the record with this job, and read the folders' times; returns whether all rows were there."""
        try:
            first, *lines = self._record.read_bytes().split(b"\n")
            record = json.loads(first)
            begun, self._overwrite = dict(record["job"]), bool(record["overwrite"])
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise OutputError(f"{self._record} is broken, so the job cannot be resumed: {AGAIN}") from error
        for name, value in self._job.items():
            if begun.get(name) != value:
                raise OutputError(
                    f"{name} was {begun.get(name)!r} when the job was begun and is {value!r} now: {AGAIN}"
                )
        for line in lines[:-1]:  # behind the last line's end there is nothing, or a line that was not finished
            try:
                noted = json.loads(line)
                if noted is True:
                    return True
                self._folders[noted[0]] = noted[1]
            except (ValueError, TypeError, LookupError):
                break
        return False

    def _check_beside(self) -> None:
        if self._beside and not self._overwrite and self._try(self._beside.exists):
            raise OutputError(f"{self._beside} exists: move it away, or say --overwrite")

    def _check_head(self) -> None:
        """An output that is there counts as done if it looks like one."""
        if self._convert:
            return
        with self.path.open("rb") as file:
            if file.read(len(self._form.head)) != self._form.head:
                raise OutputError(f"{self.path} exists and is not of this job: name another --output, or {AGAIN}")

    def _read_back(self) -> Iterator[Row]:
        size = 0
        with self._part.open("rb") as file:
            if file.read(len(self._form.head)) == self._form.head:
                size = len(self._form.head)
                file.seek(0)
                for row, end in self._form.rows(file):
                    yield row
                    self._rows += 1
                    size = end
        # What stands behind the last whole row was being written when the job ended.
        self._try(lambda: self._files.truncate(self._handle, size))
        if size == 0:
            self._try(lambda: self._files.write(self._handle, self._form.head))

    def _try(self, act: Callable[[], Value]) -> Value:
        try:
            return act()
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error


class _Stream(io.RawIOBase):
    """An open file as libraries want it."""

    def __init__(self, files: Files, handle: int) -> None:
        self._files, self._handle = files, handle

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._files.write(self._handle, data)
        return len(data)
