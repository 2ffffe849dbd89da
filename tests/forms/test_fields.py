"""Fields of a form: the likeliest digits that fit what is known of them."""

import json

import cv2
import numpy as np
import pytest

from edge_runtime.forms.form import Field
from edge_runtime.forms.likeliest import choose
from edge_runtime.forms.reading import find_value, write
from edge_runtime.images.part import Part
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Box, Digit, Status
from tests.schemas import schema

PART = Part((0, 0, 10, 10))


def digits(text, trust=0.95, second=None):
    """Digits with their labels, ? for an unread one. second: the label that is likely as well, at each place."""
    found = []
    for place, letter in enumerate(text):
        box = Box(30 * place, 0, 20, 40)
        if letter == "?":
            found.append(Digit(None, 0.0, (), box, Status.REJECTED, "unread"))
            continue
        shares = np.full(10, 0.001)
        shares[int(letter)] = 0.6
        if second is not None:
            shares[second] = 0.39
        found.append(Digit(int(letter), 0.9, tuple(shares), box, Status.OK, trust=trust))
    return found


def test_digits_that_fit_are_taken_as_they_are():
    text, trust, misfit = choose(Field("a", PART), [digits("4711")])
    assert (text, misfit) == ("4711", "")
    assert trust == pytest.approx(0.97**4, abs=0.03)


def test_a_checksum_corrects_a_digit_and_makes_the_others_surer():
    read = [*digits("7992739", 0.98), *digits("3", 0.4, second=8), *digits("713", 0.98)]  # 8 is right
    text, trust, misfit = choose(Field("a", PART, checksum="luhn"), [read])
    assert (text, misfit) == ("79927398713", "")
    plain = choose(Field("a", PART), [read])
    assert plain[0] == "79927393713"
    assert trust > plain[1]


def test_a_number_that_fits_no_checksum_is_not_forced():
    assert choose(Field("a", PART, checksum="ean"), [digits("4006381333932", 0.9999)]) == ("", 0.0, "wrong-checksum")


def test_a_reading_that_fits_is_doubtful_beside_a_surer_one_that_does_not():
    wrong, right = digits("79927398718", 0.995), digits("79927398713", 0.9)
    text, trust, _ = choose(Field("a", PART, checksum="luhn"), [wrong, right])
    alone = choose(Field("a", PART, checksum="luhn"), [right])[1]
    assert text == "79927398713"
    assert trust < alone < 1


def test_the_count_chooses_the_reading():
    readings = [digits("471", 0.99), digits("4711", 0.9)]
    assert choose(Field("a", PART), readings)[0] == "471"
    assert choose(Field("a", PART, digits=4), readings)[0] == "4711"
    assert choose(Field("a", PART, digits=9), readings) == ("", 0.0, "wrong-digit-count")


def test_a_doubtful_digit_is_left_out_if_there_is_one_too_many():
    read = [*digits("47"), *digits("1", 0.3), *digits("11")]
    assert choose(Field("a", PART, digits=4), [read])[0] == "4711"


def test_a_digit_that_was_not_read_is_not_made_up():
    assert choose(Field("a", PART, digits=6), [digits("47?123")]) == ("", 0.0, "unread")
    assert choose(Field("a", PART, checksum="luhn"), [digits("7992739?713", 0.99)])[0] != "79927398713"


def test_doubtful_digits_are_read_with_little_trust():
    text, trust, misfit = choose(Field("a", PART, digits=8), [digits("47114711", 0.4)])
    assert (text, misfit) == ("47114711", "")
    assert trust < 0.3


def test_a_rejected_digit_is_not_trusted():
    rejected = [digit._replace(status=Status.REJECTED) for digit in digits("471", 1.0)]
    assert choose(Field("a", PART), [rejected])[1] < 0.2


def test_a_value_out_of_range_is_not_taken():
    field = Field("a", PART, decimals=1, minimum=10, maximum=50)
    assert choose(field, [digits("471")])[0] == "471"
    assert choose(field, [digits("571", 0.9999)])[2] == "out-of-range"


@pytest.mark.parametrize("count", [0, 41, 3000])
def test_no_digits_and_more_than_a_field_has_fit_nothing(count):
    assert choose(Field("a", PART), [digits("1" * count, 0.5)]) == ("", 0.0, "wrong-digit-count")


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Field("a", PART), "0471", 471),
        (Field("a", PART, decimals=2), "471", 4.71),
        (Field("a", PART, decimals=2), "5", 0.05),
        (Field("a", PART, pattern="dd/dd/dddd"), "24121999", None),
    ],
)
def test_patterns_and_decimals_are_written(field, text, value):
    assert write(field, text) == {"0471": "0471", "471": "4.71", "5": "0.05", "24121999": "24/12/1999"}[text]
    assert find_value(field, text) == value


@pytest.fixture
def scan(tmp_path):
    """A page of three rows, and the form of its first two rows and an empty field below."""
    drawn = draw_page(["471123", "24121999"], (640, 480), 44, 3)
    cv2.imwrite(str(tmp_path / "scan.png"), drawn.image)
    lines = []
    for name, row, more in (
        ("number", drawn.boxes[0], "digits = 6"),
        ("date", drawn.boxes[1], 'pattern = "dd/dd/dddd"'),
    ):
        left, top = min(box.x for box in row) - 12, min(box.y for box in row) - 12
        right, down = max(box.x + box.width for box in row) + 12, max(box.y + box.height for box in row) + 12
        lines.append(f'[[field]]\nname = "{name}"\nbox = [{left}, {top}, {right - left}, {down - top}]\n{more}\n')
    lines.append('[[field]]\nname = "rest"\nbox = [0, 470, 640, 10]\nrequired = true\n')
    (tmp_path / "form.toml").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_read_prints_a_line_for_each_field(run_cli, scan):
    result = run_cli("read", "--fields", scan / "form.toml", scan / "scan.png")
    assert result.stdout.splitlines() == ["number  471123", "date    24/12/1999", "rest    (empty)"]


def test_fields_in_json_have_values_boxes_and_digits(run_cli, scan):
    result = run_cli("read", "--json", "--fields", scan / "form.toml", scan / "scan.png")
    page = json.loads(result.stdout)
    schema("fields-v1").validate(page)
    number, date, rest = page["fields"]
    assert (number["text"], number["value"], number["status"]) == ("471123", 471123, "ok")
    assert [digit["label"] for digit in number["digits"]] == [*"471123"]
    for digit in number["digits"]:
        assert number["box"][1] <= digit["box"][1] < number["box"][1] + number["box"][3]
    assert (date["text"], date["value"]) == ("24/12/1999", None)
    assert (rest["status"], rest["reason"], page["status"]) == ("rejected", "empty", "rejected")


def test_an_optional_field_without_writing_is_ok_and_empty(run_cli, scan):
    text = (scan / "form.toml").read_text(encoding="utf-8").replace("required = true", "")
    (scan / "form.toml").write_text(text, encoding="utf-8")
    result = run_cli("read", "--fields", scan / "form.toml", scan / "scan.png")
    assert result.stdout.splitlines()[2] == "rest"


def test_a_field_that_may_be_wrong_is_rejected(run_cli, scan):
    result = run_cli("read", "--max-error", "0.001", "--fields", scan / "form.toml", scan / "scan.png")
    assert "(low-confidence)" in result.stdout


def test_a_backend_without_page_network_reads_fields(run_cli, scan):
    result = run_cli("read", "--backend", "numpy", "--no-lines", "--fields", scan / "form.toml", scan / "scan.png")
    assert result.stdout.startswith("number  471123")


def test_a_page_that_the_form_does_not_fit_fails_alone(run_cli, scan):
    cv2.imwrite(str(scan / "small.png"), np.full((100, 100), 255, np.uint8))
    result = run_cli("read", "--fields", scan / "form.toml", scan / "small.png", scan / "scan.png", code=1)
    assert "of the field number is not within the page, which is 100 x 100" in result.stderr
    assert "number  471123" in result.stdout


@pytest.mark.parametrize("option", [["--roi", "0,0,10,10"], ["--digits-only"], ["--explain", "seen"]])
def test_options_that_do_not_go_with_fields_are_refused(run_cli, scan, option):
    result = run_cli("read", *option, "--fields", scan / "form.toml", scan / "scan.png", code=2)
    assert "cannot be used with --fields" in result.stderr
