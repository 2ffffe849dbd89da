"""Readings as lines for people."""

from datetime import datetime
from typing import TextIO

from edge_runtime.types import Event, Reading


class StdoutSink:
    """Implements ReadingSink; writes to an open text stream, which it does not close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write. A line has local time, the digits, rows parted by a slash, confidence and event."""
        clock = datetime.fromtimestamp(reading.time).strftime("%H:%M:%S")
        gone = reading.event is Event.GONE
        text = "-" if gone else reading.text.replace("\n", " / ")
        confidence = "" if gone else f"{reading.confidence:.1%}"
        self._stream.write(f"{clock}  {text:<12}  {confidence:>6}  {reading.event}\n")
        self._stream.flush()

    def close(self) -> None:
        """See ReadingSink.close."""
        self._stream.flush()
