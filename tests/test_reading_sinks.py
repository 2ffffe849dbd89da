"""The files that a watch writes its readings to: what is in them, after rotation, kills and full disks, too."""

import contextlib
import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_runtime.errors import EdgeDigitsError, MissingLibraryError, OutputError, UsageError
from edge_runtime.files import Files
from edge_runtime.sinks.readings.csv import CsvSink
from edge_runtime.sinks.readings.jsonl import JsonLinesSink
from edge_runtime.sinks.readings.outbox import MEMORY, Outbox
from edge_runtime.sinks.readings.sinks import Sinks
from edge_runtime.sinks.readings.targets import Settings, open_sink
from edge_runtime.types import Event, Reading
from tests.conftest import ROOT

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))
KILLS = 200 if LONG else 4
FILES = ("jsonl", "csv", "sqlite")


def reading(number, text="12345", event=Event.CHANGED, source="fake:"):
    return Reading(f"id-{number}", event, text, 0.98765, 1_700_000_000.25 + number, 0.0312, source, 10 * number)


def read(kind, path):
    """The rows of a file, as dictionaries of what the kind has for each value."""
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if kind == "csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    with sqlite3.connect(path) as connection:
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
    assert [list(row) for row in rows] == [["id", "event", "text", "confidence", "time", "age", "source", "frame"]] * 4
    assert [row["id"] for row in rows] == ["id-1", "id-2", "id-3", "id-4"]
    assert [row["event"] for row in rows] == ["stable", "changed", "gone", "changed"]
    assert [row["text"] for row in rows] == ["12345", "12 7" if kind == "csv" else "12\n7", "", "12345"]
    assert {float(row["confidence"]) for row in rows} == {0.9877}
    assert {float(row["age"]) for row in rows} == {0.031}
    assert rows[0]["time"] == "2023-11-14T22:13:21.250Z"
    assert int(rows[1]["frame"]) == 20
    assert rows[3]["source"] == ("'" if kind == "csv" else "") + '=cmd|x,\n"'  # no spreadsheet runs it


def test_people_get_a_line_each(capsys):
    write("stdout", [reading(1), reading(2, "12\n7"), reading(3, "", Event.GONE)])
    first, second, third = (line.split() for line in capsys.readouterr().out.splitlines())
    assert first[1:] == ["changed", "12345", "98.8%", "31", "ms", "old"]
    assert second[2:6] == ["12", "/", "7", "98.8%"]
    assert third[1:3] == ["gone", "-"]


def test_programs_get_json_on_standard_output(capsys):
    write("stdout", [reading(1)], Settings(as_json=True))
    assert json.loads(capsys.readouterr().out)["id"] == "id-1"


def test_a_reading_that_comes_again_is_one_row(tmp_path):
    path = tmp_path / "readings.sqlite"
    write(f"sqlite:{path}", [reading(1), reading(1), reading(2)])
    assert len(read("sqlite", path)) == 2


def test_json_lines_are_rotated_by_size_and_the_oldest_goes(tmp_path):
    path = tmp_path / "readings.jsonl"
    settings = Settings(jsonl_bytes=1000, jsonl_keep=3)
    for start in (0, 20):  # a second watch goes on with the rotation
        write(f"jsonl:{path}", [reading(n) for n in range(start, start + 20)], settings)
    names = ["readings.jsonl.3", "readings.jsonl.2", "readings.jsonl.1", "readings.jsonl"]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert all((tmp_path / name).stat().st_size <= 1000 for name in names)
    kept = [row["id"] for name in names for row in read("jsonl", tmp_path / name)]
    assert kept == [f"id-{n}" for n in range(40 - len(kept), 40)]
    assert len(kept) > 15


def test_rotation_may_keep_nothing(tmp_path):
    write(f"jsonl:{tmp_path / 'r.jsonl'}", map(reading, range(20)), Settings(jsonl_bytes=500, jsonl_keep=0))
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
        ("", "there are stdout, jsonl:FILE"),
        ("printer", "no sink 'printer'; there are stdout, jsonl:FILE"),
        ("jsonl", "needs a file's name"),
        ("csv:", "needs a file's name"),
        ("sqlite:missing/r.sqlite", "name a file in a folder that is there"),
        ("jsonl:/tmp", "is a folder"),
        ("mqtt://", "it looks like mqtt://[USER@]HOST[:PORT]/TOPIC"),
        ("mqtt:broker/topic", "it looks like"),
        ("mqtt://broker", "has no topic"),
        ("mqtt://broker/", "has no topic"),
        ("mqtt://broker/a/#", "has no topic"),
        ("mqtt://broker/a#b", "it looks like"),
        ("mqtt://broker/a%23", "has no topic"),
        ("mqtt://broker/a+b", "has no topic"),
        ("mqtt://broker/$SYS/x", "has no topic"),
        ("mqtt://broker:99999/t", "no valid host and port"),
        ("mqtt://broker:0/t", "it looks like"),
        ("mqtt://[::1/t", "no valid host and port"),
        ("mqtt://:secret@broker/t", "a password and no user"),
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
    monkeypatch.delitem(sys.modules, "edge_runtime.sinks.readings.mqtt", raising=False)
    with pytest.raises(MissingLibraryError, match="pip install paho-mqtt, or the extra edge-digits"):
        open_sink("mqtt://127.0.0.1/t")


def test_no_password_is_told_wherever_an_address_is_wrong():
    for bad in ("mqtt://me:sec/ret@host/t?x", "mqtt://me:sec#ret@host:x/t", "mqtts://me:s:ecret@[::1/t"):
        with pytest.raises(UsageError) as caught:
            open_sink(bad)
        for part in ("sec", "ret", "me"):
            assert part not in str(caught.value).partition(": it looks")[0].partition("'")[2].partition("'")[0]


@pytest.mark.parametrize("kind", FILES)
def test_another_ones_file_is_left_as_it_is(tmp_path, kind):
    path = tmp_path / "notes"
    path.write_bytes(b"my notes, and no line's end")
    with pytest.raises(OutputError) as caught:
        open_sink(f"{kind}:{path}")
    assert "name another file" in str(caught.value) or "no SQLite file" in str(caught.value)
    assert path.read_bytes() == b"my notes, and no line's end"


def test_another_table_is_left_as_it_is(tmp_path):
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
    with pytest.raises(OutputError, match="no regular file"):
        open_sink(f"{kind}:{tmp_path / 'pipe'}")


# Kills and disks that fail

WRITER = """
import sys
from edge_runtime.sinks.readings.targets import Settings, open_sink
from edge_runtime.types import Event, Reading
kind, path, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
sink = open_sink(f"{kind}:{path}", Settings(jsonl_bytes=20_000, jsonl_keep=1000))
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
    open_sink(f"{kind}:{path}", Settings(jsonl_bytes=20_000)).close()  # takes off what a kill cut short
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


class FullDisk(Files):
    """The system's files on a disk that has room for so many bytes more, and takes half a line of what is too much."""

    def __init__(self, room):
        self.room = room

    def write(self, handle, data):
        if len(data) > self.room:
            super().write(handle, data[: len(data) // 2])
            raise OSError(28, os.strerror(28))
        self.room -= len(data)
        super().write(handle, data)


@pytest.mark.parametrize("kind", [JsonLinesSink, CsvSink])
def test_a_full_disk_leaves_whole_lines_and_goes_on_when_there_is_room(tmp_path, kind):
    path, disk = tmp_path / "r", FullDisk(400)
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
    sinks = Sinks([f"sqlite:{tmp_path / 'a'}", f"jsonl:{tmp_path / 'b'}"], Settings(say=said.append))
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
        sinks = Sinks(["stdout", f"jsonl:{tmp_path / 'b'}"])
        with pytest.raises(BrokenPipeError):
            sinks.write(reading(1))
        with pytest.raises(BrokenPipeError):
            sinks.close()
        monkeypatch.undo()
        with contextlib.suppress(BrokenPipeError):
            gone.close()
    assert [row["id"] for row in read("jsonl", tmp_path / "b")] == ["id-1"]
    open_sink(f"jsonl:{tmp_path / 'b'}").close()  # its lock is free


def test_if_one_cannot_be_opened_none_stays_open(tmp_path):
    with pytest.raises(EdgeDigitsError):
        Sinks([f"jsonl:{tmp_path / 'a'}", "printer"])
    open_sink(f"jsonl:{tmp_path / 'a'}").close()  # its lock is free
    with pytest.raises(UsageError, match="named twice"):
        Sinks([f"csv:{tmp_path / 'a'}", f"csv:{tmp_path / 'a'}"])


# The outbox


def test_what_is_put_waits_in_order_until_it_is_removed_over_restarts_too(tmp_path):
    box = Outbox(tmp_path / "new" / "box", 100, print)
    for number in range(5):
        box.put(b"%d" % number)
    first, second, *_ = box.waiting(0, 10)
    box.remove([first.place, second.place])
    assert len(box) == 3
    box.close()
    box = Outbox(tmp_path / "new" / "box", 100, print)
    assert [each.payload for each in box.waiting(0, 10)] == [b"2", b"3", b"4"]
    assert [each.payload for each in box.waiting(box.waiting(0, 1)[0].place, 1)] == [b"3"]
    box.close()


def test_a_full_outbox_gives_up_the_oldest_and_says_so(tmp_path):
    said = []
    box = Outbox(tmp_path / "box", 10, said.append)
    for number in range(15):
        box.put(b"%d" % number)
    assert [each.payload for each in box.waiting(0, 100)] == [b"%d" % n for n in range(5, 15)]
    assert box.dropped == 5
    assert len(said) == 1
    assert "full with 10 readings: each new one takes the place of the oldest" in said[0]
    with pytest.raises(OutputError, match="5 readings that waited are lost"):
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
            waiting = box.waiting(0, 7)
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
import resource, signal, sys, time
from pathlib import Path
from edge_runtime.sinks.readings.outbox import MEMORY, Outbox
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = []
box = Outbox(Path(sys.argv[1]), 1_000_000, said.append)
box.put(b"x" * 1000)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, most))  # no file grows beyond
for number in range(MEMORY + 200):
    box.put(b"%d " % number + b"x" * 1000)
waiting = box.waiting(0, 100_000)
box.remove([waiting[0].place])  # the disk cannot take it out either
assert len(box) == len(waiting) - 1 == len(box.waiting(0, 100_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
time.sleep(1.1)  # it does not try all the time
box.put(b"last")
print(len(box), box.dropped, sep="\\n")
print(*said, sep="\\n")
box._connection.close()  # as a kill would
"""


def test_a_full_disk_costs_no_reading_that_memory_has_room_for(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "box")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    count, dropped, full, again = done.stdout.splitlines()
    assert int(count) + int(dropped) == MEMORY + 200 + 1
    assert 0 < int(dropped) < 200
    assert "readings wait in memory" in full
    assert f"can be written again, and holds what waited in memory; {dropped} were lost" in again
    box = Outbox(tmp_path / "box", 1_000_000, print)
    numbers = [each.payload.split()[0] for each in box.waiting(0, 10_000)]
    assert len(numbers) == int(count)
    assert numbers[-2:] == [b"%d" % (MEMORY + 199), b"last"]
    box.close()
