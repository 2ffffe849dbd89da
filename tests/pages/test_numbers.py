"""Numbers, spaces and ? in the text of a page, and reading a part of an image."""

import csv
import json

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.errors import UsageError
from edge_runtime.images.part import parse_part
from edge_runtime.numbers import find_numbers, write_rows
from edge_runtime.page import Page
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Box, Digit, Status


def row(text, gaps=(), at=0, height=40):
    """Digits of a row, 30 pixels wide and 5 apart; `gaps` are wider gaps after digits; ? low-confidence, x a letter."""
    digits, x = [], 10
    for index, character in enumerate(text):
        box = Box(x, 100 * at, 30, height)
        reason = {"?": "low-confidence", "x": "not-a-digit"}.get(character, "")
        status = Status.REJECTED if reason else Status.OK
        digits.append(Digit(7 if reason else int(character), 0.4 if reason else 0.9, (), box, status, reason, at))
        x += 30 + (dict(gaps).get(index, 5))
    return digits


def test_a_wide_gap_separates_two_numbers():
    numbers = find_numbers(row("1234", {1: 61}))
    assert [(number.text, number.value, number.row) for number in numbers] == [("12", 12, 0), ("34", 34, 0)]
    assert numbers[1].box == Box(136, 0, 65, 40)
    assert [number.text for number in find_numbers(row("1234", {1: 59}))] == ["1234"]


def test_digits_that_are_spaced_evenly_are_one_number_unless_they_are_far_apart():
    assert write_rows(find_numbers(row("12345", {index: 66 + index for index in range(4)}))) == "12345"
    assert write_rows(find_numbers(row("123", {0: 110, 1: 110}))) == "1 2 3"
    assert write_rows(find_numbers(row("1234", {0: 66, 1: 104, 2: 66}))) == "12 34"
    assert write_rows(find_numbers(row("73197", {0: 76, 3: 80}))) == "7 319 7"


def test_rows_are_lines_and_rejected_digits_are_question_marks():
    digits = row("12?4") + row("56", at=1)
    assert write_rows(find_numbers(digits)) == "12?4\n56"
    first = find_numbers(digits)[0]
    assert (first.value, first.confidence) == (None, 0.4)


def test_letters_beside_a_number_leave_a_mark_and_a_word_is_no_number():
    assert write_rows(find_numbers(row("12x"))) == "12?"
    assert write_rows(find_numbers(row("12xx", {1: 90}))) == "12"
    assert write_rows(find_numbers(row("xx") + row("5", at=1))) == "5"


def test_a_page_is_ok_only_without_a_rejected_digit():
    assert Page(tuple(row("12")), 200, 50).status is Status.OK
    assert Page(tuple(row("1?")), 200, 50).status is Status.REJECTED
    assert Page((), 200, 50).status is Status.REJECTED
    page = Page(tuple(row("1?2")), 200, 50)
    assert (page.text, page.digits_text) == ("1?2", "12")


@pytest.fixture
def form(tmp_path):
    """Two rows on a page of 640 x 400: the lower half holds the second."""
    drawn = draw_page(["2074", "58"], (640, 400), 90, seed=3)
    cv2.imwrite(str(tmp_path / "form.png"), drawn.image)
    return drawn


def test_read_prints_numbers_and_status_as_json(run_cli, form):
    record = json.loads(run_cli("read", "--json", "form.png").stdout)
    assert record["status"] == "ok"
    assert [(each["text"], each["value"], each["row"]) for each in record["numbers"]] == [
        ("2074", 2074, 0),
        ("58", 58, 1),
    ]


def test_a_rejected_digit_is_printed_as_a_question_mark_unless_digits_only(run_cli, form):
    unsure = Reader(Classifier(), max_error=0.0001).read(form.image, "page")
    text = run_cli("read", "--max-error", "0.0001", "form.png").stdout.strip("\n")
    assert text == unsure.text
    alone = run_cli("read", "--max-error", "0.0001", "--digits-only", "form.png").stdout.strip("\n")
    assert alone == unsure.digits_text == text.replace("?", "").strip()


@pytest.mark.parametrize("roi", ["0,200,640,200", "0%,50%,100%,50%", "0,50%,640,50%"])
def test_a_part_is_read_alone_with_boxes_of_the_whole_image(run_cli, form, roi):
    record = json.loads(run_cli("read", "--json", "--roi", roi, "form.png").stdout)
    assert (record["text"], record["image"]) == ("58", [640, 400])
    assert all(200 <= each["box"][1] <= 400 for each in record["digits"])


def test_a_batch_reads_the_same_part_of_each_image(run_cli, form, tmp_path):
    (tmp_path / "forms").mkdir()
    (tmp_path / "form.png").rename(tmp_path / "forms" / "a.png")
    cv2.imwrite(str(tmp_path / "forms" / "small.png"), np.full((50, 60), 255, np.uint8))
    where = ("batch-classify", "forms", "--mode", "read", "--jobs", 1, "--roi", "0,200,640,200")
    run_cli(*where, "--output", "texts.csv", code=1)
    with (tmp_path / "texts.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert (good["label"], good["status"]) == ("58", "ok")
    assert (bad["status"], bad["error"]) == (
        "failed",
        "the part 0,200,640,200 (--roi) is not within the image, which is 60 x 50",
    )


def test_an_image_without_the_part_fails_alone(run_cli, form, tmp_path):
    cv2.imwrite(str(tmp_path / "small.png"), np.full((50, 60), 255, np.uint8))
    done = run_cli("read", "--roi", "0,200,640,200", "small.png", "form.png", code=1)
    assert "error: small.png: the part 0,200,640,200 (--roi) is not within the image, which is 60 x 50" in done.stderr
    assert "58" in done.stdout


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,5,5", "0,0,0,5", "0,0,nan%,5", "0,0,101%,5", "1.5,0,5,5"]
)
def test_a_part_that_makes_no_sense_is_one_line(run_cli, form, text):
    with pytest.raises(UsageError, match="--roi"):
        parse_part(text)


def test_shares_cover_an_image_without_a_gap_and_never_reach_over_its_edge():
    left, right = (parse_part(text).box(101, 51) for text in ("0%,0%,50%,100%", "50%,0%,50%,100%"))
    assert (left.x, left.x + left.width, right.x + right.width, left.height) == (0, right.x, 101, 51)
    with pytest.raises(UsageError, match="the part 90%,0%,50%,100%"):
        parse_part("90%,0%,50%,100%").box(101, 51)


def test_digits_only_needs_pages(run_cli, form):
    assert "--mode read" in run_cli("batch-classify", ".", "--output", "r.csv", "--digits-only", code=2).stderr


def test_a_number_with_too_little_trust_is_doubtful_and_so_is_its_page():
    digits = [digit._replace(trust=0.9) for digit in row("1234")] + row("56", at=1)
    page = Page(tuple(digits), 400, 200)
    assert [round(number.trust, 4) for number in page.numbers] == [0.6561, 1.0]
    assert page.status is Status.OK
    doubtful = page._replace(least_trust=0.7)
    assert doubtful.text == page.text == "1234\n56"
    assert doubtful.status is Status.REJECTED
    assert [each["status"] for each in doubtful.to_dict()["numbers"]] == ["rejected", "ok"]
