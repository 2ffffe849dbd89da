"""Worker processes for a stream of chunks: results come in order, and crashes and hangs are contained.

In: chunks of items. Out: the results of each chunk, in order. When a native decoder crashes or hangs its process, the
items of the chunk are tried again one by one; only the item that fails again is lost.
"""

import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from edge_runtime.common.processes import start_process
from edge_runtime.errors import BackendError, EdgeDigitsError

Item = TypeVar("Item")
Result = TypeVar("Result")
Tick = Callable[[], None]
Work = Callable[[list[Item], Tick], list[Result]]

STARTS = 3  # starts of a worker that may fail in a row
TICK_SECONDS = 1.0  # between two ALIVE messages of a worker

READY, ALIVE = "ready", "alive"  # messages other than results
CONTEXT = multiprocessing.get_context("spawn")  # not fork: NumPy's BLAS may already run threads


class Workers(Generic[Item, Result]):
    """Worker processes, started as needed; a context manager that stops them."""

    def __init__(
        self,
        prepare: Callable[[], Work[Item, Result]],
        make_failure: Callable[[str], Result],
        jobs: int,
        ahead: int,
        seconds: float,
    ) -> None:
        """Start the first process.

        prepare: picklable; called once in each worker; returns a function that turns a chunk into its results and calls
        its second argument before each item. make_failure: makes the result of a lost item from the reason. jobs:
        processes, >= 1. ahead: chunks in progress, >= 1; with two per process, no process idles. seconds: twice this
        time without a message from a worker is a hang.

        A pickled chunk must be smaller than about 64 KiB, the capacity of a pipe.
        """
        self._prepare, self._make_failure, self._jobs, self._ahead, self._seconds = (
            prepare,
            make_failure,
            jobs,
            ahead,
            seconds,
        )
        self._workers = [_Worker[Item, Result](prepare)]
        self._silent = False

    def __enter__(self) -> "Workers[Item, Result]":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()

    def map(self, chunks: Iterable[list[Item]]) -> Iterator[list[Result]]:
        """Yield the results of each chunk, in order; an empty chunk means that no more are available yet.

        Raises what `prepare` raised in a worker, and BackendError if `prepare` crashes the process.
        """
        source, more = iter(chunks), True
        waiting: deque[_Task[Item, Result]] = deque()
        while more or waiting:
            while waiting and waiting[0].results is not None:
                yield waiting.popleft().results or []
            while more and len(waiting) < self._ahead:
                chunk = next(source, None)
                more = chunk is not None
                if not chunk:
                    break
                task = _Task[Item, Result](chunk)
                waiting.append(task)
                self._least_busy().send(task)
            if waiting:
                self._wait()

    def _least_busy(self) -> "_Worker[Item, Result]":
        worker = min(self._workers, key=lambda each: len(each.tasks))
        if worker.tasks and len(self._workers) < self._jobs:
            worker = _Worker[Item, Result](self._prepare)
            self._workers.append(worker)
        return worker

    def _wait(self) -> None:
        """Receive messages of all workers, and recover from dead or hanging ones."""
        busy = {worker.pipe: worker for worker in self._workers if worker.tasks}
        ready = wait(list(busy), self._seconds)
        if not ready and not self._silent:
            self._silent = True  # wait once more: all processes may have been suspended, as by Ctrl-Z
            return
        self._silent = False
        for pipe, worker in busy.items():
            if not ready:
                self._recover(worker, "it cannot be read in time")
            elif pipe in ready and (fault := worker.receive()):
                self._recover(worker, fault)

    def _recover(self, worker: "_Worker[Item, Result]", fault: str) -> None:
        """Restart a worker after a fault: try its current chunk item by item, then send it the rest."""
        tasks = list(worker.tasks)
        started = worker.is_ready
        worker.restart()
        if started:
            task = tasks.pop(0)
            task.results = []
            for item in task.chunk:
                task.results += self._run_alone(worker, item)
        for task in tasks:
            worker.send(task)

    def _run_alone(self, worker: "_Worker[Item, Result]", item: Item) -> list[Result]:
        task = _Task[Item, Result]([item])
        worker.send(task)
        silent = False
        while worker.tasks:
            if not worker.pipe.poll(self._seconds):
                fault = "it cannot be read in time" if silent else ""
                silent = True
            else:
                fault, silent = worker.receive(), False
            if fault:
                started = worker.is_ready
                worker.restart()
                if started:
                    return [self._make_failure(fault)]
                worker.send(task)
        return task.results or []


class _Task(Generic[Item, Result]):
    def __init__(self, chunk: list[Item]) -> None:
        self.chunk = chunk
        self.results: list[Result] | None = None


class _Worker(Generic[Item, Result]):
    """One process and its tasks, oldest first."""

    def __init__(self, prepare: Callable[[], Work[Item, Result]]) -> None:
        self._prepare = prepare
        self._failed_starts = 0
        self.tasks: deque[_Task[Item, Result]] = deque()
        self._start()

    def _start(self) -> None:
        self.is_ready = False
        self.pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(self._prepare, theirs), daemon=True)
        start_process(self._process)
        theirs.close()  # so that our read ends when the process dies

    def send(self, task: _Task[Item, Result]) -> None:
        self.tasks.append(task)
        with suppress(OSError):  # the process may have died, which `receive` detects
            self.pipe.send(task.chunk)

    def receive(self) -> str:
        """Receive one message; returns the fault of the first task, or an empty string."""
        try:
            message: Any = self.pipe.recv()
        except (EOFError, OSError):
            return "it crashes the program that reads it"
        if isinstance(message, EdgeDigitsError):
            raise message
        if isinstance(message, Exception):
            return f"it cannot be read: {type(message).__name__}: {' '.join(str(message).split())[:200]}"
        if message == READY:
            self.is_ready, self._failed_starts = True, 0
        elif message != ALIVE:
            self.tasks.popleft().results = message
        return ""

    def restart(self) -> None:
        """Start a new process without tasks; raises BackendError if the process repeatedly fails to start."""
        self.stop()
        if not self.is_ready:
            self._failed_starts += 1
            if self._failed_starts == STARTS:
                code = self._process.exitcode
                raise BackendError(f"the backend crashes its process (exit code {code}): try another --backend")
        self.tasks.clear()
        self._start()

    def stop(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join(5)  # a process that waits for a dead disk cannot be killed


def _serve(prepare: Callable[[], Work[Any, Any]], pipe: Connection) -> None:
    """Main loop of a worker; it ends when the pipe is closed or the parent dies."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    last = time.monotonic()

    def tick() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > TICK_SECONDS:
            last = now
            pipe.send(ALIVE)

    with suppress(EOFError, OSError):
        try:
            work = prepare()
        except Exception as error:
            pipe.send(error)
            return
        pipe.send(READY)
        while True:
            chunk = pipe.recv()
            try:
                results: Any = work(chunk, tick)
            except Exception as error:  # one item causes it; the parent finds out which
                results = error
            pipe.send(results)


def _end_with_parent() -> None:
    """End this process when its parent is killed, even while a decoder hangs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
