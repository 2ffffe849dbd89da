"""Worker processes: crashes, hangs and exceptions affect only their own item."""

import os
import signal
import time

import pytest

from edge_runtime.batch.workers import Workers
from edge_runtime.errors import BackendError, ModelError


class Square:
    """A deliberately crashing fake: squares numbers, and ends, hangs or breaks its process on some."""

    def __init__(self, crash=(), hang=(), slow=(), once=None, fail=None):
        self.crash, self.hang, self.slow, self.fail = set(crash), set(hang), set(slow), fail
        self.once = once or {}  # numbers that end the process the first time, by the file that tells

    def __call__(self):
        if self.fail == "start":
            os.abort()
        if self.fail == "model":
            raise ModelError("no model")
        return self.work

    def work(self, numbers, tick):
        for number in numbers:
            tick()
            if number in self.crash:
                os.kill(os.getpid(), signal.SIGSEGV)
            if number in self.hang:
                time.sleep(1000)
            if self.fail == number:
                raise RuntimeError(f"fault at {number}")
            if number in self.slow:
                time.sleep(2.5)
            if number in self.once and not self.once[number].exists():
                self.once[number].touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return [(number**2, "") for number in numbers]


def lost(reason):
    return (None, reason)


def chunks(count, size):
    return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def run(fake, jobs=2, count=100, size=7, seconds=20):
    with Workers(fake, lost, jobs, 2 * jobs, seconds) as workers:
        return [result for results in workers.map(chunks(count, size)) for result in results]


@pytest.mark.long("many worker processes")
@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 100])
def test_results_come_in_order(jobs, count):
    assert run(Square(), jobs, count) == [(number**2, "") for number in range(count)]


@pytest.mark.long("many worker processes")
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
    results = run(Square(hang={20}), count=40, seconds=1.5)
    assert [number for number, (square, _) in enumerate(results) if square is None] == [20]
    assert results[20][1] == "it cannot be read in time"


def test_what_a_worker_raises_is_raised_here():
    with pytest.raises(ModelError, match="no model"):
        run(Square(fail="model"))


def test_what_an_item_raises_costs_that_item():
    results = run(Square(fail=30))
    assert [number for number, (square, _) in enumerate(results) if square is None] == [30]
    assert results[30][1] == "it cannot be read: RuntimeError: fault at 30"


@pytest.mark.long("many worker processes")
@pytest.mark.parametrize("size", [1, 7])
def test_a_killed_process_loses_nothing(tmp_path, size):
    once = {number: tmp_path / str(number) for number in (0, 20, 99)}
    results = run(Square(once=once), size=size)
    assert results == [(number**2, "") for number in range(100)]
    assert all(file.exists() for file in once.values())


def test_a_slow_chunk_is_no_hang():
    results = run(Square(slow=range(6)), count=6, size=6, seconds=3)
    assert results == [(number**2, "") for number in range(6)]


def test_many_jobs_start_no_more_processes_than_there_is_work():
    with Workers(Square(), lost, 64, 128, 20) as workers:
        assert list(workers.map(chunks(4, 2))) == [[(0, ""), (1, "")], [(4, ""), (9, "")]]
        assert len(workers._workers) <= 2


def test_a_backend_that_crashes_its_process_is_an_error():
    with pytest.raises(BackendError, match=r"exit code -6.*another --backend"):
        run(Square(fail="start"))


def test_chunks_are_requested_only_a_few_ahead():
    asked = []

    def slowly():
        for chunk in chunks(1_000, 1):
            asked.append(chunk)
            yield chunk

    with Workers(Square(), lost, 2, 4, 20) as workers:
        results = workers.map(slowly())
        for taken, _ in enumerate(results):
            assert len(asked) <= taken + 4
