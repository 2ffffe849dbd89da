"""A thread for one call at a time, so that the caller can do other things meanwhile."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from edge_runtime.errors import BackendError

POLL_SECONDS = 0.25  # between two calls of `meanwhile`

T = TypeVar("T")


class CallThread:
    """Runs calls that may take long. A thread that hangs in a library cannot be stopped and is abandoned."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._done = threading.Event()  # whether the last call has finished
        self._done.set()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], T], meanwhile: Callable[[], None], limit: float, what: str) -> T:
        """Run a call; returns what it returns and raises what it raises.

        meanwhile: called on the caller's thread every POLL_SECONDS until the call has finished. limit: seconds after
        which a BackendError reports that `what` hangs.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="reader", daemon=True)
            self._thread.start()
        done = self._done = threading.Event()
        results: list[Any] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                results.append(call())
            except BaseException as error:
                errors.append(error)
            done.set()

        ends = time.monotonic() + limit
        self._calls.put(work)
        while not done.wait(POLL_SECONDS):
            meanwhile()
            if time.monotonic() > ends:
                raise BackendError(f"{what} has not finished in {limit:.0f} s: it hangs")
        if errors:
            raise errors[0]
        result: T = results[0]
        return result

    def is_idle(self, seconds: float) -> bool:
        """Wait for an abandoned call; returns False if it has not finished after `seconds`."""
        return self._done.wait(seconds)

    def _work(self) -> None:
        while True:
            work = self._calls.get()
            work()
            del work  # frees the frame before the next call
