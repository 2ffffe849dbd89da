"""Batch jobs and watches as library objects: observers, resuming, custom sinks, and stopping from another thread."""

import threading

import pytest

from edge_runtime.batch.job import BatchJob, BatchObserver
from edge_runtime.batch.settings import BatchSettings
from edge_runtime.errors import OutputError
from edge_runtime.types import Event
from edge_runtime.watch.session import WatchObserver, WatchSession
from edge_runtime.watch.settings import WatchSettings
from tests.conftest import ROOT

NAMES = ("0-like-mnist.png", "1-blue-pen-photo.jpg", "4-black-on-white.bmp", "9-on-a-note.png")
FAKE = "fake:digits=123,width=320,height=240,size=40,fps=10,noise=0"


@pytest.fixture
def folder(tmp_path):
    """A folder with four sample images and a file that is not an image."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((ROOT / "samples" / name).read_bytes())
    (folder / "notes.txt").write_text("not an image")
    return folder


def batch_job(folder, **options):
    output = folder.parent / "results.csv"
    return BatchJob(BatchSettings(folder=folder, output=output, jobs=1, batch=1, backend="litert", **options))


class BatchRecorder(BatchObserver):
    """Records what it observes; raises KeyboardInterrupt after `limit` rows."""

    def __init__(self, limit=None):
        self.labels, self.earlier, self.total, self._limit = {}, None, None, limit

    def begin(self, earlier, count):
        self.earlier, self.total = earlier, count()

    def rows(self, rows, counts):
        self.labels |= {row.path: row.label for row in rows}
        assert counts.rows == self.earlier + len(self.labels)
        if len(self.labels) == self._limit:
            raise KeyboardInterrupt


def test_an_observer_gets_all_rows_of_a_batch_job(folder):
    observer = BatchRecorder()
    result = batch_job(folder).run(observer)
    assert observer.labels == {name: name[0] for name in NAMES}
    assert (observer.earlier, observer.total) == (0, 4)
    assert result.ok
    assert (result.counts.files, result.skipped[".txt"], result.errors) == (4, 1, ())
    assert len((folder.parent / "results.csv").read_text().splitlines()) == 1 + 4


def test_a_batch_job_continues_after_an_interruption(folder):
    first = BatchRecorder(limit=2)
    with pytest.raises(KeyboardInterrupt):
        batch_job(folder).run(first)
    assert not (folder.parent / "results.csv").exists()
    with pytest.raises(OutputError, match="--resume"):
        batch_job(folder).run()
    second = BatchRecorder()
    result = batch_job(folder, resume=True).run(second)
    assert second.earlier == 2
    assert list(first.labels) + list(second.labels) == list(NAMES), "no row is read twice or left out"
    assert result.ok
    assert result.counts.files == 4
    again = batch_job(folder, resume=True).run()
    assert again.complete_before


def test_a_failed_image_makes_the_result_of_a_batch_job_not_ok(folder):
    (folder / "5.png").write_bytes(b"")
    result = batch_job(folder).run()
    assert not result.ok
    assert result.counts.failed.path == "5.png"


class ListSink:
    """Implements ReadingSink: keeps the readings in a list."""

    def __init__(self):
        self.readings, self.written, self.closed = [], threading.Event(), False

    def write(self, reading):
        self.readings.append(reading)
        self.written.set()

    def close(self):
        self.closed = True


class WatchRecorder(WatchObserver):
    """Records the names of the calls, without repetitions."""

    def __init__(self):
        self.calls = []

    def _note(self, name):
        if name not in self.calls:
            self.calls.append(name)

    def begin(self):
        self._note("begin")

    def progress(self, statistics, text):
        self._note("progress")

    def reading(self, reading):
        self._note("reading")

    def end(self):
        self._note("end")


def run_until_written(watch, sink):
    """Run a watch on a thread until its sink has a reading, and stop it from this one."""
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        assert sink.written.wait(60)
    finally:
        watch.stop()
        thread.join(60)
    assert not thread.is_alive()


def test_a_watch_writes_to_a_custom_sink_until_another_thread_stops_it():
    sink, observer = ListSink(), WatchRecorder()
    watch = WatchSession(WatchSettings(source=FAKE, backend="litert", stable=2), observer, {"list": sink})
    run_until_written(watch, sink)
    assert [(each.event, each.text, each.source) for each in sink.readings] == [(Event.STABLE, "123", "fake")]
    assert sink.closed
    assert observer.calls[0] == "begin"
    assert observer.calls[-1] == "end"
    assert {"progress", "reading"} <= set(observer.calls)
    assert (watch.lost, watch.hung) == (0, False)
    assert watch.statistics.readings == 1


def test_a_sink_that_cannot_write_loses_its_readings_and_not_the_watch():
    class FailingSink(ListSink):
        def write(self, reading):
            super().write(reading)
            raise OutputError("no room")

    sink, failing = ListSink(), FailingSink()
    settings = WatchSettings(source=FAKE, backend="litert", stable=1)
    watch = WatchSession(settings, sinks={"failing": failing, "list": sink})
    run_until_written(watch, sink)
    assert len(sink.readings) == 1
    assert watch.lost == 1
    assert failing.closed
