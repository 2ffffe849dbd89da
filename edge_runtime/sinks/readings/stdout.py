"""Readings on a stream: lines for people, or JSON."""

import json
from datetime import datetime
from typing import TextIO

from edge_runtime.sinks.readings.record import record
from edge_runtime.types import Reading


class StdoutSink:
    """Implements ReadingSink; writes to an open text stream, which it does not close."""

    def __init__(self, stream: TextIO, as_json: bool = False) -> None:
        """as_json: one object a line; else local time, event, digits (rows parted by a slash), confidence and age."""
        self._stream, self._as_json = stream, as_json

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        self._stream.write((json.dumps(record(reading)) if self._as_json else _line(reading)) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """See ReadingSink.close."""
        self._stream.flush()


def _line(reading: Reading) -> str:
    clock = datetime.fromtimestamp(reading.time).strftime("%H:%M:%S")
    shown = reading.text.replace("\n", " / ") or "-"
    return f"{clock}  {reading.event:<8}{shown:<16}{reading.confidence:>7.1%}  {1000 * reading.age:.0f} ms old"
