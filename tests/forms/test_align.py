"""Pages are aligned to the template of a form, whatever a scanner or a camera does to them."""

import json

import cv2
import numpy as np
import pytest

from edge_runtime.errors import InputError
from edge_runtime.forms.align import Template
from edge_runtime.types import Box
from tests.forms.blank_form import FIELDS, HEIGHT, VALUES, WIDTH, draw_blank, fill, move, write_form
from tests.schemas import schema

BLANK = draw_blank()


def rotate(image, degrees, scale=1.0):
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    full = np.vstack([matrix, (0, 0, 1)])
    return cv2.warpAffine(image, matrix, (width, height), borderValue=(245,)), full


def cut(image):
    return np.ascontiguousarray(image[30:, 40:]), np.array([[1, 0, -40], [0, 1, -30], [0, 0, 1.0]])


def shade(image):
    return (image * np.linspace(0.4, 1.0, image.shape[1])).astype(np.uint8)


PAGES = {
    "as it is": lambda image: (image, np.eye(3)),
    "skewed": lambda image: rotate(image, 3),
    "smaller": lambda image: rotate(image, -1, 0.95),
    "margins cut": cut,
    "perspective": lambda image: move(image, [(40, 60), (780, 30), (800, 1120), (20, 1140)]),
    "shaded": lambda image: (shade(image), np.eye(3)),
    "twice as fine": lambda image: (cv2.resize(image, None, fx=2, fy=2), np.diag((2.0, 2.0, 1.0))),
    "faint": lambda image: ((200 + image.astype(np.float32) / 8).astype(np.uint8), np.eye(3)),
}


@pytest.mark.parametrize("name", PAGES)
def test_fields_are_found_within_three_pixels(name):
    page, matrix = PAGES[name](fill(BLANK))
    found = Template(BLANK).align(page)
    scale = page.shape[0] / HEIGHT if name == "twice as fine" else 1.0
    corners = np.array([[(left, top) for _, left, top, *_ in FIELDS]], np.float64)
    true, own = (cv2.perspectiveTransform(corners, each) for each in (matrix, found.matrix))
    assert np.linalg.norm(true - own, axis=2).max() < 3 * scale
    assert found.found > 0.9


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_on_its_side_or_upside_down_is_found(turns):
    page = np.ascontiguousarray(np.rot90(fill(BLANK), turns))
    box = Box(120, 240, 240, 50)
    true = box.turn(WIDTH, HEIGHT, turns)
    found = Template(BLANK).align(page).box(box)
    assert np.abs(np.array(true) - np.array(found)).max() <= 3


def test_a_form_of_lines_alone_is_found():
    blank = BLANK.copy()
    for top, bottom in ((40, 120), (200, 232), (370, 392), (530, 552), (860, 1000)):  # all that is written on it
        blank[top:bottom, 50:800] = 245
    page, matrix = rotate(fill(blank), 2)
    found = Template(blank).align(page)
    corners = np.array([[(left, top) for _, left, top, *_ in FIELDS]], np.float64)
    true, own = (cv2.perspectiveTransform(corners, each) for each in (matrix, found.matrix))
    assert np.linalg.norm(true - own, axis=2).max() < 3


@pytest.mark.parametrize(
    "page",
    [
        np.full((HEIGHT, WIDTH), 245, np.uint8),
        np.zeros((20, 3000), np.uint8),
        np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8),
        255 - np.flipud(fill(BLANK)),
        np.ascontiguousarray(fill(BLANK)[:, ::-1]),
    ],
    ids=["empty", "a line", "noise", "mirrored and inverted", "mirrored"],
)
def test_what_does_not_show_the_form_is_refused(page):
    with pytest.raises(InputError, match="does not match the template"):
        Template(BLANK).align(page)


def test_an_image_without_print_is_no_template(run_here, tmp_path):
    form = write_form(tmp_path)
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300), 255, np.uint8))
    result = run_here("read", "--fields", form, tmp_path / "blank.png", code=2)
    assert "too little print" in result.stderr
    assert "blank.png" in result.stderr


@pytest.mark.parametrize(
    ("template", "message"),
    [("none.png", "there is no such file"), ("form.toml", "not an image"), (" ", "the template must be the name")],
)
def test_a_template_that_cannot_be_read_is_one_line(run_here, tmp_path, template, message):
    form = write_form(tmp_path, template)
    result = run_here("read", "--fields", form, tmp_path / "blank.png", code=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_box_outside_of_the_template_is_refused(run_here, tmp_path):
    form = write_form(tmp_path, room="digits = 3")
    form.write_text(form.read_text(encoding="utf-8").replace("[474, 554", "[774, 554"), encoding="utf-8")
    result = run_here("read", "--fields", form, tmp_path / "blank.png", code=2)
    assert "the field room is not within the page, which is 826 x 1169" in result.stderr


@pytest.mark.parametrize("name", ["as it is", "perspective", "smaller"])
def test_the_fields_of_an_aligned_page_are_read(run_cli, tmp_path, name):
    form = write_form(tmp_path)
    page, _ = PAGES[name](fill(BLANK))
    cv2.imwrite(str(tmp_path / "scan.png"), page)
    result = run_cli("read", "--json", "--fields", form, tmp_path / "scan.png")
    record = json.loads(result.stdout)
    schema("fields-v1").validate(record)
    assert {field["name"]: field["text"] for field in record["fields"]} == VALUES
    assert record["alignment"] > 0.9
    for field in record["fields"]:
        x, y, width, height = field["box"]
        for digit in field["digits"]:
            left, top = digit["box"][:2]
            assert x - 3 <= left < x + width
            assert y - 3 <= top < y + height


def test_print_alone_is_an_empty_field(run_cli, tmp_path):
    form = write_form(tmp_path)
    cv2.imwrite(str(tmp_path / "scan.png"), BLANK)
    result = run_cli("read", "--fields", form, tmp_path / "scan.png")
    assert result.stdout.split() == list(VALUES)


def test_a_field_that_is_cut_off_is_rejected(run_cli, tmp_path):
    form = write_form(tmp_path)
    page = fill(BLANK)[:, :600]
    cv2.imwrite(str(tmp_path / "scan.png"), page)
    result = run_cli("read", "--fields", form, tmp_path / "scan.png")
    assert "outside-page" not in result.stdout or "room" in result.stdout.split("(outside-page)")[0].splitlines()[-1]
    cv2.imwrite(str(tmp_path / "scan.png"), page[:, :540])
    assert "(outside-page)" in run_cli("read", "--fields", form, tmp_path / "scan.png").stdout
