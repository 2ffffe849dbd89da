"""`edge-digits corrections`: digits of corrected fields that training takes."""

import cv2
import pytest

from tests.forms.blank_form import VALUES, draw_blank, fill, write_form
from train.data.extra import load_extra


@pytest.fixture
def form(tmp_path):
    """The form, and a folder with two filled sheets, one of them on its side."""
    (tmp_path / "scans").mkdir()
    sheet = fill(draw_blank())
    cv2.imwrite(str(tmp_path / "scans" / "a.png"), sheet)
    cv2.imwrite(str(tmp_path / "scans" / "b.png"), cv2.rotate(sheet, cv2.ROTATE_90_CLOCKWISE))
    return write_form(tmp_path)


def cut(run, form, tmp_path, rows, code=0):
    text = "path,page,field,text\n" + "".join(f"{','.join(row)}\n" for row in rows)
    (tmp_path / "corrections.csv").write_text(text, encoding="utf-8")
    return run("corrections", "corrections.csv", "scans", "--fields", form, "--output", "digits", code=code)


def test_the_digits_of_corrected_fields_are_taken_by_training(run_here, form, tmp_path):
    rows = [(name, "1", field, VALUES[field]) for name in ("a.png", "b.png") for field in ("number", "room")]
    digits = VALUES["number"] + VALUES["room"]
    result = cut(run_here, form, tmp_path, rows)
    assert f"{2 * len(digits)} digits are in digits" in result.stdout
    extra = load_extra(tmp_path / "digits")
    assert sorted(extra.labels.tolist()) == sorted(2 * [int(digit) for digit in digits])
    assert extra.left_out == {}
    cut(run_here, form, tmp_path, rows)  # again: the same files
    assert len(load_extra(tmp_path / "digits").labels) == 2 * len(digits)


def test_a_field_without_as_many_digits_is_left_out_and_named(run_here, form, tmp_path):
    result = cut(run_here, form, tmp_path, [("a.png", "1", "room", "1234567"), ("a.png", "1", "number", "")])
    assert "0 digits are in digits" in result.stdout
    assert "left out, as their digits were not found (1): a.png, page 1, room" in result.stderr


def test_pages_that_cannot_be_read_are_named_and_give_exit_code_1(run_here, form, tmp_path):
    rows = [("c.png", "1", "room", "1"), ("a.png", "2", "room", "1"), ("a.png", "1", "room", VALUES["room"])]
    result = cut(run_here, form, tmp_path, rows, code=1)
    assert "c.png, page 1: " in result.stderr
    assert "a.png, page 2: the file has no such page" in result.stderr
    assert f"{len(VALUES['room'])} digits are in digits" in result.stdout


def test_a_table_without_corrections_is_refused(run_here, form, tmp_path):
    (tmp_path / "empty.csv").write_text("path,page,field,text\n", encoding="utf-8")
    result = run_here("corrections", "empty.csv", "--fields", form, "--output", "digits", code=2)
    assert "has no corrections" in result.stderr
