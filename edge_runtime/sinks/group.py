"""A group of sinks that is used as one sink."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from edge_runtime.errors import OutputError, UsageError
from edge_runtime.sinks import ReadingSink, RemoteSink
from edge_runtime.sinks.targets import SinkSettings, open_sink, target_name
from edge_runtime.types import Command, Gray, Reading

T = TypeVar("T")


class SinkGroup:
    """Writes to all of its sinks. A failing sink does not affect the others; its losses are counted and reported."""

    def __init__(
        self,
        targets: Sequence[str],
        settings: SinkSettings | None = None,
        others: Mapping[str, ReadingSink] | None = None,
    ) -> None:
        """Open all targets or none; raises what `open_sink` raises, and UsageError for a repeated target.

        others: open sinks by name; the group closes them.
        """
        settings = settings or SinkSettings()
        self._report = settings.report
        self._sinks: dict[str, ReadingSink] = {}
        self.lost: Counter[str] = Counter()  # readings that a sink could not write, by name without secrets
        self._failing: set[str] = set()
        self._reported: set[str] = set()  # other failures that were reported
        self._remote: list[RemoteSink] = []
        try:
            for name, sink in (others or {}).items():
                self._add(name, sink)
            for target in targets:
                name = target_name(target)
                if name in self._sinks:
                    raise UsageError(f"{name} is named twice")
                self._add(name, open_sink(target, settings))
        except BaseException:
            self.close()
            raise

    def _add(self, name: str, sink: ReadingSink) -> None:
        self._sinks[name] = sink
        if isinstance(sink, RemoteSink):
            self._remote.append(sink)

    @property
    def images(self) -> bool:
        """Whether a sink wants an image after each reading."""
        return any(sink.images for sink in self._remote)

    def write(self, reading: Reading) -> None:
        """Write a reading to every sink; then raises BrokenPipeError if standard output is closed."""
        broken: OSError | None = None
        for name, sink in self._sinks.items():
            try:
                sink.write(reading)
            except OutputError as error:
                self.lost[name] += 1
                if name not in self._failing:
                    self._report(f"error: {error}; readings are lost until it works again")
                self._failing.add(name)
            except OSError as error:
                broken = error
            else:
                if name in self._failing:
                    self._report(f"{name} works again; {self.lost[name]:,} readings were lost")
                self._failing.discard(name)
        if broken:
            raise broken

    def commands(self) -> list[Command]:
        """Return the commands since the last call; never blocks."""
        return [command for sink in self._remote for command in self._try(sink.commands) or ()]

    def send_image(self, gray: Gray) -> None:
        """Send a camera image to all remote sinks; never blocks."""
        for sink in self._remote:
            self._try(partial(sink.send_image, gray))

    def status(self, connected: bool, problem: str) -> None:
        """See RemoteSink.status; may be called often, as unchanged values have no effect."""
        for sink in self._remote:
            self._try(partial(sink.status, connected, problem))

    def _try(self, call: Callable[[], T]) -> T | None:
        """Return what a call returns, or None if it fails; each failure is reported once."""
        try:
            return call()
        except OutputError as error:
            if str(error) not in self._reported:
                self._reported.add(str(error))
                self._report(f"error: {error}")
            return None

    def close(self) -> None:
        """Close all sinks and report lost readings; `lost` has the counts."""
        for name, count in self.lost.items():
            self._report(f"error: {count:,} readings were lost at {name}")
        with ExitStack() as stack:  # closes each sink, even if another raises
            for name, sink in self._sinks.items():
                stack.callback(self._close, name, sink)
            self._sinks.clear()
            self._remote.clear()

    def _close(self, name: str, sink: ReadingSink) -> None:
        try:
            sink.close()
        except OutputError as error:
            self.lost[name] += 1
            self._report(f"error: {error}")
