"""`edge-digits fields` proposes the fields of a blank form."""

import cv2
import numpy as np

from tests.forms.blank_form import CELL, FIELDS, TALL, VALUES, draw_blank, fill


def test_boxes_combs_lines_and_frames_are_proposed_and_read(run_cli, tmp_path):
    cv2.imwrite(str(tmp_path / "blank.png"), draw_blank())
    cv2.imwrite(str(tmp_path / "scan.png"), fill(draw_blank()))
    result = run_cli("fields", tmp_path / "blank.png")
    assert result.stdout.startswith("4 fields are in ")
    form = (tmp_path / "blank.toml").read_text(encoding="utf-8")
    assert form.count("digits = 6") == form.count("digits = 4") == 1
    assert form.count("digits = ") == 2  # a line and a frame have no cells
    read = run_cli("read", "--fields", tmp_path / "blank.toml", tmp_path / "scan.png").stdout
    assert [line.split()[1] for line in read.splitlines()] == list(VALUES.values())


def test_the_picture_shows_the_fields(run_here, tmp_path):
    blank = draw_blank()
    cv2.imwrite(str(tmp_path / "blank.png"), blank)
    run_here("fields", "blank.png", "--output", "a.toml", "--picture", "seen.png")
    picture = cv2.imread(str(tmp_path / "seen.png"))
    assert picture.shape[:2] == blank.shape
    changed = np.abs(picture.astype(int) - blank[..., np.newaxis]).max(2) > 40
    for _, left, top, cells, _ in FIELDS:
        around = np.s_[top - 30 : top + TALL + 10, left - 10 : left + CELL * cells + 10]
        assert changed[around].any()


def test_files_that_exist_are_not_replaced_without_overwrite(run_here, tmp_path):
    cv2.imwrite(str(tmp_path / "blank.png"), draw_blank())
    (tmp_path / "blank.toml").write_text("mine", encoding="utf-8")
    assert "exists: name another file, or use --overwrite" in run_here("fields", "blank.png", code=1).stderr
    assert (tmp_path / "blank.toml").read_text(encoding="utf-8") == "mine"
    run_here("fields", "blank.png", "--overwrite")
    assert "field1" in (tmp_path / "blank.toml").read_text(encoding="utf-8")


def test_the_form_itself_is_never_replaced(run_here, tmp_path):
    cv2.imwrite(str(tmp_path / "blank.png"), draw_blank())
    result = run_here("fields", "blank.png", "--picture", "blank.png", "--overwrite", code=1)
    assert "is the form itself" in result.stderr


def test_an_image_without_fields_is_one_line(run_here, tmp_path):
    page = np.full((1169, 826), 245, np.uint8)
    for row in range(12):
        cv2.putText(page, "nothing to fill in here", (60, 100 + 80 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 40, 1)
    cv2.imwrite(str(tmp_path / "text.png"), page)
    assert "no boxes, combs or lines" in run_here("fields", "text.png", code=2).stderr
    assert "there is no such file" in run_here("fields", "none.png", code=2).stderr
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((5, 5), np.uint8))
    assert "it needs 64 pixels a side" in run_here("fields", "tiny.png", code=2).stderr
