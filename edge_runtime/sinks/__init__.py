"""Sinks: where rows and readings are written. One file per kind of sink, behind two protocols."""

from typing import Protocol, runtime_checkable

from edge_runtime.types import Command, Gray, Reading, Row


class RowSink(Protocol):
    """Writes rows in order; the output is complete after `close`."""

    def write(self, row: Row) -> None:
        """Write a row; raises OutputError if that fails."""

    def close(self) -> None:
        """Write all buffered rows."""


class ReadingSink(Protocol):
    """Writes the readings of a watch, one by one."""

    def write(self, reading: Reading) -> None:
        """Write a reading; it is stored when this returns. Raises OutputError if that fails."""

    def close(self) -> None:
        """Flush and close."""


@runtime_checkable
class RemoteSink(ReadingSink, Protocol):
    """A sink with a listener that can send commands. No method blocks."""

    images: bool  # whether an image is to be sent after each reading

    def commands(self) -> list[Command]:
        """Return the commands since the last call, in order."""

    def send_image(self, gray: Gray) -> None:
        """Send a camera image, uint8 (height, width); ignored without a listener."""

    def status(self, connected: bool, problem: str) -> None:
        """Send whether the camera delivers images, and why there is no reading; problem is empty if there is one."""
