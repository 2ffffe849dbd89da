"""Watch a camera with a sink of your own: python examples/watch_with_sink.py fake:digits=123,fps=15 3"""

import sys

from edge_runtime.types import Reading
from edge_runtime.watch.session import WatchSession
from edge_runtime.watch.settings import WatchSettings


class Total:
    """A sink: implements edge_runtime.sinks.ReadingSink."""

    def __init__(self) -> None:
        self.readings = 0

    def write(self, reading: Reading) -> None:
        self.readings += 1
        print(f"{reading.event}: {reading.text or 'nothing'} ({reading.confidence:.1%})")

    def close(self) -> None:
        print(f"{self.readings} readings")


source, seconds = sys.argv[1:]
WatchSession(WatchSettings(source=source, seconds=float(seconds)), sinks={"total": Total()}).run()
