"""Worker processes die, hang and raise; the results of all other items come in order all the same."""

import os
import signal
import time

import pytest

from edge_runtime.errors import BackendError, ModelError
from edge_runtime.workers import Workers


class Square:
    """A deliberately crashing fake: squares numbers, and ends, hangs or breaks its process on some."""

    def __init__(self, crash=(), hang=(), fail=None):
        self.crash, self.hang, self.fail = set(crash), set(hang), fail

    def __call__(self):
        if self.fail == "start":
            os.abort()
        if self.fail == "model":
            raise ModelError("no model")
        return self.work

    def work(self, numbers):
        for number in numbers:
            if number in self.crash:
                os.kill(os.getpid(), signal.SIGSEGV)
            if number in self.hang:
                time.sleep(1000)
            if self.fail == number:
                raise RuntimeError(f"fault at {number}")
        return [(number**2, "") for number in numbers]


def lost(reason):
    return (None, reason)


def chunks(count, size):
    return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def run(fake, jobs=2, count=100, size=7, seconds=20):
    with Workers(fake, lost, jobs, seconds) as workers:
        return [result for results in workers.map(chunks(count, size)) for result in results]


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 100])
def test_results_come_in_order(jobs, count):
    assert run(Square(), jobs, count) == [(number**2, "") for number in range(count)]


@pytest.mark.parametrize("crash", [{0}, {50}, {99}, {3, 4, 5}, {6, 7}])
def test_a_crash_costs_the_item_that_it_happened_on(crash):
    results = run(Square(crash=crash))
    for number, (square, reason) in enumerate(results):
        if number in crash:
            assert (square, reason) == (None, "it crashes the program that reads it")
        else:
            assert (square, reason) == (number**2, "")
    assert len(results) == 100


def test_a_hang_costs_the_item_that_it_happened_on():
    results = run(Square(hang={20}), count=40, seconds=3)
    assert [number for number, (square, _) in enumerate(results) if square is None] == [20]
    assert "not read within 3 s" in results[20][1]


def test_what_a_worker_raises_is_raised_here():
    with pytest.raises(ModelError, match="no model"):
        run(Square(fail="model"))
    with pytest.raises(RuntimeError, match="fault at 30"):
        run(Square(fail=30))


def test_an_interpreter_that_ends_its_process_is_no_endless_loop():
    with pytest.raises(BackendError, match=r"exit code -6.*another --backend"):
        run(Square(fail="start"))


def test_chunks_are_asked_for_only_a_few_ahead():
    asked = []

    def slowly():
        for chunk in chunks(10_000, 1):
            asked.append(chunk)
            yield chunk

    with Workers(Square(), lost, 2, 20) as workers:
        results = workers.map(slowly())
        next(results)
        assert len(asked) <= 2 * 4 + 1
