"""Readings on standard output: text lines or JSON lines."""

import json
import os
import stat
from datetime import datetime
from typing import TextIO

from edge_runtime.errors import OutputError
from edge_runtime.sinks.record import record
from edge_runtime.types import Reading


class StdoutSink:
    """Implements ReadingSink. Writes to an open text stream and does not close it.

    Lines bypass the stream's buffer, so that a line that could not be written does not appear later.
    """

    def __init__(self, stream: TextIO, as_json: bool = False) -> None:
        """as_json: one object per line; else local time, event, text (rows joined by a slash), confidence and age."""
        self._stream, self._as_json = stream, as_json
        try:
            self._handle = stream.fileno()
        except (OSError, ValueError, AttributeError):  # a stream without a file descriptor
            self._handle = -1
        self._had_name = self._has_name()
        self._cut = False  # the last write ended within a line

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write; raises BrokenPipeError if the reader of the pipe has closed it."""
        line = (json.dumps(record(reading)) if self._as_json else _line(reading)) + "\n"
        if self._handle < 0:
            self._stream.write(line)
            self._stream.flush()
            return
        if self._had_name and not self._has_name():
            raise OutputError("standard output goes to a file that was removed")
        self._stream.flush()
        encoding, errors = self._stream.encoding or "utf-8", self._stream.errors or "backslashreplace"
        data = ("\n" * self._cut + line).encode(encoding, errors)
        done = 0
        try:
            while done < len(data):
                done += os.write(self._handle, data[done:])
        except BrokenPipeError:
            raise
        except OSError as error:
            self._cut = self._cut if done == 0 else True
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error
        self._cut = False

    def close(self) -> None:
        """See ReadingSink.close."""
        self._stream.flush()

    def _has_name(self) -> bool:
        """Return False if standard output is a file that was removed, else True."""
        if self._handle < 0:
            return True
        status = os.fstat(self._handle)
        return status.st_nlink > 0 or not stat.S_ISREG(status.st_mode)


def _line(reading: Reading) -> str:
    clock = datetime.fromtimestamp(reading.time).strftime("%H:%M:%S")
    shown = reading.text.replace("\n", " / ") or "-"
    line = f"{clock}  {reading.event:<7} {shown:<16}{reading.confidence:>7.1%}  {1000 * reading.age:.0f} ms old"
    return line if reading.position is None else f"{line}, at {reading.position:.2f} s"
