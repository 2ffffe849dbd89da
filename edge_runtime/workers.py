"""Several processes for one stream of chunks: results come in order, and a process may die.

In: chunks of items. Out: the results of each chunk, in order. What a native decoder does to its process, a crash or a
hang, costs the one item that it happened on.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from edge_runtime.errors import BackendError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # chunks in each worker's hands: one under way and one waiting, so that it never waits for us
WINDOW = 4  # chunks a worker that may be under way or done before the first of them is handed on

READY = "ready"  # a worker's first message
CONTEXT = multiprocessing.get_context("spawn")  # not fork: NumPy's library may have threads already


class Workers(Generic[Item, Result]):
    """Worker processes; a context manager that stops them."""

    def __init__(
        self,
        prepare: Callable[[], Callable[[list[Item]], list[Result]]],
        lost: Callable[[str], Result],
        jobs: int,
        seconds: float,
    ) -> None:
        """Start the processes.

        prepare: picklable, called once in each worker, returns what turns a chunk into as many results. lost: makes the
        result of an item that ended its worker, from the reason. jobs: processes, >= 1. seconds: longer without any
        result is a hang.
        """
        self._prepare, self._lost, self._seconds = prepare, lost, seconds
        self._workers = [_Worker[Item, Result](prepare) for _ in range(jobs)]

    def __enter__(self) -> "Workers[Item, Result]":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()

    def map(self, chunks: Iterable[list[Item]]) -> Iterator[list[Result]]:
        """Yield each chunk's results, in order; chunks are asked for only a few ahead.

        Raises what `prepare` raised in a worker, and BackendError where preparing ends the process.
        """
        source, exhausted = iter(chunks), False
        waiting: deque[_Task[Item, Result]] = deque()
        while True:
            while not exhausted and len(waiting) < WINDOW * len(self._workers):
                worker = min(self._workers, key=lambda each: len(each.tasks))
                if len(worker.tasks) == AHEAD:
                    break
                chunk = next(source, None)
                if chunk is None:
                    exhausted = True
                    break
                task = _Task[Item, Result](chunk)
                waiting.append(task)
                worker.give(task)
            while waiting and waiting[0].results is not None:
                yield waiting.popleft().results or []
            if waiting:
                self._wait()
            elif exhausted:
                return

    def _wait(self) -> None:
        """Take what is ready from any worker, and put right what a dead or hanging one leaves."""
        busy = {worker.pipe: worker for worker in self._workers if worker.tasks}
        ready = wait(list(busy), self._seconds)
        for pipe, worker in busy.items():
            if not ready:
                self._replace(worker, f"it was not read within {self._seconds:.0f} s")
            elif pipe in ready and not worker.take():
                self._replace(worker, "it crashes the program that reads it")

    def _replace(self, worker: "_Worker[Item, Result]", reason: str) -> None:
        """Find the item that ended a worker, by giving its chunk again item by item; the rest goes on as before."""
        ended, *others = worker.tasks
        worker.restart()
        if len(ended.chunk) == 1:
            ended.results = [self._lost(reason)]
        else:
            ended.results = []
            for item in ended.chunk:
                ended.results += self._alone(worker, item, reason)
        for task in others:
            worker.give(task)

    def _alone(self, worker: "_Worker[Item, Result]", item: Item, reason: str) -> list[Result]:
        task = _Task[Item, Result]([item])
        worker.give(task)
        while worker.tasks:
            if not worker.pipe.poll(self._seconds) or not worker.take():
                worker.restart()
                return [self._lost(reason)]
        return task.results or []


class _Task(Generic[Item, Result]):
    def __init__(self, chunk: list[Item]) -> None:
        self.chunk = chunk
        self.results: list[Result] | None = None


class _Worker(Generic[Item, Result]):
    """One process and the tasks in its hands, oldest first."""

    def __init__(self, prepare: Callable[[], Callable[[list[Item]], list[Result]]]) -> None:
        self._prepare = prepare
        self.tasks: deque[_Task[Item, Result]] = deque()
        self._start()

    def _start(self) -> None:
        self._is_ready = False
        self.pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(self._prepare, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends our read

    def give(self, task: _Task[Item, Result]) -> None:
        self.tasks.append(task)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have died: `take` will notice
            self.pipe.send(task.chunk)

    def take(self) -> bool:
        """Take one message; False where the process has ended. Raises what went wrong in it."""
        try:
            message: Any = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            if not self._is_ready:
                self._process.join()
                raise BackendError(
                    f"the interpreter ends its process (exit code {self._process.exitcode}): try another --backend"
                ) from None
            return False
        if isinstance(message, Exception):
            raise message
        if message == READY:
            self._is_ready = True
        else:
            self.tasks.popleft().results = message
        return True

    def restart(self) -> None:
        self.stop()
        self.tasks.clear()
        self._start()

    def stop(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(prepare: Callable[[], Callable[[list[Any]], list[Any]]], pipe: Connection) -> None:
    """A worker's life. The end of the pipe, by our will or our death, is its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            work = prepare()
            pipe.send(READY)
            while True:
                pipe.send(work(pipe.recv()))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # known or not, it is the parent's to say
            pipe.send(error)
