"""Processes that a Ctrl-C on the terminal does not reach."""

import multiprocessing
import os
import signal
import threading

from edge_runtime.common.processes import start_process


def test_a_ctrl_c_while_a_process_starts_does_not_end_it() -> None:
    process = multiprocessing.get_context("spawn").Process(target=threading.get_native_id)
    start_process(process)
    os.kill(process.pid, signal.SIGINT)  # its interpreter needs longer than this to start
    process.join()
    assert process.exitcode == 0


def test_a_ctrl_c_still_ends_the_program_that_starts_a_process() -> None:
    start_process(multiprocessing.get_context("spawn").Process(target=threading.get_native_id))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
