"""One call at a time on a thread of its own, while the caller does other things."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from edge_runtime.errors import BackendError

POLL_SECONDS = 0.25  # between two calls of `meanwhile`

T = TypeVar("T")


class CallThread:
    """Runs calls that may take long. A thread inside a library cannot be stopped: one that hangs is abandoned."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._done = threading.Event()  # of the last call
        self._done.set()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], T], meanwhile: Callable[[], None], limit: float, what: str) -> T:
        """Return what a call returns, or raise what it raises.

        meanwhile: is called, on the caller's thread, every POLL_SECONDS until the call is done. limit: seconds after
        which BackendError says that `what` hangs.
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
                raise BackendError(f"{what} has not come to an end in {limit:.0f} s: it hangs")
        if errors:
            raise errors[0]
        result: T = results[0]
        return result

    def is_idle(self, seconds: float) -> bool:
        """Wait for a call that was abandoned; False if it does not end."""
        return self._done.wait(seconds)

    def _work(self) -> None:
        while True:
            work = self._calls.get()
            work()
            del work  # or the frame would stay until the next one comes
