"""Readings on a stream: lines for people, or JSON."""

import json
import os
import stat
from datetime import datetime
from typing import TextIO

from edge_runtime.errors import OutputError
from edge_runtime.sinks.record import record
from edge_runtime.types import Reading


class StdoutSink:
    """Implements ReadingSink; writes to an open text stream, which it does not close.

    Lines go past the stream's buffer: of one that a full disk has not taken, nothing comes later.
    """

    def __init__(self, stream: TextIO, as_json: bool = False) -> None:
        """as_json: one object a line; else local time, event, digits (rows parted by a slash), confidence and age."""
        self._stream, self._as_json = stream, as_json
        try:
            self._handle = stream.fileno()
        except (OSError, ValueError, AttributeError):  # a stream of Python's own
            self._handle = -1
        self._had_name = self._has_name()
        self._cut = False  # half a line was written last

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write; raises BrokenPipeError where nobody reads any more."""
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
        """Tell whether standard output is a file that is in a folder; True for all that is no file."""
        if self._handle < 0:
            return True
        status = os.fstat(self._handle)
        return status.st_nlink > 0 or not stat.S_ISREG(status.st_mode)


def _line(reading: Reading) -> str:
    clock = datetime.fromtimestamp(reading.time).strftime("%H:%M:%S")
    shown = reading.text.replace("\n", " / ") or "-"
    line = f"{clock}  {reading.event:<7} {shown:<16}{reading.confidence:>7.1%}  {1000 * reading.age:.0f} ms old"
    return line if reading.position is None else f"{line}, at {reading.position:.2f} s"
