"""Where results go, one file each, behind one protocol."""

from typing import Protocol, runtime_checkable

from edge_runtime.types import Command, Gray, Reading, Row


class RowSink(Protocol):
    """Takes rows in order. `write` may hold rows back until `flush`; `close` flushes and ends the output."""

    def write(self, row: Row) -> None:
        """Take one row; raises OutputError where it cannot be written."""

    def flush(self) -> None:
        """Hand everything so far to the system."""

    def close(self) -> None:
        """Flush and end; the output is complete only after this."""


class ReadingSink(Protocol):
    """Takes the readings of a watch, one by one as they come."""

    def write(self, reading: Reading) -> None:
        """Take one reading; it is safe when this returns. Raises OutputError where it cannot be written."""

    def close(self) -> None:
        """Flush and end."""


@runtime_checkable
class RemoteSink(ReadingSink, Protocol):
    """A sink with a listener that may send commands. No call here waits."""

    pictures: bool  # whether each reading is to be followed by a picture

    def commands(self) -> list[Command]:
        """Return what was asked for since the last call, in order."""

    def picture(self, gray: Gray) -> None:
        """Show what the camera sees; nothing happens where nobody is there."""

    def status(self, connected: bool, problem: str) -> None:
        """Show whether pictures come from the camera, and why what it shows is no reading; empty where it is one."""
