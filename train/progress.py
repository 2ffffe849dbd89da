"""Progress of long steps on the log: a line at the start and then every ten seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 10.0  # seconds

log = logging.getLogger(__name__)


@contextmanager
def doing(what: str, share: Callable[[], float] | None = None, at_once: bool = True) -> Iterator[None]:
    """Log `what` now, and every `EVERY` seconds until the block ends, with the time that it has taken.

    share: returns the share that is done, 0 to 1, if it is known. at_once: False omits the first line, for steps that
    are usually short.
    """
    began, over = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not over.wait(EVERY):
            done = f", {share():.0%}" if share else ""
            log.info("%s: %.0f s%s", what, time.monotonic() - began, done)

    if at_once:
        log.info("%s", what)
    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
