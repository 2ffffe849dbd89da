"""Trains one network in several processes: each takes a share of an epoch, and their states are averaged often.

Averaging states every few steps (S. Stich, "Local SGD converges fast and communicates little", 2019) needs neither
a framework nor a network between the processes: the states are in memory that they share.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable
from ctypes import c_double
from multiprocessing.connection import Connection, wait
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.processes import start_process
from train.data.pool import end_with
from train.errors import TrainError
from train.recipes import Recipe

if TYPE_CHECKING:
    from train.learner import Learner

# Trains on a share of an epoch, calls the last argument as often in each process, and returns the mean loss.
Work = Callable[["Learner", Any, np.random.Generator, Callable[[], None]], float]


class LearnerSettings(NamedTuple):
    """What the processes need to build the same learner."""

    recipe: Recipe
    precision: str
    steps: int  # of an epoch, in each process
    epochs: int


class Team:
    """The processes that train beside this one. Use it in a `with` block, or call `close`."""

    def __init__(self, settings: LearnerSettings, work: Work, learner: "Learner", processes: int) -> None:
        """Start `processes` - 1 processes. work: a function of a module, which each calls for its share."""
        context = multiprocessing.get_context("spawn")  # not fork: a process with TensorFlow's threads in it
        size = sum(array.size for array in learner.state())
        self._memory = context.RawArray(c_double, processes * size)
        self._barrier = context.Barrier(processes)
        self._work, self._processes = work, []
        self._pipes: list[Connection] = []
        for number in range(1, processes):
            ours, theirs = context.Pipe()
            given = (settings, work, number, theirs, self._memory, self._barrier, os.getpid())
            process = context.Process(target=_serve, args=given, daemon=True)
            start_process(process)
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._states = _view(self._memory, processes)
        self._closing = False
        threading.Thread(target=self._watch, daemon=True).start()

    def epoch(self, learner: "Learner", shares: list[Any], rng: np.random.Generator) -> float:
        """Train on an epoch, a share in each process; returns the mean loss. Raises TrainError if a process died."""
        try:
            _write(self._states[0], learner)
            for pipe, share in zip(self._pipes, shares[1:], strict=True):
                pipe.send((share, int(rng.integers(1 << 62))))
            self._barrier.wait()  # all have read the state
            loss = self._work(learner, shares[0], rng, lambda: _average(self._states, 0, learner, self._barrier))
            losses = [loss, *(pipe.recv() for pipe in self._pipes)]
        except (BrokenBarrierError, EOFError, OSError) as error:
            raise TrainError("a process that trains beside this one died: continue with --resume") from error
        return float(np.mean(losses))

    def close(self) -> None:
        """End the processes."""
        self._closing = True
        for process in self._processes:
            process.terminate()
            process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        """Let no process wait for one that died."""
        wait([process.sentinel for process in self._processes])
        if not self._closing:
            self._barrier.abort()


def _serve(
    settings: LearnerSettings, work: Work, number: int, pipe: Connection, memory: Any, barrier: Any, parent: int
) -> None:
    """Train on shares until the parent ends."""
    import tensorflow as tf

    from train.learner import Learner
    from train.tasks import task_of

    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    recipe, precision, steps, epochs = settings
    learner = Learner(recipe, task_of(recipe).loss(recipe), precision, steps, epochs)
    states = _view(memory, barrier.parties)
    try:
        while True:
            share, seed = pipe.recv()
            _read(states[0], learner)
            barrier.wait()
            rng = np.random.default_rng(seed)
            pipe.send(work(learner, share, rng, lambda: _average(states, number, learner, barrier)))
    except (EOFError, BrokenBarrierError):
        pass  # the parent reports it


def _average(states: NDArray[np.float64], number: int, learner: "Learner", barrier: Any) -> None:
    """Replace a learner's state by the mean of those of all processes."""
    _write(states[number], learner)
    barrier.wait()
    mean = states.mean(0)
    barrier.wait()  # nobody writes before all have read
    _read(mean, learner)


def _view(memory: Any, processes: int) -> NDArray[np.float64]:
    """Return shared memory as an array (processes, size of a state)."""
    return np.frombuffer(memory, np.float64).reshape(processes, -1)


def _write(target: NDArray[np.float64], learner: "Learner") -> None:
    """Write the learner's state."""
    np.concatenate([array.ravel() for array in learner.state()], out=target, casting="unsafe")


def _read(source: NDArray[np.float64], learner: "Learner") -> None:
    """Restore the learner to a state; whole numbers, such as the count of steps, are exact in float64."""
    state, start = [], 0
    for array in learner.state():
        part = source[start : start + array.size].reshape(array.shape)
        state.append(np.asarray(part).astype(array.dtype))
        start += array.size
    learner.restore(state)
