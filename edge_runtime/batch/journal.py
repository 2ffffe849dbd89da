"""The output file of a long job, written so that the job can be killed at any moment and resumed.

While a job runs, `OUTPUT.part` holds the rows so far, in order. The log, `OUTPUT.job`, holds the settings, the
modification time of each listed folder and, after each write, the size of the part and its checksum. When all rows are
written, the part is renamed to the output and the log is removed. So the output is either absent or complete.

A job is started once its log has a line: an empty log is left by a start that was interrupted, a log without a part by
an interrupted end. The log is locked while a process writes the output.

On resume, the part is valid as far as the checksums in the log confirm it, and the log as far as its own checksums do.
Everything after that was incomplete or damaged; it is cut off and read again.
"""

import io
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from edge_runtime.batch.log import LogLines, read_lines
from edge_runtime.batch.row_formats import Format
from edge_runtime.common.files import Files
from edge_runtime.errors import OutputError
from edge_runtime.types import Row

SYNC_SECONDS = 2.0  # a power failure loses the rows of at most this time
BLOCK = 1024 * 1024  # bytes of the part that are checked at once
AGAIN = "start again with --overwrite"
DONE = {"done": True}  # last line of the log: all rows are in the part, which only has to be renamed

Value = TypeVar("Value")
Convert = Callable[[Path, BinaryIO], int]  # writes the output from the complete part; returns the number of rows


class Journal:
    """Takes rows, many at a time: `begin` or `resume` before the first and `finish` after the last."""

    def __init__(
        self,
        path: Path,
        form: Format,
        job: dict[str, Any],
        files: Files | None = None,
        convert: Convert | None = None,
        companion: Path | None = None,
    ) -> None:
        """path: the output. form: format of rows while the job runs.

        job: settings that must be unchanged on resume, as JSON, by their names in messages. files: the file system.
        convert: writes the output if it has another format than the part. companion: a file that the caller writes
        after the output; it is not overwritten without permission either.
        """
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._log = path.with_name(path.name + ".job")
        self._converted = path.with_name(path.name + ".new")
        self.files = (path, self._part, self._log, self._converted)  # all files that may exist while a job runs
        self._form, self._job, self._files, self._convert, self._companion = (
            form,
            job,
            files or Files(),
            convert,
            companion,
        )
        self._overwrite = False
        self._handle = self._log_handle = -1
        self._synced = time.monotonic()
        self._folders: dict[str, int] = {}  # modification times of listed folders in ns, by prefix
        self._log_lines = LogLines()
        self._rows = self._size = self._checksum = 0  # of the part: rows, bytes and their CRC-32

    def begin(self, overwrite: bool) -> Iterator[Row]:
        """Start a new output; returns its rows so far: none.

        Raises OutputError if a finished or unfinished output exists and `overwrite` is not set, or if another process
        is writing it.
        """
        self._check_path()
        self._check_overwrite(overwrite)
        self._map_errors(self._lock)
        try:
            self._check_overwrite(overwrite)  # again: another process may have finished before we got the lock
            self._overwrite = overwrite
            self._check_companion()
            self._map_errors(self._create)
        except BaseException:
            self._abandon()
            raise
        return iter(())

    def resume(self) -> Iterator[Row] | None:
        """Continue an unfinished output; start one if there is none.

        Returns the rows so far, to be consumed before the first `write`, or None if the output is finished. Raises
        OutputError if the settings differ from those of the unfinished job, and as `begin` does.
        """
        self._check_path()
        while self._is_begun():
            self._map_errors(self._lock)
            if self._is_begun():
                return self._continue()
            self._abandon()  # another process finished before we got the lock
        if not self._map_errors(self._part.exists) and self._map_errors(self.path.exists):
            self._check_head()
            return None
        return self.begin(overwrite=False)

    @property
    def is_complete(self) -> bool:
        """Whether the output is finished."""
        return not self._is_begun() and not self._map_errors(self._part.exists) and self._map_errors(self.path.exists)

    def note_folder(self, prefix: str, modified: int) -> None:
        """Log a folder's modification time in ns; raises OutputError if it differs from the one logged before."""
        before = self._folders.get(prefix)
        if before is None:
            self._folders[prefix] = modified
            self._append_to_log({"folder": prefix, "modified": modified})
        elif before != modified:
            raise OutputError(f"the folder {prefix or '.'} has changed since the job was started: {AGAIN}")

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows; all pages of a file must be in the same call.

        When this returns, the rows survive a kill; after two seconds, they survive a power failure.
        """
        self._append(self._form.lines(rows), len(rows))
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Close the files, finished or not."""
        for handle in (self._handle, self._log_handle):
            if handle >= 0:
                self._files.close(handle)
        self._handle = self._log_handle = -1

    def finish(self) -> None:
        """Rename the complete part to the output."""
        self._sync()
        if self._convert:
            self._map_errors(self._convert_part)
        self._append_to_log(DONE)
        self._sync()
        self._map_errors(self._publish)

    def _check_path(self) -> None:
        if self._map_errors(self.path.is_dir):
            raise OutputError(f"{self.path} is a folder: name a file in it")
        parent = self.path.absolute().parent
        if not self._map_errors(parent.is_dir):
            raise OutputError(f"{self.path} cannot be written: there is no folder {parent}")

    def _is_begun(self) -> bool:
        try:
            return self._log.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise OutputError(f"{self._log} cannot be read: {error.strerror}") from error

    def _check_overwrite(self, overwrite: bool) -> None:
        """Raise OutputError if an output exists that may not be replaced."""
        if overwrite:
            return
        if self._is_begun() and self._map_errors(self._part.exists):
            raise OutputError(f"{self.path} is unfinished: continue with --resume, or {AGAIN}")
        if self._map_errors(self.path.exists):
            raise OutputError(f"{self.path} exists: name another --output, or use --overwrite")

    def _lock(self) -> None:
        """Lock the log against other processes; creates an empty log if there is none."""
        while True:
            self._log_handle = self._files.open(self._log)
            if not self._files.lock(self._log_handle):
                raise OutputError(f"another process is writing {self.path}: wait for it, or name another --output")
            if self._files.is_at(self._log_handle, self._log):
                return
            self.close()  # the process that had the lock removed or replaced the log

    def _abandon(self) -> None:
        """Close the files of a job that was not started, and remove its empty log."""
        with suppress(OSError):
            empty = self._log_handle >= 0 and self._log.stat().st_size == 0
            if empty and self._files.is_at(self._log_handle, self._log):
                self._files.remove(self._log)
        self.close()

    def _create(self) -> None:
        # An old output stays until the new one is complete. The new log confirms nothing of an old part.
        self._handle = self._files.open(self._part)
        if self._convert:
            self._files.close(
                self._files.open(self._converted)
            )  # now, as creating it later would change the time of the folder
        fresh = self._log.with_name(self._log.name + ".new")
        self._files.remove(fresh)
        handle = self._files.open(fresh)
        try:
            self._files.write(handle, self._log_lines.line({"job": self._job, "overwrite": self._overwrite}))
            self._files.sync(handle)
            self._files.lock(handle)
            self._files.replace(fresh, self._log)
        except BaseException:
            self._files.close(handle)
            raise
        self._files.close(self._log_handle)
        self._log_handle = handle
        self._files.truncate(self._handle, 0)
        self._append(self._form.head, 0)

    def _continue(self) -> Iterator[Row] | None:
        whole = self._converted if self._convert else self._part
        if self._check() and not self._map_errors(whole.exists) and self._map_errors(self.path.exists):
            self._map_errors(self._clean)  # it was killed between the last renames
            return None
        self._handle = self._map_errors(lambda: self._files.open(self._part))
        end, done = self._map_errors(self._verify)
        self._map_errors(lambda: self._files.truncate(self._handle, self._size))
        self._map_errors(lambda: self._files.truncate(self._log_handle, end))
        if done:
            if self._convert:
                self._map_errors(self._convert_part)
            self._map_errors(self._publish)
            return None
        self._check_companion()
        if self._size == 0:
            self._map_errors(lambda: self._append(self._form.head, 0))
        return self._read_back()

    def _check(self) -> bool:
        """Compare the log with this job; returns whether its last line is DONE."""
        last = None
        with self._log.open("rb") as file:
            for last, _, _ in read_lines(file):
                if "job" in last:
                    self._compare(last["job"])
                    self._overwrite = last["overwrite"]
        if last is None:
            raise OutputError(f"{self._log} is damaged, so the job cannot be resumed: {AGAIN}")
        return bool(last == DONE)

    def _compare(self, begun: dict[str, Any]) -> None:
        for name, value in self._job.items():
            if begun.get(name) != value:
                raise OutputError(
                    f"{name} was {begun.get(name)!r} when the job was started and is {value!r} now: {AGAIN}"
                )

    def _verify(self) -> tuple[int, bool]:
        """Find the valid beginning of the log and of the part, and read the times of folders.

        Returns the valid bytes of the log and whether all rows are in the part. Stores the valid bytes of the part.
        """
        end, done = 0, False
        with self._log.open("rb") as log, self._part.open("rb") as part:
            for line, line_end, checksum in read_lines(log):
                if "bytes" in line:
                    found = _checksum(part, line["bytes"] - self._size, self._checksum)
                    if found is None or found != line["crc32"]:
                        break
                    self._size, self._rows, self._checksum = line["bytes"], line["rows"], found
                elif "folder" in line:
                    self._folders[line["folder"]] = line["modified"]
                end, done = line_end, line == DONE
                self._log_lines = LogLines(checksum)
        return end, done

    def _read_back(self) -> Iterator[Row]:
        count = 0
        with self._part.open("rb") as file:
            for row in self._form.rows(file):
                count += 1
                yield row
        if count != self._rows:
            raise OutputError(f"{self._part} is damaged: {AGAIN}")

    def _append(self, data: bytes, rows: int) -> None:
        self._map_errors(lambda: self._files.write(self._handle, data))
        self._size, self._rows = self._size + len(data), self._rows + rows
        self._checksum = zlib.crc32(data, self._checksum)
        self._append_to_log({"bytes": self._size, "rows": self._rows, "crc32": self._checksum})

    def _append_to_log(self, what: object) -> None:
        line = self._log_lines.line(what)
        self._map_errors(lambda: self._files.write(self._log_handle, line))

    def _sync(self) -> None:
        self._map_errors(lambda: self._files.sync(self._handle))
        self._map_errors(lambda: self._files.sync(self._log_handle))
        for handle, path in ((self._handle, self._part), (self._log_handle, self._log)):
            if not self._map_errors(partial(self._files.is_at, handle, path)):
                raise OutputError(f"{path} was removed while the job ran, so its rows are lost: {AGAIN}")
        self._synced = time.monotonic()

    def _convert_part(self) -> None:
        handle = self._files.open(self._converted)
        try:
            self._files.truncate(handle, 0)
            if self._convert and self._convert(self._part, cast(BinaryIO, _Stream(self._files, handle))) != self._rows:
                raise OutputError(f"{self._part} is damaged: {AGAIN}")
            self._files.sync(handle)
        finally:
            self._files.close(handle)

    def _publish(self) -> None:
        if self.path.exists() and not self._overwrite:
            raise OutputError(
                f"{self.path} was created by another program: move it away and finish the job with --resume"
            )
        self._files.replace(self._converted if self._convert else self._part, self.path)
        self._clean()

    def _clean(self) -> None:
        if self._convert:
            self._files.remove(self._part)
        self._files.remove(self._log)

    def _check_companion(self) -> None:
        if self._companion and not self._overwrite and self._map_errors(self._companion.exists):
            raise OutputError(f"{self._companion} exists: move it away, or use --overwrite")

    def _check_head(self) -> None:
        """Accept an existing output as finished if it starts like one."""
        if self._convert:
            return
        with self.path.open("rb") as file:
            if file.read(len(self._form.head)) != self._form.head:
                raise OutputError(
                    f"{self.path} exists and is not an output of this job: name another --output, or {AGAIN}"
                )

    def _map_errors(self, act: Callable[[], Value]) -> Value:
        try:
            return act()
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error


def _checksum(file: BinaryIO, count: int, checksum: int) -> int | None:
    """Continue a CRC-32 with the next `count` bytes of a file; None if the file ends before."""
    while count > 0:
        data = file.read(min(count, BLOCK))
        if not data:
            return None
        count -= len(data)
        checksum = zlib.crc32(data, checksum)
    return checksum


class _Stream(io.RawIOBase):
    """An open file as a Python stream."""

    def __init__(self, files: Files, handle: int) -> None:
        self._files, self._handle = files, handle

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._files.write(self._handle, data)
        return len(data)
