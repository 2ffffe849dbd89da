"""Rules of a meter with a simulated clock: outliers, rollovers, outages, replaced meters, restarts."""

import json
import stat
import time

import cv2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime import Classifier, Reader
from edge_runtime.common.fake_files import FakeDisk
from edge_runtime.sources.fake import Fake, parse_plan
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Frame
from edge_runtime.watch.frames import FrameReader
from edge_runtime.watch.meter import LastReading, MeterRules
from edge_runtime.watch.meter_state import MeterState
from edge_runtime.watch.votes import AGREE, DOUBT, PATIENCE, UNSTEADY, Votes

STABLE = 2
SMALL = "width=320,height=240,size=40"
FPS = 10


class Meter:
    """Passes texts to Votes, FPS per second, and keeps the events."""

    def __init__(self, last=None, **rules):
        self.votes, self.now, self.events = Votes(STABLE, MeterRules(**rules), last), 1000.0, []

    def show(self, text, frames=STABLE):
        for _ in range(frames):
            self.now += 1 / FPS
            if event := self.votes.take(text, self.now):
                self.events.append((event.value, self.votes.text))
        return self

    def wait(self, seconds):
        self.now += seconds
        return self


# One reading that is too high


def test_a_value_that_stands_much_longer_replaces_an_outlier():
    meter = Meter(only_upward=True).show("12345").show("72345").show("12346", PATIENCE * STABLE - 1)
    assert meter.events == [("stable", "12345"), ("changed", "72345")]
    assert (meter.votes.refused, meter.votes.problem) == (1, "less than 72345")
    meter.show("12346", 1)
    assert meter.events[2:] == [("corrected", "12346")]
    assert meter.votes.problem == ""
    assert meter.show("12347").show("12346").events[3:] == [("changed", "12347")], "the rule holds as before"


def test_values_that_follow_from_one_another_replace_an_outlier():
    meter = Meter(only_upward=True).show("12345").show("72345")
    for number in range(AGREE - 1):
        meter.show(f"1234{6 + number}", 3)
    assert meter.events[2:] == []
    assert meter.show("12349").events[2:] == [("corrected", "12349")]


@pytest.mark.parametrize("shown", [["02345", "12045", "01345"], ["02345", "02345", "02345"]])
def test_values_that_do_not_follow_from_one_another_replace_nothing(shown):
    meter = Meter(only_upward=True, largest_step=5).show("12345")
    for text in shown * 2:
        meter.show(text, 3).show("12345", 3)
    assert meter.events == [("stable", "12345")]


def test_a_value_that_is_read_in_most_frames_stands_though_others_come_between():
    meter = Meter(only_upward=True).show("12345").show("72345")
    for _ in range(PATIENCE * STABLE):
        meter.show("12346", 3).show("12340", 1)
    assert meter.events[2:] == [("corrected", "12346")]


@pytest.mark.parametrize(
    "shown",
    [
        ["12346", "12347"],  # a digit that is half way from 6 to 7
        ["02346", "02341", "02348"],
        ["12347", "12346", "02349", "12345"],
    ],
)
def test_values_that_alternate_replace_an_outlier_in_the_end(shown):
    meter = Meter(only_upward=True, digits=5).show("12345").show("72345")
    for _ in range(DOUBT):
        for text in shown:
            meter.show(text)
    assert meter.events[2][0] == "corrected"
    assert meter.events[2][1] in shown


def test_values_that_alternate_replace_nothing_that_is_shown_as_often():
    meter = Meter(only_upward=True, largest_step=5).show("12345")
    for _ in range(DOUBT):
        meter.show("02346").show("12345", 1).show("02341").show("12345", 3)
    assert meter.events == [("stable", "12345")]


@pytest.mark.parametrize("step", [0, 1])
def test_a_meter_that_is_lit_for_moments_replaces_an_outlier(step):
    meter = Meter(only_upward=True).show("12345").show("72345").show("", 10 * STABLE)
    for number in range(PATIENCE):
        meter.show(f"{12346 + step * number}").show("", 10 * STABLE)
    assert "corrected" in [event for event, _ in meter.events]


def test_a_text_that_is_never_stable_is_a_problem():
    meter = Meter(digits=5).show("12345")
    for number in range(UNSTEADY * STABLE):
        assert meter.votes.problem == ""
        meter.show(f"{12346 + number}", 1)
    assert "no text is stable" in meter.votes.problem
    assert meter.votes.refused == 1
    assert meter.show("12399").votes.problem == ""


def test_a_value_that_is_read_in_few_frames_never_stands():
    meter = Meter(only_upward=True).show("12345")
    for _ in range(300):
        meter.show("02345", 2).show("12345", 3)
    assert meter.events == [("stable", "12345")]


def test_skipped_frames_do_not_reset_the_votes():
    meter = Meter(only_upward=True).show("12345").show("72345")
    for _ in range(PATIENCE):
        meter.show("12346", STABLE)
        meter.votes.skip_frame()
    assert meter.events[2:] == [("corrected", "12346")]


def test_a_wrong_number_of_digits_is_always_refused():
    meter = Meter(only_upward=True, digits=5).show("12345").show("1234", 1000)
    assert meter.events == [("stable", "12345")]
    assert meter.votes.problem == "4 digits, not 5"


TEXTS = st.sampled_from(["", "000", "001", "123", "124", "499", "998", "999", "12"])


@settings(max_examples=150, deadline=None)
@given(
    before=st.lists(st.tuples(TEXTS, st.integers(1, 30), st.floats(0, 100)), max_size=12),
    text=TEXTS,
    digits=st.sampled_from([None, 3]),
    only_upward=st.booleans(),
    step=st.sampled_from([None, 0, 5]),
)
def test_no_history_prevents_a_meter_from_being_read(before, text, digits, only_upward, step):
    meter = Meter(digits=digits, only_upward=only_upward, largest_step=step)
    for shown, frames, pause in before:
        meter.show(shown, frames).wait(pause)
    meter.show(text, (PATIENCE + 1) * STABLE)
    assert meter.votes.text == text or (digits and text and len(text) != digits)


# Rollovers, outages, another meter


@pytest.mark.parametrize(
    ("rules", "before", "after", "reads"),
    [
        ({"digits": 5, "only_upward": True}, "99999", "00000", True),
        ({"digits": 5, "only_upward": True}, "99990", "00003", True),
        ({"digits": 5, "only_upward": True}, "99000", "01000", False),
        ({"digits": 5, "only_upward": True}, "00003", "99990", False),
        ({"digits": 5, "only_upward": True, "largest_step": 20}, "99990", "00003", True),
        ({"digits": 5, "only_upward": True, "largest_step": 12}, "99990", "00003", False),
        ({"digits": 5, "largest_step": 20}, "00003", "99990", True),
        ({"digits": 1, "only_upward": True}, "9", "0", True),
        ({"digits": 2, "only_upward": True}, "99", "01", False),
        ({"digits": 4, "only_upward": True}, "99\n99", "00\n01", True),
        ({"only_upward": True}, "99999", "00000", False),
        ({"only_upward": True}, "9" * 101, "9" * 101, False),
        ({"only_upward": True}, "9" * 10_000, "9" * 10_000, False),
    ],
)
def test_a_rollover_is_a_step_where_the_number_of_digits_is_known(rules, before, after, reads):
    meter = Meter(**rules).show(before).show(after)
    assert (("changed", after) in meter.events) == reads
    assert bool(meter.votes.problem) != reads


def test_the_largest_step_grows_while_the_meter_is_not_seen():
    meter = Meter(largest_step=10).show("100").show("110").show("121")
    assert meter.events == [("stable", "100"), ("changed", "110")]
    assert meter.votes.problem == "11 from 110, and at most 10 are accepted"
    assert meter.show("110").wait(60).show("130").events[2:] == [("changed", "130")]
    assert meter.wait(30).show("146").events[3:] == []
    assert meter.show("145").events[3:] == [("changed", "145")]
    meter.show("145", 3600 * FPS)  # an hour in which it stands still and is seen
    assert meter.show("160").events[4:] == []
    assert Meter(largest_step=10).show("100").wait(-500).show("111").events == [("stable", "100")], "no clock goes back"


def test_a_new_meter_is_accepted_when_it_is_asked_for():
    meter = Meter(only_upward=True, largest_step=5).show("98765").show("00012", 5)
    assert meter.events == [("stable", "98765")]
    meter.votes.accept()
    assert meter.show("00012", 1).events[1:] == [("changed", "00012")]
    assert meter.show("00010").show("00013").events[2:] == [("changed", "00013")], "once"


def test_accept_changes_nothing_while_readings_are_accepted():
    meter = Meter(only_upward=True).show("500")
    meter.votes.accept()
    assert meter.show("500", 1).show("400").events == [("stable", "500")]


# With an unchanged image


@pytest.fixture(scope="module")
def reader():
    return Reader(Classifier())


def watch(reader, plan, seconds, act=lambda watch, at: None, **options):
    """Process the images of a fake camera, FPS frames per second, without waiting."""
    fake, found, readings = Fake(parse_plan(plan)), FrameReader(reader, "fake", **options), []
    for number in range(round(seconds * FPS)):
        at = fake.started + number / FPS
        act(found, number / FPS)
        seen = found.process(Frame(fake.image(at, number), at, number))
        if seen.reading:
            readings.append((seen.reading.event.value, seen.reading.text, round(number / FPS), seen.reading.confidence))
    return found, readings


def test_a_page_that_does_not_change_and_is_not_read_all_the_time_is_corrected_as_soon(reader):
    problems = []

    def act(watch, at):
        problems.append(watch.votes.problem)

    found, readings = watch(reader, f"digits=638|207,change=8,{SMALL}", 15.9, act, rules=MeterRules(only_upward=True))
    assert [each[:2] for each in readings] == [("stable", "638"), ("corrected", "207")]
    assert "less than 638" in problems
    assert 8 + 4.5 <= readings[1][2] <= 8 + 6, "50 frames, of which some 15 were read"
    assert readings[1][3] > 0.8
    assert found.statistics.read < 35


def test_a_page_that_does_not_change_is_accepted_when_it_is_asked_for(reader):
    def act(watch, at):
        if at == 5:
            watch.accept()

    _, readings = watch(reader, f"digits=638|207,change=3,{SMALL}", 5.9, act, rules=MeterRules(only_upward=True))
    assert [each[:3] for each in readings] == [("stable", "638", 0), ("changed", "207", 5)]


# After a restart


def test_the_last_reading_is_kept_in_a_file(tmp_path):
    said, path = [], tmp_path / "new" / "meter.json"
    memory = MeterState(path, said.append)
    assert memory.load() is None
    memory.save(LastReading("01\n34", time.monotonic() - 100))
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0
    found = MeterState(path, said.append).load()
    assert found.text == "01\n34"
    assert 99 < time.monotonic() - found.time < 130
    assert [each.name for each in path.parent.iterdir()] == ["meter.json"]
    assert said == []


def test_a_lower_value_is_refused_after_a_restart_too():
    meter = Meter(LastReading("500", 1000.0), only_upward=True).show("400", 5)
    assert meter.events == []
    assert meter.votes.problem == "less than 500"
    assert meter.show("501").events == [("stable", "501")]
    assert Meter(LastReading("500", 1000.0), digits=4, only_upward=True).show("0400").events == [("stable", "0400")]
    assert Meter(LastReading("500", 0.0), largest_step=1).show("510").events == [("stable", "510")], (
        "it was off for long"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"text": "1"}',
        b'{"text": 1, "seen": 1}',
        b'{"text": "1a", "seen": 1}',
        b'{"text": "", "seen": 1}',
        '{"text": "١", "seen": 1}'.encode(),
        b'{"text": "1", "seen": "x"}',
        b'{"text": "1", "seen": NaN}',
        b'{"text": "1", "seen": 1e999}',
        b'{"text": "' + b"1" * 1000 + b'", "seen": 1}',
        b"[" * 4000,
        b"x" * 5000,
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_reported_and_ignored(tmp_path, data):
    said = []
    (tmp_path / "meter.json").write_bytes(data)
    memory = MeterState(tmp_path / "meter.json", said.append)
    assert memory.load() is None
    assert len(said) == 1
    assert said[0].endswith("; the next reading counts as the first one")
    memory.save(LastReading("7", 0.0))
    assert memory.load().text == "7"


def test_a_full_disk_is_reported_once_and_the_file_stays_complete(tmp_path):
    said, disk = [], FakeDisk()
    memory = MeterState(tmp_path / "meter.json", said.append, disk)
    memory.save(LastReading("1", 0.0))
    for fault in ({"room": 10}, {"room": None, "read_only": True}):
        vars(disk).update(fault)
        memory.save(LastReading("2", 0.0))
        assert memory.load().text == "1"
    assert len(said) == 1
    disk.read_only = False
    memory.save(LastReading("3", 0.0))
    assert memory.load().text == "3"
    assert [each.name for each in tmp_path.iterdir()] == ["meter.json"]


def test_a_watch_that_starts_again_knows_the_last_reading(run_here, tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    quick = ("--stable", 2, "--backend", "litert", "--only-upward", "--json")

    def readings(digits, seconds, *options):
        done = run_here("watch", f"fake:digits={digits},fps=20,{SMALL}", "--seconds", seconds, *quick, *options)
        lines = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
        return [(line["event"], line["text"]) for line in lines], done.stderr

    assert readings("456", 0.7)[0] == [("stable", "456")]
    (kept,) = (tmp_path / "state").glob("meter-*.json")
    assert json.loads(kept.read_bytes())["text"] == "456"
    found, said = readings("123", 0.7)
    assert found == []
    assert "no reading: less than 456" in said
    assert readings("123", 2.5)[0] == [("corrected", "123")], "20 frames at 20 a second"
    assert readings("007", 0.7, "--state", tmp_path / "mine")[0] == [("stable", "007")]
    assert json.loads((tmp_path / "mine").read_bytes())["text"] == "007"


def test_a_file_is_read_from_its_beginning_and_remembers_nothing_unless_it_is_asked_to(run_here, tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "film").mkdir()
    for number, digits in enumerate(["123"] * 3 + ["456"] * 4):
        page = draw_page([digits], (320, 240), 50, 3).image
        cv2.imwrite(str(tmp_path / "film" / f"{number}.png"), page)
    command = ("watch", "film", "--only-upward", "--stable", 2, "--backend", "litert")
    for _ in range(2):
        assert "stable  123" in run_here(*command).stdout
    assert not (tmp_path / "state").exists()
    run_here(*command, "--state", "mine")
    assert "less than 456" in run_here(*command, "--state", "mine").stderr
