"""A sink of another package: errors in its code lose a reading there and never end the watch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge_runtime.errors import EdgeDigitsError, OutputError
from edge_runtime.plugins import failure_message
from edge_runtime.sinks import ReadingSink, RemoteSink
from edge_runtime.types import Command, Gray, Reading


def open_plugin_sink(name: str, open_sink: Any, argument: str, settings: Any) -> ReadingSink:
    """Open a sink with the function that its package registered under a name.

    settings: targets.SinkSettings. Raises OutputError if that fails, and every EdgeDigitsError of the package.
    """
    with _map_errors(name, EdgeDigitsError):
        sink = open_sink(argument, settings)
        if not all(callable(getattr(sink, method, None)) for method in ("write", "close")):
            raise TypeError(f"{type(sink).__name__} has no write and close: it is not a ReadingSink")
    return _PluginRemoteSink(name, sink) if isinstance(sink, RemoteSink) else _PluginSink(name, sink)


class _PluginSink:
    """Implements ReadingSink."""

    def __init__(self, name: str, sink: Any) -> None:
        self._name, self._sink = name, sink

    def write(self, reading: Reading) -> None:
        with _map_errors(self._name):
            self._sink.write(reading)

    def close(self) -> None:
        with _map_errors(self._name):
            self._sink.close()


class _PluginRemoteSink(_PluginSink):
    """Implements RemoteSink."""

    @property
    def images(self) -> bool:
        return bool(self._sink.images)

    def commands(self) -> list[Command]:
        with _map_errors(self._name):
            return list(self._sink.commands())

    def send_image(self, gray: Gray) -> None:
        with _map_errors(self._name):
            self._sink.send_image(gray)

    def status(self, connected: bool, problem: str) -> None:
        with _map_errors(self._name):
            self._sink.status(connected, problem)


@contextmanager
def _map_errors(name: str, known: type[EdgeDigitsError] = OutputError) -> Iterator[None]:
    """Turn all exceptions except `known` into OutputError."""
    try:
        yield
    except known:
        raise
    except (Exception, SystemExit) as error:
        raise OutputError(failure_message("sink", name, error)) from error
