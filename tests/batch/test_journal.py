"""The output of a long job: kills, damage, other processes and failing disks never produce a wrong output."""

import itertools
import os
import shutil

import pytest

from edge_runtime.batch import parquet
from edge_runtime.batch.journal import Journal
from edge_runtime.batch.row_formats import Csv, JsonLines
from edge_runtime.common.files import Files
from edge_runtime.errors import OutputError
from edge_runtime.types import Row, Status

PAGES = 2  # of each file
ROWS = [
    Row(f"{number // PAGES:03}.png", str(number % 10), 0.5, Status.OK, page=number % PAGES + 1) for number in range(20)
]
JOB = {"the option": 1}
LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))  # the full proof


@pytest.fixture(autouse=True)
def no_waiting_for_disks(monkeypatch):
    """What a sync would do is played; a busy disk takes minutes for it."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class FailingFiles(Files):
    """The system's files, of which the Nth operation fails; with `power`, what was not synced is lost as well."""

    def __init__(self, fail_at, error, mode):
        self.left, self.error, self.mode = fail_at, error, mode
        self.synced = {}  # bytes on the disk, by handle
        self.paths = {}

    def _step(self, handle=None, data=b""):
        self.left -= 1
        if self.left:
            return
        if self.mode == "short" and data:
            os.write(handle, data[: len(data) // 2])
        if self.mode in ("power", "zeros"):
            for each, path in self.paths.items():
                if path.exists():
                    size = path.stat().st_size
                    with path.open("r+b") as file:
                        file.truncate(self.synced.get(each, 0))
                        if self.mode == "zeros":
                            file.truncate(size)
        raise OSError(self.error, os.strerror(self.error))

    def open(self, path):
        self._step()
        handle = super().open(path)
        self.paths[handle], self.synced[handle] = path, path.stat().st_size
        return handle

    def write(self, handle, data):
        self._step(handle, data)
        super().write(handle, data)

    def truncate(self, handle, size):
        self._step()
        super().truncate(handle, size)

    def sync(self, handle):
        self._step()
        super().sync(handle)
        self.synced[handle] = os.fstat(handle).st_size

    def close(self, handle):
        self.paths.pop(handle, None)
        super().close(handle)

    def replace(self, source, target):
        self._step()
        super().replace(source, target)
        self.paths = {handle: target if path == source else path for handle, path in self.paths.items()}

    def remove(self, path):
        self._step()
        super().remove(path)


def run_job(path, form, files, resume=False, overwrite=False):
    """A small job as batch-classify runs one; returns how many rows an earlier run had done."""
    form, convert = form
    journal = Journal(path, form(), JOB, files, convert)
    try:
        done = journal.resume() if resume else journal.begin(overwrite)
        if done is None:
            return len(ROWS)
        kept = list(done)
        assert kept == ROWS[: len(kept)]
        assert len(kept) % PAGES == 0
        journal.note_folder("", 7)
        for start in range(len(kept), len(ROWS), PAGES):
            if start % 5 == 0:
                journal.note_folder(f"{start}/", start)
            journal.write(ROWS[start : start + PAGES])
            if start % 3 == 0:
                journal._synced = -1e9  # as if two seconds had gone by
        journal.finish()
        return len(kept)
    finally:
        journal.close()


def as_parquet(lines, target):
    return parquet.convert(lines, target, False)


@pytest.mark.long("a fault at every step of a job")
@pytest.mark.parametrize("old", [b"the old state", None])
@pytest.mark.parametrize("mode", ["clean", "short", "power", "zeros"])
@pytest.mark.parametrize("error", [5, 28])  # EIO, ENOSPC
@pytest.mark.parametrize("form", [(Csv, None), (JsonLines, None), (JsonLines, as_parquet)], ids=["csv", "jsonl", "pq"])
def test_a_disk_that_fails_at_any_step_leaves_the_old_state_or_one_that_resumes(tmp_path, form, error, mode, old):
    path = tmp_path / "results"
    run_job(path, form, Files(), resume=False)
    whole = path.read_bytes()
    path.unlink()
    for step in itertools.count(1):
        if old:
            path.write_bytes(old)
        files = FailingFiles(step, error, mode)
        try:
            run_job(path, form, files, resume=False, overwrite=bool(old))
        except OutputError as failure:
            assert os.strerror(error) in str(failure)
        else:
            break  # every step has failed once
        found = path.read_bytes() if path.exists() else None
        assert found in (old, whole)
        if (tmp_path / "results.job").exists():
            run_job(path, form, Files(), resume=True)
            assert path.read_bytes() == whole
            assert [left.name for left in tmp_path.iterdir()] == ["results"]
        else:
            assert found == old
        for leftover in tmp_path.iterdir():
            leftover.unlink()
    assert step > 40


FORMS = {"csv": (Csv, None), "jsonl": (JsonLines, None), "parquet": (JsonLines, as_parquet)}


class Killed(BaseException):
    """The process ends here."""


class KilledFiles(Files):
    """The system's files, until a file is renamed; or until a number of writes."""

    def __init__(self, writes):
        self.writes = writes

    def write(self, handle, data):
        if self.writes == 0:
            raise Killed
        self.writes -= 1
        super().write(handle, data)

    def replace(self, source, target):
        if target.suffix != ".job":
            raise Killed
        super().replace(source, target)


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


@pytest.fixture(params=["in the middle", "before the last names are changed"])
def killed(request, tmp_path, form):
    """A job that was killed; returns its output, its files as they are, and what the whole output is."""
    whole = tmp_path / "whole"
    run_job(whole, form, Files())
    path = tmp_path / "job" / "results"
    path.parent.mkdir()
    with pytest.raises(Killed):
        run_job(path, form, KilledFiles(16 if request.param == "in the middle" else -1))
    return path, {file: file.read_bytes() for file in path.parent.iterdir()}, whole.read_bytes()


def restore(path, files):
    for file in path.parent.iterdir():
        file.unlink()
    for file, data in files.items():
        file.write_bytes(data)


def test_a_job_that_was_killed_ends_as_if_it_was_not(form, killed):
    path, _, whole = killed
    assert run_job(path, form, Files(), resume=True) >= 3 * PAGES
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.long("a fault at every step of a job")
def test_a_byte_that_is_changed_anywhere_is_never_in_the_output(form, killed):
    """Changes bytes of the part, of the log and of the converted output, one after the other, in three ways."""
    path, files, whole = killed
    refused = 0
    for file, data in files.items():
        first = data.index(b"\n") if file.suffix == ".job" else -1
        for number, place in enumerate(range(0, len(data), 1 if LONG else 4)):
            changed = (data[place] ^ 1 << number % 8, 0, ord("\n"))[number % 3]
            if changed == data[place]:
                continue
            restore(path, files | {file: data[:place] + bytes([changed]) + data[place + 1 :]})
            try:
                kept = run_job(path, form, Files(), resume=True)
            except OutputError as error:
                assert "is damaged" in str(error)
                assert place <= first  # what was asked for cannot be read again
                assert not path.exists()
                refused += 1
                continue
            assert path.read_bytes() == whole
            # What is before the damage is not read again.
            if file.suffix == ".part":
                assert kept >= data[:place].count(b"\n") - 1 - PAGES
    assert refused


@pytest.mark.long("a fault at every step of a job")
@pytest.mark.parametrize("mode", ["short", "power", "zeros"])
def test_a_disk_that_fails_at_any_step_of_a_resumed_job_leaves_one_that_resumes(form, killed, mode):
    path, files, whole = killed
    for step in itertools.count(1):
        restore(path, files)
        try:
            run_job(path, form, FailingFiles(step, 5, mode), resume=True)
        except OutputError as failure:
            assert os.strerror(5) in str(failure)
        else:
            break  # every step has failed once
        assert path.read_bytes() == whole if path.exists() else True
        run_job(path, form, Files(), resume=True)
        assert path.read_bytes() == whole
        assert list(path.parent.iterdir()) == [path]
    assert step > 5


def test_a_job_that_was_killed_can_be_begun_again(form, killed):
    path, _, whole = killed
    assert run_job(path, form, Files(), overwrite=True) == 0
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("file", [".part", ".job"])
def test_a_tail_that_is_lost_or_added_is_read_again(form, killed, file):
    path, files, whole = killed
    name = path.with_name(path.name + file)
    data = files[name]
    for changed in (
        data[:-1],
        data[: len(data) * 3 // 4],
        data + b"\0" * 4096,
        data + data[-30:],
        data[:-5] + bytes(5),
    ):
        restore(path, files | {name: changed})
        with pytest.raises(Killed):
            run_job(path, form, KilledFiles(9), resume=True)
        done = path.with_name(path.name + ".part").read_bytes().count(b"\n") - form[0]().head.count(b"\n")
        assert run_job(path, form, Files(), resume=True) >= done - PAGES
        assert path.read_bytes() == whole
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("file", [".part", ".job"])
def test_the_file_of_another_job_is_not_taken_for_this_ones(tmp_path, form, killed, file):
    path, files, whole = killed
    other = tmp_path / "other" / "results"
    other.parent.mkdir()
    rows = [row._replace(label="0") for row in ROWS]
    journal = Journal(other, form[0](), JOB, Files(), form[1])
    journal.begin(overwrite=False)
    journal.note_folder("", 7)
    for start in range(0, len(rows), PAGES):
        journal.write(rows[start : start + PAGES])
    journal.close()
    name = path.name + file
    restore(path, files | {path.with_name(name): other.with_name(name).read_bytes()})
    run_job(path, form, Files(), resume=True)
    assert path.read_bytes() == whole


# Two processes


class SlowFiles(Files):
    """A process that is slow to take the lock: meanwhile another one ends."""

    def __init__(self, meanwhile):
        self.meanwhile = [meanwhile]

    def lock(self, handle):
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().lock(handle)


def begin(path, form):
    journal = Journal(path, form[0](), JOB, Files(), form[1])
    journal.begin(overwrite=False)
    return journal


def end(journal):
    journal.note_folder("", 7)
    journal.write(ROWS)
    journal.finish()
    journal.close()


def test_an_output_that_was_finished_while_another_process_waited_stays(tmp_path, form):
    path = tmp_path / "results"
    first = begin(path, form)
    second = Journal(path, form[0](), JOB, SlowFiles(lambda: end(first)), form[1])
    assert second.resume() is None
    assert list(tmp_path.iterdir()) == [path]
    whole = path.read_bytes()

    path.unlink()
    third = Journal(path, form[0](), JOB, SlowFiles(lambda: end(begin(path, form))), form[1])
    with pytest.raises(OutputError, match="results exists"):
        third.begin(overwrite=False)
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]

    path.unlink()
    fourth = Journal(path, form[0](), JOB, SlowFiles(lambda: end(begin(path, form))), form[1])
    fourth.begin(overwrite=True)
    fourth.write(ROWS[:PAGES])
    assert path.read_bytes() == whole  # until the new one is there
    fourth.close()
    assert run_job(path, form, Files(), resume=True) == PAGES
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_processes_that_waited_for_a_third_one_writes(tmp_path, form):
    path = tmp_path / "results"
    first = begin(path, form)
    next_one = Journal(path, form[0](), JOB, Files(), form[1])

    def meanwhile():
        end(first)
        next_one.begin(overwrite=True)
        next_one.write(ROWS[:PAGES])

    last = Journal(path, form[0](), JOB, SlowFiles(meanwhile), form[1])
    with pytest.raises(OutputError, match="another process is writing"):
        last.begin(overwrite=True)
    last.close()
    next_one.write(ROWS[PAGES:])
    next_one.note_folder("", 7)
    whole = path.read_bytes()
    next_one.finish()
    next_one.close()
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_another_process_writes_is_left_alone(tmp_path, form):
    path = tmp_path / "results"
    first = begin(path, form)
    first.write(ROWS[:PAGES])
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for act in (lambda other: other.begin(True), lambda other: other.resume()):
        other = Journal(path, form[0](), JOB, Files(), form[1])
        with pytest.raises(OutputError, match="another process is writing"):
            act(other)
        other.close()
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == files
    first.close()


@pytest.mark.parametrize("removed", ["results.part", "results.job", ""])
def test_an_output_that_is_removed_while_it_is_written_is_an_error(tmp_path, form, removed):
    path = tmp_path / "folder" / "results"
    path.parent.mkdir()
    journal = begin(path, form)
    journal.write(ROWS)
    if removed:
        path.with_name(removed).unlink()
    else:
        shutil.rmtree(path.parent)
    with pytest.raises(OutputError, match="was removed while the job ran"):
        journal.finish()
    journal.close()
    assert not path.exists()


def test_an_output_that_is_replaced_while_it_is_written_is_an_error(tmp_path, form):
    path = tmp_path / "results"
    journal = begin(path, form)
    journal.write(ROWS)
    part = tmp_path / "results.part"
    part.rename(tmp_path / "mine")
    part.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match="was removed while the job ran"):
        journal.finish()
    journal.close()
    assert part.read_bytes() == b"somebody's"
