"""The figures of cameras: what they are made of."""

import pytest

from benchmarks.camera import accuracy
from benchmarks.camera.command import PARTS, targets
from benchmarks.camera.scenes import film, scene
from edge_runtime import Classifier, Reader
from edge_runtime.watch.frames import FrameReader


def test_films_begin_and_end_with_nothing_and_show_their_sheet_between():
    shown = list(film(scene(0)))
    assert shown[0].text == shown[-1].text == ""
    assert {each.text for each in shown} == {"", None, scene(0).text}


@pytest.mark.long("runs a whole benchmark")
def test_the_edges_of_a_sheet_on_a_dark_table_are_no_reading():
    watch = FrameReader(Reader(Classifier()), "film")
    readings = [watch.process(each.frame).reading for each in film(scene(36))]
    assert {reading.text for reading in readings if reading} <= {"", scene(36).text}


@pytest.mark.long("runs a whole benchmark")
def test_a_film_is_watched():
    found = accuracy.measure(Classifier(), 1, lambda line: None)
    assert found == {"films": 1, "frames": 90, "right": 1, "wrong": 0, "of_nothing": 0, "sheets_read": 1}


def test_targets_are_held_against_what_was_measured():
    lasting = {"heals_within_s": 4.0, "not_healed": 1, "mib": [100, 104], "threads": [5, 5], "files": [4, 4]}
    met = {each["what"]: each["met"] for each in targets({"endurance": lasting})}
    assert list(met.values()) == [True, False, True, True, True]
    ends = {"seconds": {"at work": 0.4, "a camera that hangs": 2.5}, "lost": 0}
    assert [each["met"] for each in targets({"endings": ends})] == [False, True]
    assert targets(dict.fromkeys(PARTS)) == []
