"""Several processes for one stream of chunks: results come in order, and a process may die.

In: chunks of items. Out: the results of each chunk, in order. What a native decoder does to its process, a crash or a
hang, costs the one item that it happened on, and only if it happens again when that item is tried alone.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from edge_runtime.errors import BackendError, EdgeDigitsError

Item = TypeVar("Item")
Result = TypeVar("Result")
Tick = Callable[[], None]
Work = Callable[[list[Item], Tick], list[Result]]

STARTS = 3  # times that a worker may end before it is ready
TICK_SECONDS = 1.0  # between two signs of life of a worker

READY, ALIVE = "ready", "alive"  # messages that are no results
CONTEXT = multiprocessing.get_context("spawn")  # not fork: NumPy's library may have threads already


class Workers(Generic[Item, Result]):
    """Worker processes, started as they are needed; a context manager that stops them."""

    def __init__(
        self,
        prepare: Callable[[], Work[Item, Result]],
        make_failure: Callable[[str], Result],
        jobs: int,
        ahead: int,
        seconds: float,
    ) -> None:
        """Start the first process.

        prepare: picklable, called once in each worker, returns what turns a chunk into as many results; that calls its
        second argument before each item. make_failure: makes the result of an item that cannot be done, from the reason. jobs:
        processes, >= 1. ahead: chunks, >= 1, that are asked for before the results of the first of them are taken and
        done with: two for each process, and it never waits for us. seconds: twice as long without a sign of life is a
        hang.

        A chunk, pickled, is to have less than about 64 KiB: so much fits into a pipe that nobody reads.
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
        """Yield each chunk's results, in order; an empty chunk says that there are no more for now, and has none.

        Raises what `prepare` raised in a worker, and BackendError where preparing ends the process.
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
        """Take what is ready from any worker, and put right what a dead or hanging one leaves."""
        busy = {worker.pipe: worker for worker in self._workers if worker.tasks}
        ready = wait(list(busy), self._seconds)
        if not ready and not self._silent:
            self._silent = True  # once more: we may have been stopped ourselves, as by Ctrl-Z, and they with us
            return
        self._silent = False
        for pipe, worker in busy.items():
            if not ready:
                self._recover(worker, "it cannot be read in time")
            elif pipe in ready and (fault := worker.receive()):
                self._recover(worker, fault)

    def _recover(self, worker: "_Worker[Item, Result]", fault: str) -> None:
        """Go on with a worker's tasks after a fault: its chunk item by item, the rest as before."""
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
    """One process and the tasks in its hands, oldest first."""

    def __init__(self, prepare: Callable[[], Work[Item, Result]]) -> None:
        self._prepare = prepare
        self._failed_starts = 0
        self.tasks: deque[_Task[Item, Result]] = deque()
        self._start()

    def _start(self) -> None:
        self.is_ready = False
        self.pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(self._prepare, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends our read

    def send(self, task: _Task[Item, Result]) -> None:
        self.tasks.append(task)
        with suppress(OSError):  # it may have died: `receive` will notice
            self.pipe.send(task.chunk)

    def receive(self) -> str:
        """Take one message; returns what is wrong with the first task, if anything is."""
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
        """Begin anew, without tasks; raises BackendError where the process never gets ready."""
        self.stop()
        if not self.is_ready:
            self._failed_starts += 1
            if self._failed_starts == STARTS:
                code = self._process.exitcode
                raise BackendError(f"the interpreter ends its process (exit code {code}): try another --backend")
        self.tasks.clear()
        self._start()

    def stop(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join(5)  # one that waits for a dead disk cannot even be killed


def _serve(prepare: Callable[[], Work[Any, Any]], pipe: Connection) -> None:
    """A worker's life. The end of the pipe, by our will or our death, is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
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
            except Exception as error:  # an item of it is to blame: the parent finds out which
                results = error
            pipe.send(results)


def _end_with_parent() -> None:
    """Even one that hangs in a decoder is not to stay behind when its parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
