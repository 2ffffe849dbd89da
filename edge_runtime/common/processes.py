"""Start processes that a Ctrl-C on the terminal does not reach."""

import signal
from multiprocessing.process import BaseProcess


def start_process(process: BaseProcess) -> None:
    """Start a process of `multiprocessing` in which SIGINT stays blocked: its parent handles Ctrl-C and ends it.

    A handler that the process sets itself comes too late: an interpreter that is still starting prints a traceback.
    """
    from multiprocessing import resource_tracker  # commands that start no process need not load it

    resource_tracker.ensure_running()  # before the mask is set: starting it unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
