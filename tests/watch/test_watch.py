"""Watching: events of frames with a simulated clock, and the command."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.sinks.record import COLUMNS
from edge_runtime.sources.fake import Fake, parse_plan
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Event, Frame, Status
from edge_runtime.watch.frames import FrameReader
from edge_runtime.watch.meter import MeterRules
from edge_runtime.watch.votes import Votes
from tests.conftest import ROOT

FPS = 10


@pytest.fixture(scope="module")
def reader():
    return Reader(Classifier())


def play(reader, plan, seconds, **options):
    """Process the images of a fake camera without waiting; returns the frame reader and the readings."""
    fake, watch, readings = Fake(parse_plan(plan)), FrameReader(reader, "fake", **options), []
    for number in range(round(seconds * FPS)):
        at = fake.started + number / FPS
        seen = watch.process(Frame(fake.image(at, number), at, number))
        if seen.reading:
            readings.append(seen.reading)
    return watch, readings


def events(readings):
    return [(reading.event.value, reading.text) for reading in readings]


def test_a_stable_text_is_a_reading(reader):
    _, (reading,) = play(reader, "digits=20746,move=10", 1.5)
    assert (reading.event, reading.text, reading.source, reading.frame) == (Event.STABLE, "20746", "fake", 4)
    assert 0.9 < reading.confidence <= 1
    assert abs(reading.time + reading.age - time.time()) < 60


def test_readings_change_and_go(reader):
    _, readings = play(reader, "digits=20746|20747|,change=1", 4)
    told = [("stable", "20746"), ("changed", "20747"), ("gone", ""), ("stable", "20746")]
    assert events(readings) == told
    assert len({reading.id for reading in readings}) == 4
    for reading, shown in zip(readings, (0, 10, 20, 30), strict=True):
        assert 4 <= reading.frame - shown <= 6
    assert readings[2].confidence == 0


@pytest.mark.parametrize("stable", [1, 3, 12])
def test_the_number_of_stable_frames_can_be_set(reader, stable):
    _, readings = play(reader, "digits=63058", 1.5, stable=stable)
    assert [reading.frame for reading in readings] == [stable - 1]


@pytest.mark.parametrize("look", ["", ",noise=10", ",light=0.8", ",move=30"])
def test_a_page_without_digits_gives_no_reading_and_is_not_read(reader, look):
    watch, readings = play(reader, f"digits={look}", 4)
    assert readings == []
    assert watch.statistics.read == 0


def test_darkness_shows_nothing_and_light_brings_the_reading_back(reader):
    _, readings = play(reader, "digits=20746,fault=black@1+1", 3)
    assert events(readings) == [("stable", "20746"), ("gone", ""), ("stable", "20746")]


@pytest.mark.long("watches many films")
@pytest.mark.parametrize("move", [0, 10])
def test_a_hand_on_the_page_gives_no_false_reading(reader, move):
    _, readings = play(reader, f"digits=20746,move={move},fault=hand@1+2", 3.8)
    assert events(readings) == [("stable", "20746")]


def test_a_hand_on_an_empty_page_gives_no_reading(reader):
    watch, readings = play(reader, "digits=,fault=hand@0.5+2", 3)
    assert readings == []
    assert watch.statistics.read > 5, "it was looked at"


def test_a_hand_that_rests_hides_digits_and_changes_none(reader):
    _, readings = play(reader, "digits=20746,fault=hand@1+30", 18)
    assert events(readings) == [("stable", "20746")]


def test_an_object_that_covers_digits_does_not_keep_a_reading_forever(reader):
    fake, watch, readings = Fake(parse_plan("digits=20746,noise=0")), FrameReader(reader, "film"), []
    whole = fake.image(fake.started, 0)
    empty = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((61, 61), np.uint8))
    page = reader.read(whole, "page")
    (left, top, *_), last = page.digits[0].box, page.digits[2].box
    empty[top - 20 : top + 90, left - 20 : last.x + last.width + 20] = 60
    for number in range(300):  # a minute
        seen = watch.process(Frame(whole if number < 8 else empty, number / 5, number))
        readings += [seen.reading] if seen.reading else []
    assert events(readings) == [("stable", "20746"), ("gone", "")]


def test_light_that_comes_and_goes_changes_no_reading(reader):
    _, readings = play(reader, "digits=63058,light=0.7", 4)
    assert events(readings) == [("stable", "63058")]


def test_an_unchanged_page_is_read_as_often_as_it_takes_and_no_more(reader):
    watch, _ = play(reader, "digits=20746", 30)
    assert watch.statistics.frames == 300
    assert 5 <= watch.statistics.read <= 15, "ten times at first, and once in ten seconds"


def test_one_digit_that_becomes_another_is_a_change(reader):
    plan = "digits=20746|20745,change=3,size=24,width=1280,height=960"  # small in a large picture
    _, readings = play(reader, plan, 4.5)
    assert events(readings) == [("stable", "20746"), ("changed", "20745")]


def test_frames_of_any_size_may_come(reader):
    watch = FrameReader(reader, "film")
    sizes = [(640, 480), (641, 480), (1, 1), (3, 900), (320, 240), (639, 481), (2, 2), (640, 480)]
    random = np.random.default_rng(1)
    for number, (width, height) in enumerate(sizes):
        picture = random.integers(0, 256, (height, width)).astype(np.uint8) // 64 + 150
        assert watch.process(Frame(picture, number / FPS, number)).reading is None


def moved(picture, x):
    """An image shifted to the right, with its left edge repeated."""
    shift = np.float32([[1, 0, x], [0, 1, 0]])
    return cv2.warpAffine(picture, shift, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def test_a_page_that_is_drawn_in_slowly_is_read_when_all_of_it_is_there(reader):
    fake, watch, readings = Fake(parse_plan("digits=20746,noise=0")), FrameReader(reader, "film"), []
    whole = fake.image(fake.started, 0)
    for number, x in enumerate([*range(-400, 0, 16), *[0] * 10]):
        seen = watch.process(Frame(moved(whole, x), number / FPS, number))
        readings += [seen.reading] if seen.reading else []
    assert events(readings) == [("stable", "20746")]


def test_frames_that_are_misread_are_outvoted():
    class Flickering(Reader):
        frames = 0

        def decide(self, found):
            self.frames += 1
            page = super().decide(found)
            if self.frames % 3 or not page.digits:
                return page
            wrong = page.digits[2]._replace(label=(page.digits[2].label + 1) % 10, confidence=0.8)
            shares = np.roll(wrong.probabilities, 1) * 0.8
            return page._replace(
                digits=(*page.digits[:2], wrong._replace(probabilities=tuple(shares)), *page.digits[3:])
            )

    _, readings = play(Flickering(Classifier()), "digits=20746,move=10", 3)
    assert events(readings) == [("stable", "20746")]


def test_a_text_with_an_ambiguous_digit_is_no_reading():
    class Doubting(Reader):
        def decide(self, found):
            page = super().decide(found)
            if not page.digits:
                return page
            unclear = page.digits[2]._replace(status=Status.REJECTED, reason="low-confidence", confidence=0.5)
            return page._replace(digits=(*page.digits[:2], unclear, *page.digits[3:]))

    watch, readings = play(Doubting(Classifier()), "digits=20746,move=10", 3)
    assert readings == []
    assert watch.votes.problem == "ambiguous digit in the row: improve the light, or exclude it with --roi"


@pytest.mark.parametrize("side", ["right", "left", "top", "bottom"])
def test_a_digit_at_the_edge_of_the_region_is_reported(reader, side):
    fake = Fake(parse_plan("digits=20746"))
    boxes = [digit.box for digit in reader.read(fake.image(fake.started, 0), "page").digits]
    part = {
        "right": np.s_[:, : boxes[-1].x + boxes[-1].width // 2],
        "left": np.s_[:, boxes[0].x + boxes[0].width // 2 :],
        "top": np.s_[min(box.y for box in boxes) + 5 :],
        "bottom": np.s_[: max(box.y + box.height for box in boxes) - 5],
    }[side]
    watch = FrameReader(reader, "fake")
    for number in range(20):
        picture = np.ascontiguousarray(fake.image(fake.started, number)[part])
        assert watch.process(Frame(picture, number / FPS, number)).reading is None
    # Half of a digit may be read as one or not.
    assert " touches the edge of the image: make --roi larger, or move the camera" in watch.votes.problem
    assert watch.votes.refused == 1


@pytest.mark.long("watches many films")
@pytest.mark.parametrize(
    ("side", "share"),
    [(side, share) for side in ("right", "left") for share in (0.3, 0.4, 0.5, 0.6, 0.75, 0.9)],
)
@pytest.mark.parametrize("text", ["12345", "50217"])
def test_a_digit_cut_off_by_the_region_is_detected(reader, text, side, share):
    page = draw_page([text], (640, 300), 70, 4)
    boxes = [digit.box for digit in reader.read(page.image, "page").digits]
    last, first = boxes[-1], boxes[0]
    part = {
        "right": np.s_[:, : int(last.x + share * last.width)],
        "left": np.s_[:, int(first.x + first.width - share * first.width) :],
    }[side]
    gray = cv2.cvtColor(page.image, cv2.COLOR_BGR2GRAY)[part]
    watch = FrameReader(reader, "fake")
    for number in range(20):
        assert watch.process(Frame(np.ascontiguousarray(gray), number / FPS, number)).reading is None
    assert "touches the edge of the image" in watch.votes.problem


def test_other_marks_at_the_edge_are_no_digits(reader):
    page = draw_page(["12345"], (640, 300), 70, 4)
    last = reader.read(page.image, "page").digits[-1].box
    gray = np.ascontiguousarray(cv2.cvtColor(page.image, cv2.COLOR_BGR2GRAY)[:, : last.x + last.width // 2])
    watch = FrameReader(reader, "fake", rules=MeterRules(digits=4))
    readings = [watch.process(Frame(gray, number / FPS, number)).reading for number in range(20)]
    assert [reading.text for reading in readings if reading] == ["1234"]


def take(votes, texts):
    return [event.value for text in texts if (event := votes.take(text))]


def test_flicker_is_no_change():
    votes = Votes(3)
    assert take(votes, ["1"] * 3) == ["stable"]
    assert take(votes, ["7", "7", "1", "7", "", "7", "1", "", ""]) == []
    assert votes.text == "1"
    votes.skip_frame()
    assert take(votes, ["", ""]) == [], "a frame that says nothing lets what was counted be forgotten"
    assert take(votes, [""]) == ["gone"]


@pytest.mark.parametrize(
    ("rules", "shown", "readings"),
    [
        (MeterRules(), ["005", "3", "12"], ["005", "3", "12"]),
        (MeterRules(digits=3), ["005", "3", "012"], ["005", "012"]),
        (MeterRules(only_upward=True), ["5", "3", "5", "12"], ["5", "12"]),
        (MeterRules(largest_step=3), ["5", "9", "8", "12", "10"], ["5", "8", "10"]),
        (MeterRules(only_upward=True), ["5", "", "3", "6"], ["5", "", "6"]),
        (MeterRules(only_upward=True), ["1\n05", "1\n04", "1\n06"], ["1\n05", "1\n06"]),
    ],
)
def test_a_text_that_breaks_a_rule_is_no_reading(rules, shown, readings):
    votes, told = Votes(2, rules), []
    for text in shown:
        for _ in range(4):
            if votes.take(text):
                told.append(votes.text)
    assert told == readings
    assert votes.refused == len(set(shown) - set(readings))


# The command, where it can be in this process, with a backend that need not be tried in a process of its own.

LITERT = ("--backend", "litert")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A folder of images: a page with digits, and then a blank one."""
    folder = tmp_path_factory.mktemp("film")
    fake = Fake(parse_plan("digits=20746|,change=1"))
    for number in range(20):
        cv2.imwrite(str(folder / f"{number:03d}.png"), fake.image(fake.started + number / 10, number))
    return folder


def test_watch_prints_readings_and_a_summary(run_here, film):
    done = run_here("watch", *LITERT, film)
    lines = done.stdout.splitlines()
    assert [line.split()[1:3] for line in lines] == [["stable", "20746"], ["gone", "-"]]
    summary = done.stderr.splitlines()
    assert summary[0].startswith("20 frames in ")
    assert "0 dropped, 2 readings" in summary[0]
    assert summary[1].startswith("capture to reading: p50 ")
    assert "frames/s" not in done.stderr, "no status line where there is no terminal"


def test_watch_prints_readings_and_a_summary_as_json(run_here, film):
    *readings, last = map(json.loads, run_here("watch", *LITERT, film, "--json").stdout.splitlines())
    assert [reading["event"] for reading in readings] == ["stable", "gone"]
    assert set(readings[0]) == set(COLUMNS)
    assert readings[0]["source"] == str(film)
    summary = last["summary"]
    assert (summary["frames"], summary["readings"], summary["dropped"]) == (20, 2, 0)
    assert set(summary["latency_ms"]) == {"p50", "p90", "p99"}
    assert summary["read"] < 20


def test_watch_shows_a_status_line_on_a_terminal():
    terminal, ours = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "edge_runtime",
        "watch",
        "fake:digits=20746,move=10,fps=10",
        "--seconds",
        "2",
        *LITERT,
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=ours) as process:
        os.close(ours)
        told = b""
        with suppress(OSError):  # the terminal's end
            while more := os.read(terminal, 65536):
                told += more
        assert process.wait() == 0
    os.close(terminal)
    assert re.search(rb"\r[\d.]+ frames/s, [\d,]+ dropped, capture to reading p50 \d+ p90 \d+ p99 \d+ ms  20746", told)


def test_watch_crops_and_rotates_the_image(run_here, film, tmp_path):
    (tmp_path / "turned").mkdir()
    for path in sorted(film.iterdir())[:8]:
        upright = cv2.imread(str(path), 0)
        wide = cv2.copyMakeBorder(upright, 0, 0, 100, 0, cv2.BORDER_CONSTANT, value=(40,))
        cv2.imwrite(str(tmp_path / "turned" / path.name), cv2.rotate(wide, cv2.ROTATE_90_CLOCKWISE))
    done = run_here("watch", *LITERT, "turned", "--rotate", "270", "--roi", "0,100,480,640")
    assert "stable  20746" in done.stdout
    done = run_here("watch", *LITERT, "turned", "--roi", "0,100,481,640", code=2)
    assert (
        done.stderr.splitlines()[-1]
        == "error: the part 0,100,481,640 (--roi) is not within the image, which is 480 x 740"
    )


def test_watch_reports_a_broken_rule(run_here, film):
    done = run_here("watch", *LITERT, film, "--digits", "4")
    assert "stable" not in done.stdout
    assert "warning: no reading: 5 digits, not 4" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["nothing.mp4"], 1, "error: there is no file or folder nothing.mp4"),
        (["camera"], 2, "error: 'camera' is not a source"),
        (["999"], 1, "error: /dev/video999 cannot be opened"),
        (["fake:", "--roi", "1,2,3"], 2, "error: --roi must be X,Y,WIDTH,HEIGHT in pixels or each with %, not '1,2,3'"),
        (["fake:", "--roi", "1,2,0,3"], 2, "error: --roi 1,2,0,3: x and y must be at least 0"),
    ],
)
def test_watch_reports_errors_in_one_line(run_here, arguments, code, line):
    assert line in run_here("watch", *LITERT, *arguments, code=code).stderr


def test_a_source_may_come_from_the_environment(film):
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "watch", *LITERT],
        cwd=ROOT,
        env=os.environ | {"EDGE_DIGITS_SOURCE": str(film)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "20746" in done.stdout


@pytest.mark.parametrize(
    ("number", "code", "fault"),
    [(signal.SIGTERM, 143, ""), (signal.SIGINT, 130, ""), (signal.SIGTERM, 143, ",fault=stall@1+600")],
)
def test_signals_end_a_watch(number, code, fault):
    command = [sys.executable, "-m", "edge_runtime", "watch", f"fake:digits=20746{fault}", "--json", *LITERT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        reading = json.loads(process.stdout.readline())
        if fault:
            time.sleep(1.2)  # now the camera's thread hangs
        process.send_signal(number)
        # The promise is two seconds, one of them for a thread that hangs; this machine may do other things, too.
        out, errors = process.communicate(timeout=10)
    assert reading["text"] == "20746"
    assert process.returncode == code
    assert set(json.loads(out.splitlines()[-1])) == {"summary"}
    assert "Traceback" not in errors


def test_a_watch_ends_when_the_reader_of_its_pipe_has_closed_it(film):
    films = "'fake:digits=20746|63058,change=1,fps=10'"
    command = f"{shlex.quote(sys.executable)} -m edge_runtime watch --backend litert {films} | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "20746" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_watch_survives_every_fault_of_a_camera():
    faults = "fault=eof@1.2+0.2,fault=raise@2.8+0.2,fault=disconnect@4.6+0.2"
    source = f"fake:digits=20746|63058|91327|58204,change=2,fps=10,{faults}"
    command = [sys.executable, "-m", "edge_runtime", "watch", source, "--json", *LITERT]
    seen = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while "58204" not in seen:
            seen.append(json.loads(process.stdout.readline())["text"])
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert set(seen) <= {"20746", "63058", "91327", "58204"}
    for line in ("fake has ended", "fake failed: RuntimeError", "fake: is disconnected"):
        assert line in errors
