"""The files that a watch writes its readings to: what is in them, after rotation, kills and full disks, too."""

import contextlib
import csv
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from edge_runtime.common.fake_files import FakeDisk
from edge_runtime.errors import EdgeDigitsError, MissingLibraryError, OutputError, UsageError
from edge_runtime.sinks.csv import CsvSink
from edge_runtime.sinks.group import SinkGroup
from edge_runtime.sinks.jsonl import JsonLinesSink
from edge_runtime.sinks.outbox import MEMORY, Outbox
from edge_runtime.sinks.record import COLUMNS
from edge_runtime.sinks.stdout import StdoutSink
from edge_runtime.sinks.targets import SinkSettings, open_sink
from edge_runtime.types import Event, Reading
from tests.conftest import ROOT

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))
KILLS = 200 if LONG else 3
FILES = ("jsonl", "csv", "sqlite")
NOBODY = 65534  # Debian's user without rights


def reading(number, text="12345", event=Event.CHANGED, source="fake:"):
    return Reading(f"id-{number}", event, text, 0.98765, 1_700_000_000.25 + number, 0.0312, source, 10 * number)


def read(kind, path):
    """The rows of a file, as dictionaries of what the kind has for each value."""
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if kind == "csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM readings ORDER BY frame")]


def write(target, readings, settings=None):
    sink = open_sink(target, settings)
    for each in readings:
        sink.write(each)
    sink.close()


# What is in them


@pytest.mark.parametrize("kind", FILES)
def test_each_file_holds_every_reading_with_the_same_names(tmp_path, kind):
    path = tmp_path / f"readings.{kind}"
    write(f"{kind}:{path}", [reading(1, event=Event.STABLE), reading(2, "12\n7"), reading(3, "", Event.GONE)])
    write(f"{kind}:{path}", [reading(4, source='=cmd|x,\n"')])  # a second watch goes on
    rows = read(kind, path)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 4
    assert [row["id"] for row in rows] == ["id-1", "id-2", "id-3", "id-4"]
    assert [row["event"] for row in rows] == ["stable", "changed", "gone", "changed"]
    assert [row["text"] for row in rows] == ["12345", "12 7" if kind == "csv" else "12\n7", "", "12345"]
    assert {float(row["confidence"]) for row in rows} == {0.9877}
    assert {float(row["age"]) for row in rows} == {0.031}
    assert rows[0]["time"] == "2023-11-14T22:13:21.250Z"
    assert int(rows[1]["frame"]) == 20
    assert rows[3]["source"] == ("'" if kind == "csv" else "") + '=cmd|x,\n"'  # no spreadsheet runs it


def test_stdout_gets_one_text_line_per_reading(capsys):
    film = reading(4, event=Event.CORRECTED)._replace(position=12.3456)
    write("stdout", [reading(1), reading(2, "12\n7"), reading(3, "", Event.GONE), film])
    first, second, third, fourth = (line.split() for line in capsys.readouterr().out.splitlines())
    assert first[1:] == ["changed", "12345", "98.8%", "31", "ms", "old"]
    assert second[2:6] == ["12", "/", "7", "98.8%"]
    assert third[1:3] == ["gone", "-"]
    assert fourth[1:] == ["corrected", "12345", "98.8%", "31", "ms", "old,", "at", "12.35", "s"]


def test_stdout_gets_json_lines_with_json(capsys):
    write("stdout", [reading(1)], SinkSettings(as_json=True))
    assert json.loads(capsys.readouterr().out)["id"] == "id-1"


def test_a_repeated_reading_is_one_row(tmp_path):
    path = tmp_path / "readings.sqlite"
    write(f"sqlite:{path}", [reading(1), reading(1), reading(2)])
    assert len(read("sqlite", path)) == 2


def test_json_lines_are_rotated_by_size_and_the_oldest_goes(tmp_path):
    path = tmp_path / "readings.jsonl"
    settings = SinkSettings(jsonl_bytes=1000, jsonl_keep=3)
    for start in (0, 20):  # a second watch goes on with the rotation
        write(f"jsonl:{path}", [reading(n) for n in range(start, start + 20)], settings)
    names = ["readings.jsonl.3", "readings.jsonl.2", "readings.jsonl.1", "readings.jsonl"]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert all((tmp_path / name).stat().st_size <= 1000 for name in names)
    kept = [row["id"] for name in names for row in read("jsonl", tmp_path / name)]
    assert kept == [f"id-{n}" for n in range(40 - len(kept), 40)]
    assert len(kept) > 15


def test_rotation_may_keep_nothing(tmp_path):
    write(f"jsonl:{tmp_path / 'r.jsonl'}", map(reading, range(20)), SinkSettings(jsonl_bytes=500, jsonl_keep=0))
    assert [each.name for each in tmp_path.iterdir()] == ["r.jsonl"]
    assert read("jsonl", tmp_path / "r.jsonl")[-1]["id"] == "id-19"


@pytest.mark.parametrize("remove", [Path.unlink, lambda path: path.rename(path.with_name("old"))])
def test_a_file_that_is_moved_away_is_begun_anew(tmp_path, remove):
    path = tmp_path / "r.csv"
    sink = open_sink(f"csv:{path}")
    sink.write(reading(1))
    remove(path)
    sink.write(reading(2))
    sink.close()
    assert [row["id"] for row in read("csv", path)] == ["id-2"]


# What is refused


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("", "use stdout, jsonl:FILE"),
        ("printer", "unknown sink 'printer': use stdout, jsonl:FILE"),
        ("jsonl", "needs a file name"),
        ("csv:", "needs a file name"),
        ("sqlite:missing/r.sqlite", "name a file in an existing folder"),
        ("csv:mqtt://me:secret@broker/t", "name a file in an existing folder"),
        ("mqtt:me:secret@broker/t", "is not a broker address"),
        ("mqtt//me:secret@broker/t", "use stdout"),
        ("MQTT://me:secret@broker/t", "use stdout"),
        ("mqtt://me:se/cret?@broker/t?secret", "is not a broker address"),
        ("jsonl:/tmp", "is a folder"),
        ("mqtt://", "it must look like mqtt://[USER@]HOST[:PORT]/TOPIC"),
        ("mqtt:broker/topic", "it must look like"),
        ("mqtt://broker", "has no valid topic"),
        ("mqtt://broker/", "has no valid topic"),
        ("mqtt://broker/a/#", "has no valid topic"),
        ("mqtt://broker/a#b", "it must look like"),
        ("mqtt://broker/a%23", "has no valid topic"),
        ("mqtt://broker/a+b", "has no valid topic"),
        ("mqtt://broker/$SYS/x", "has no valid topic"),
        ("mqtt://broker:99999/t", "no valid host and port"),
        ("mqtt://broker:0/t", "it must look like"),
        ("mqtt://[::1/t", "no valid host and port"),
        ("mqtt://:secret@broker/t", "a password but no user"),
    ],
)
def test_a_bad_target_is_one_clear_line_without_a_password(target, reason):
    with pytest.raises(UsageError) as caught:
        open_sink(target)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_its_library_mqtt_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt", None)
    monkeypatch.delitem(sys.modules, "edge_runtime.sinks.mqtt", raising=False)
    with pytest.raises(MissingLibraryError, match="pip install paho-mqtt, or the extra edge-digits"):
        open_sink("mqtt://127.0.0.1/t")


def test_no_message_about_an_invalid_address_shows_the_password():
    for bad in ("mqtt://me:sec/ret@host/t?x", "mqtt://me:sec#ret@host:x/t", "mqtts://me:s:ecret@[::1/t"):
        with pytest.raises(UsageError) as caught:
            open_sink(bad)
        for part in ("sec", "ret", "me"):
            assert part not in str(caught.value).partition(": it must look")[0].partition("'")[2].partition("'")[0]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_kind_is_left_unchanged(tmp_path, kind):
    path = tmp_path / "notes"
    path.write_bytes(b"my notes, and no line's end")
    with pytest.raises(OutputError) as caught:
        open_sink(f"{kind}:{path}")
    assert "name another file" in str(caught.value) or "not an SQLite file" in str(caught.value)
    assert path.read_bytes() == b"my notes, and no line's end"


def test_a_table_with_other_columns_is_left_unchanged(tmp_path):
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE readings (mine)")
    with pytest.raises(OutputError, match="other columns"):
        open_sink(f"sqlite:{path}")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_two_watches_do_not_write_one_file(tmp_path, kind):
    path = tmp_path / "r"
    first = open_sink(f"{kind}:{path}")
    with pytest.raises(OutputError, match="another process is writing"):
        open_sink(f"{kind}:{path}")
    first.close()
    open_sink(f"{kind}:{path}").close()


@pytest.mark.parametrize("kind", FILES)
def test_a_pipe_is_refused_and_does_not_hang(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="not a regular file"):
        open_sink(f"{kind}:{tmp_path / 'pipe'}")


# Kills and disks that fail

WRITER = """
import sys
from edge_runtime.sinks.stdout import StdoutSink
from edge_runtime.sinks.targets import SinkSettings, open_sink
from edge_runtime.types import Event, Reading
kind, path, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
sink = open_sink(f"{kind}:{path}", SinkSettings(jsonl_bytes=20_000, jsonl_keep=1000))
while True:
    sink.write(Reading(f"id-{number}", Event.CHANGED, "123", 0.5, 0.0, 0.0, "s", number))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("kind", FILES)
def test_killed_in_the_middle_of_writing_nothing_is_lost_and_no_line_is_broken(tmp_path, kind):
    path, said = tmp_path / "readings", 0
    chance = random.Random(kind)
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, kind, str(path), str(said + 1)]
        job = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        said = int(job.stdout.readline())  # it writes now
        time.sleep(chance.uniform(0, 0.1))
        os.kill(job.pid, signal.SIGKILL)
        rest, _ = job.communicate()
        said = int(([said, *rest.split("\n")[:-1]])[-1])  # a number may be cut short, its line's end is not
    open_sink(f"{kind}:{path}", SinkSettings(jsonl_bytes=20_000)).close()  # takes off what a kill cut short
    files = [*sorted(tmp_path.glob("readings.[0-9]*"), key=lambda each: -int(each.suffix[1:])), path]
    numbers = [int(row["frame"]) for file in files for row in read(kind, file)]
    # What was written and not yet said when the kill came is written by the next one, too; SQLite takes it once.
    assert set(range(1, said + 1)) <= set(numbers)
    assert numbers == sorted(numbers)
    assert len(numbers) - len(set(numbers)) <= KILLS


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_line_that_a_loss_of_power_cut_short_is_taken_off(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # hundreds of them
    path = tmp_path / "r"
    write(f"{kind}:{path}", [reading(1), reading(2)])
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole[:cut])
        write(f"{kind}:{path}", [reading(3)])
        ids = [row["id"] for row in read(kind, path)]
        lines = whole[:cut].count(b"\n") - (kind == "csv")
        assert ids == [f"id-{n + 1}" for n in range(lines)] + ["id-3"]


@pytest.mark.parametrize("kind", [JsonLinesSink, CsvSink])
def test_a_full_disk_leaves_whole_lines_and_goes_on_when_there_is_room(tmp_path, kind):
    path, disk = tmp_path / "r", FakeDisk(400)
    sink = kind(path, *((0, 0) if kind is JsonLinesSink else ()), files=disk)
    with pytest.raises(OutputError, match="No space left on device"):
        for number in range(10):
            sink.write(reading(number))
    disk.room = 10_000
    sink.write(reading(10))
    sink.close()
    ids = [row["id"] for row in read("jsonl" if kind is JsonLinesSink else "csv", path)]
    assert ids == [f"id-{n}" for n in range(len(ids) - 1)] + ["id-10"]


def test_one_sink_that_fails_does_not_stop_the_others_and_says_so_once(tmp_path):
    said = []
    sinks = SinkGroup([f"sqlite:{tmp_path / 'a'}", f"jsonl:{tmp_path / 'b'}"], SinkSettings(report=said.append))
    blocker = sqlite3.connect(tmp_path / "a", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    sinks.write(reading(1))
    sinks.write(reading(2))
    blocker.execute("COMMIT")
    sinks.write(reading(3))
    sinks.close()
    assert [row["id"] for row in read("jsonl", tmp_path / "b")] == ["id-1", "id-2", "id-3"]
    assert [row["id"] for row in read("sqlite", tmp_path / "a")] == ["id-3"]
    assert sinks.lost == {f"sqlite:{tmp_path / 'a'}": 2}
    assert len(said) == 3
    assert "another process is using it" in said[0]
    assert "works again; 2 readings were lost" in said[1]
    assert "2 readings were lost" in said[2]


def test_when_standard_output_is_gone_the_others_have_the_reading_and_are_closed(tmp_path, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", gone)
        sinks = SinkGroup(["stdout", f"jsonl:{tmp_path / 'b'}"])
        with pytest.raises(BrokenPipeError):
            sinks.write(reading(1))
        sinks.close()
        monkeypatch.undo()
    assert [row["id"] for row in read("jsonl", tmp_path / "b")] == ["id-1"]
    open_sink(f"jsonl:{tmp_path / 'b'}").close()  # its lock is free


def test_if_one_cannot_be_opened_none_stays_open(tmp_path):
    with pytest.raises(EdgeDigitsError):
        SinkGroup([f"jsonl:{tmp_path / 'a'}", "printer"])
    open_sink(f"jsonl:{tmp_path / 'a'}").close()  # its lock is free
    with pytest.raises(UsageError, match="named twice"):
        SinkGroup([f"csv:{tmp_path / 'a'}", f"csv:{tmp_path / 'a'}"])


# What happens to the files while a watch runs: one contract over all sinks


class Journal:
    """A sink of one kind in a folder, written through the same door as a watch does; the outbox stands for MQTT."""

    def __init__(self, kind, folder):
        self.kind, self.folder, self.path, self.said = kind, folder, folder / "readings", []
        self.keeps = kind == "outbox"  # what cannot be written yet waits, and what was removed is written again
        folder.mkdir()
        self.open()

    def open(self):
        if self.keeps:
            self._box = Outbox(self.path, 100, self.said.append)
        else:
            self._sinks = SinkGroup([f"{self.kind}:{self.path}"], SinkSettings(report=self.said.append))

    def write(self, number):
        if self.keeps:
            self._box.put(json.dumps({"id": f"id-{number}"}).encode())
        else:
            self._sinks.write(reading(number))

    def close(self):
        self._box.close() if self.keeps else self._sinks.close()

    @property
    def lost(self):
        return self._box.dropped if self.keeps else sum(self._sinks.lost.values())

    def ids(self, path=None):
        if not self.keeps:
            return [row["id"] for row in read(self.kind, path or self.path)]
        with contextlib.closing(sqlite3.connect(path or self.path)) as connection:
            return [json.loads(row[0])["id"] for row in connection.execute("SELECT payload FROM outbox ORDER BY place")]

    def files(self):
        """The file with what SQLite keeps beside it."""
        return sorted(self.folder.glob("readings*"))


@pytest.fixture(params=[*FILES, "outbox"])
def journal(request, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_runtime.sinks.outbox.RETRY_SECONDS", 0.0)
    return Journal(request.param, tmp_path / "folder")


@contextlib.contextmanager
def full(room=0):
    """No file grows beyond `room` bytes: the kernel refuses it, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def ordinary_user(*paths):
    """Permissions hold for us, too."""
    if os.geteuid() != 0:
        yield
        return
    for path in paths:
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def open_to_all(path):
    """pytest's folders are closed to other users: open them up to the system's temporary one for a while."""
    folders = [path, *path.parents[: path.parents.index(Path(tempfile.gettempdir()))]]
    before = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o755)
    try:
        yield
    finally:
        for folder, mode in zip(folders, before, strict=True):
            folder.chmod(mode)


def check(journal, kept, lost, told):
    """After the fault, and after another start: these readings and no others, what was lost is counted and told."""
    journal.close()
    wanted = [f"id-{number}" for number in kept]
    assert journal.ids() == wanted
    assert b"\0\0" not in journal.path.read_bytes() or journal.kind in ("sqlite", "outbox")
    assert journal.lost == lost
    assert any(told in line for line in journal.said) or not told, journal.said
    journal.open()
    journal.write(99)
    journal.close()
    assert journal.ids() == [*wanted, "id-99"]


def test_a_removed_folder_is_reported_and_loses_only_readings_meanwhile(journal):
    journal.write(1)
    shutil.rmtree(journal.folder)
    journal.write(2)
    journal.folder.mkdir(exist_ok=True)
    journal.write(3)
    kept, lost, told = ([1, 2, 3], 0, "was removed") if journal.keeps else ([3], 1, "cannot be written")
    check(journal, kept, lost, told)


def test_a_file_that_is_removed_is_made_again(journal):
    journal.write(1)
    for path in journal.files():
        path.unlink()
    journal.write(2)
    check(journal, [1, 2] if journal.keeps else [2], 0, "was removed" if journal.keeps else "")


def test_the_file_alone_may_be_removed(journal):
    journal.write(1)
    journal.path.unlink()
    journal.write(2)
    check(journal, [1, 2] if journal.keeps else [2], 0, "")


def test_a_file_that_is_moved_away_is_whole_and_a_new_one_is_begun(journal):
    journal.write(1)
    journal.path.rename(journal.folder / "old")
    journal.write(2)
    assert journal.ids(journal.folder / "old") == ["id-1"]
    check(journal, [1, 2] if journal.keeps else [2], 0, "")


def test_an_older_copy_put_in_place_of_the_file_is_continued(journal, tmp_path):
    journal.write(1)
    journal.close()
    shutil.copy(journal.path, tmp_path / "copy")
    journal.open()
    journal.write(2)
    os.replace(tmp_path / "copy", journal.path)  # noqa: PTH105
    journal.write(3)
    journal.close()
    assert journal.ids() == (["id-1", "id-2", "id-1", "id-3"] if journal.keeps else ["id-1", "id-3"]) or (
        journal.keeps and sorted(journal.ids()) == ["id-1", "id-1", "id-2", "id-3"]
    )
    assert journal.lost == 0


def test_a_foreign_file_put_in_place_of_ours_is_left_unchanged(journal, tmp_path):
    journal.write(1)
    (tmp_path / "notes").write_text("my notes\n" * 1000)
    os.replace(tmp_path / "notes", journal.path)  # noqa: PTH105
    journal.write(2)
    journal.write(3)
    assert journal.path.read_text() == "my notes\n" * 1000
    journal.path.unlink()
    journal.write(4)
    check(journal, [1, 2, 3, 4] if journal.keeps else [4], 0 if journal.keeps else 2, str(journal.path))


def test_a_full_disk_is_reported_and_loses_only_readings_meanwhile(journal):
    journal.write(1)
    with full():
        journal.write(2)
        journal.write(3)
    journal.write(4)
    check(journal, [1, 2, 3, 4] if journal.keeps else [1, 4], 0 if journal.keeps else 2, "cannot be written")


@pytest.mark.parametrize("room", [0, 1, 30, 90])
def test_a_file_that_is_moved_away_while_the_disk_is_full_is_begun_whole(journal, room):
    for number in range(1, 21):
        journal.write(number)
    journal.path.rename(journal.folder / "old")
    with full(room):
        journal.write(21)
    journal.write(22)
    check(journal, [*range(1, 23)] if journal.keeps else [22], 0 if journal.keeps else 1, "cannot be written")


@pytest.mark.parametrize("journal", ["jsonl", "csv"], indirect=True)
def test_a_truncated_text_file_is_continued(journal):
    for number in range(1, 6):
        journal.write(number)
    os.truncate(journal.path, 0)
    journal.write(6)
    os.truncate(journal.path, journal.path.stat().st_size - 5)
    journal.write(7)
    check(journal, [7], 0, "")


@pytest.mark.parametrize("journal", ["sqlite", "outbox"], indirect=True)
def test_an_overwritten_database_is_continued_after_repair(journal):
    for number in range(1, 6):
        journal.write(number)
    journal.path.write_bytes(b"no database " * 1000)
    journal.write(6)
    journal.write(7)
    for path in journal.files():
        path.unlink()
    journal.write(8)
    journal.close()
    assert "id-8" in journal.ids()


@pytest.mark.parametrize("journal", ["sqlite", "outbox"], indirect=True)
def test_a_databases_log_may_be_removed_and_a_kill_loses_nothing(journal, tmp_path):
    journal.write(1)
    journal.path.with_name("readings-wal").unlink()
    journal.write(2)
    shutil.copytree(journal.folder, tmp_path / "after a kill")
    assert journal.ids(tmp_path / "after a kill" / "readings") == ["id-1", "id-2"]
    check(journal, [1, 2], 0, "")


def test_a_read_only_folder_is_reported_and_loses_only_readings_meanwhile(journal, tmp_path):
    tmp_path.chmod(0o755)
    with open_to_all(tmp_path), ordinary_user(journal.folder, *journal.files()):
        journal.write(1)
        journal.path.rename(journal.folder / "old")
        journal.folder.chmod(0o555)
        journal.write(2)
        journal.folder.chmod(0o755)
        journal.write(3)
        kept, lost = ([1, 2, 3], 0) if journal.keeps else ([3], 1)
        check(journal, kept, lost, "Permission denied" if journal.kind in ("csv", "jsonl") else "cannot be written")


def test_stdout_on_a_full_disk_is_reported_and_loses_only_readings_meanwhile(tmp_path):
    said = []
    with (tmp_path / "out").open("w") as stream:
        sink = StdoutSink(stream, as_json=True)
        sink.write(reading(1))
        room = (tmp_path / "out").stat().st_size + 20  # half a line
        with full(room), pytest.raises(OutputError, match="standard output cannot be written: File too large"):
            sink.write(reading(2))
        sink.write(reading(3))
        sink.close()
    lines = (tmp_path / "out").read_text().splitlines()
    assert [json.loads(line)["id"] for line in (lines[0], lines[-1])] == ["id-1", "id-3"]
    assert len(lines) == 3
    assert said == []


def test_stdout_to_a_removed_file_is_reported(tmp_path):
    with (tmp_path / "out").open("w") as stream:
        sink = StdoutSink(stream)
        sink.write(reading(1))
        (tmp_path / "out").unlink()
        with pytest.raises(OutputError, match="a file that was removed"):
            sink.write(reading(2))
    with tempfile.TemporaryFile("w+") as stream:  # one that never had a name
        StdoutSink(stream).write(reading(1))
        stream.seek(0)
        assert "12345" in stream.read()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o640), (0o077, 0o600), (0o000, 0o640)])
def test_others_may_not_read_the_files(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        journals = [Journal(kind, tmp_path / kind) for kind in (*FILES, "outbox")]
        for journal in journals:
            journal.write(1)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for each in journals for path in each.files()}
    finally:
        os.umask(before)
    assert set(modes.values()) == {mode}, modes
    assert {"readings", "readings-wal"} <= set(modes)


# Files of version 0.1 lack the column `position`


def test_a_csv_file_of_an_earlier_version_is_given_the_new_column(tmp_path):
    path = tmp_path / "r.csv"
    head = "id,event,text,confidence,time,age,source,frame\n"
    path.write_text(f'{head}a,stable,1,0.9,t,0.1,\'=x,7\nb,changed,2,0.8,t,0.1,"x, y",8\nc,chan')
    path.chmod(0o600)
    write(f"csv:{path}", [reading(3)._replace(position=12.3456)])
    rows = read("csv", path)
    assert [row["id"] for row in rows] == ["a", "b", "id-3"]
    assert [row["position"] for row in rows] == ["", "", "12.346"]
    assert (rows[0]["source"], rows[1]["source"]) == ("'=x", "x, y")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]


def test_without_room_an_earlier_csv_file_stays_as_it_is(tmp_path):
    path = tmp_path / "r.csv"
    text = "id,event,text,confidence,time,age,source,frame\n" + "a,stable,1,0.9,t,0.1,x,7\n" * 100
    path.write_text(text)
    with full(1000), pytest.raises(OutputError, match="cannot be converted"):
        open_sink(f"csv:{path}")
    assert path.read_text() == text
    assert [each.name for each in tmp_path.iterdir()] == ["r.csv"]


def test_a_sqlite_file_of_an_earlier_version_is_given_the_new_column(tmp_path):
    path = tmp_path / "r.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE readings (id TEXT PRIMARY KEY, event TEXT NOT NULL, text TEXT NOT NULL, confidence REAL NOT "
            "NULL, time TEXT NOT NULL, age REAL NOT NULL, source TEXT NOT NULL, frame INTEGER NOT NULL)"
        )
        connection.execute("INSERT INTO readings VALUES ('a', 'stable', '1', 0.9, 't', 0.1, 'x', 7)")
    write(f"sqlite:{path}", [reading(3)._replace(position=1.5)])
    assert [(row["id"], row["position"]) for row in read("sqlite", path)] == [("a", None), ("id-3", 1.5)]


# The outbox


def test_what_is_put_waits_in_order_until_it_is_removed_over_restarts_too(tmp_path):
    box = Outbox(tmp_path / "new" / "box", 100, print)
    for number in range(5):
        box.put(b"%d" % number)
    first, second, *_ = box.peek(0, 10)
    box.remove([first.place, second.place])
    assert len(box) == 3
    box.close()
    box = Outbox(tmp_path / "new" / "box", 100, print)
    assert [each.payload for each in box.peek(0, 10)] == [b"2", b"3", b"4"]
    assert [each.payload for each in box.peek(box.peek(0, 1)[0].place, 1)] == [b"3"]
    box.close()


def test_a_full_outbox_drops_the_oldest_and_reports_it(tmp_path):
    said = []
    box = Outbox(tmp_path / "box", 10, said.append)
    for number in range(15):
        box.put(b"%d" % number)
    assert [each.payload for each in box.peek(0, 100)] == [b"%d" % n for n in range(5, 15)]
    assert box.dropped == 5
    assert len(said) == 1
    assert "full with 10 readings: each new one replaces the oldest" in said[0]
    with pytest.raises(OutputError, match="5 waiting readings are lost"):
        box.close()


def test_two_processes_do_not_share_an_outbox(tmp_path):
    box = Outbox(tmp_path / "box", 10, print)
    with pytest.raises(OutputError, match="another process is using it"):
        Outbox(tmp_path / "box", 10, print)
    box.close()


def test_a_damaged_outbox_is_one_clear_line(tmp_path):
    (tmp_path / "box").write_bytes(b"no database " * 1000)
    with pytest.raises(OutputError, match="move it away"):
        Outbox(tmp_path / "box", 10, print)


def test_an_outbox_serves_threads(tmp_path):
    box, found = Outbox(tmp_path / "box", 1000, print), []

    def take():
        while len(found) < 200:
            waiting = box.peek(0, 7)
            found.extend(each.payload for each in waiting)
            box.remove([each.place for each in waiting])

    taker = threading.Thread(target=take)
    taker.start()
    for number in range(200):
        box.put(b"%d" % number)
    taker.join(30)
    assert found == [b"%d" % n for n in range(200)]
    box.close()


FULL_DISK = """
import os, resource, signal, sys, time
from pathlib import Path
from edge_runtime.sinks.outbox import MEMORY, Outbox
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = []
box = Outbox(Path(sys.argv[1]), 1_000_000, said.append)
box.put(b"x" * 1000)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, most))  # no file grows beyond
for number in range(MEMORY + 200):
    box.put(b"%d " % number + b"x" * 1000)
waiting = box.peek(0, 100_000)
box.remove([waiting[0].place])  # the disk cannot take it out either
assert len(box) == len(waiting) - 1 == len(box.peek(0, 100_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
time.sleep(1.1)  # it does not try all the time
box.put(b"last")
print(len(box), box.dropped, sep="\\n")
print(*said, sep="\\n")
sys.stdout.flush()
os._exit(0)  # as a kill would
"""


def test_a_full_disk_costs_no_reading_that_memory_has_room_for(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "box")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    count, dropped, full, again = done.stdout.splitlines()
    assert int(count) + int(dropped) == MEMORY + 200 + 1
    assert 0 < int(dropped) < 200
    assert "readings wait in memory" in full
    assert f"can be written again and contains the readings from memory; {dropped} were lost" in again
    box = Outbox(tmp_path / "box", 1_000_000, print)
    numbers = [each.payload.split()[0] for each in box.peek(0, 10_000)]
    assert len(numbers) == int(count)
    assert numbers[-2:] == [b"%d" % (MEMORY + 199), b"last"]
    box.close()
