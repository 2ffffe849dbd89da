"""Form files: what they may say, and the one line for each mistake."""

import pytest

from edge_runtime.errors import FileError, UsageError
from edge_runtime.forms.form import read_form

FIELD = '[[field]]\nname = "amount"\nbox = [10, 20, 300, 40]\n'
OTHER = '[[field]]\nname = "date"\nbox = ["10%", "50%", "30%", "5%"]\npattern = "dd/dd/dddd"\n'


def form(tmp_path, text):
    path = tmp_path / "form.toml"
    path.write_text(text, encoding="utf-8")
    return read_form(path)


def test_fields_have_names_places_and_what_is_known_of_them(tmp_path):
    text = FIELD + 'digits = 6\ndecimals = 2\nminimum = 1\nmaximum = 99.5\nchecksum = "luhn"\nrequired = true\n' + OTHER
    amount, date = form(tmp_path, text).fields
    assert (amount.name, amount.length, amount.decimals, amount.checksum, amount.required) == (
        "amount",
        6,
        2,
        "luhn",
        True,
    )
    assert amount.part.box(640, 480) == (10, 20, 300, 40)
    assert date.part.box(640, 480) == (64, 240, 192, 24)
    assert date.length == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[field]\n", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
        (FIELD + f"minimum = 1{'0' * 400}", "a number of less than"),
        (FIELD + f"digits = 0x{'f' * 5000}", "a whole number from 1 to 40"),
        (f'[[field]]\nname = "a"\nbox = [1{"0" * 400}, 2, 3, 4]', "needs a box"),
        (FIELD + 'pattern = "d\\nd"', "cannot be printed"),
        (FIELD + 'pattern = "dd"\nminimum = 3', "has no value"),
        (FIELD + 'checksum = "mod11"\ndigits = 11', "has 2 to 10 digits"),
        ("", r"no table \[\[field\]\]"),
        ("field = 3", r"no table \[\[field\]\]"),
        ("[page]\nname = 3", "no key 'page'"),
        ("[[field]]\nbox = [1, 2, 3, 4]", "field 1 needs a name"),
        ('[[field]]\nname = "a"', "needs a box"),
        ('[[field]]\nname = "a"\nbox = [1, 2, 3]', "needs a box"),
        ('[[field]]\nname = "a"\nbox = [-1, 2, 3, 4]', "at least 0"),
        ('[[field]]\nname = "a"\nbox = ["10%", "20%", "300%", "5%"]', "at most 100%"),
        (FIELD + "digit = 3", "did you mean 'digits'"),
        (FIELD + "digits = 0", "digits must be a whole number"),
        (FIELD + "digits = true", "digits must be a whole number"),
        (FIELD + "decimals = -1", "decimals must be"),
        (FIELD + "minimum = nan", "minimum must be a number"),
        (FIELD + "minimum = 3\nmaximum = 2", "more than the maximum"),
        (FIELD + 'pattern = "xx"', "needs a d for each"),
        (FIELD + 'pattern = "dd"\ndigits = 3', "has 2 digits, not 3"),
        (FIELD + 'checksum = "crc"', "there are luhn"),
        (FIELD + "required = 1", "true or false"),
        (FIELD + FIELD, "the name 'amount'"),
        (FIELD + FIELD.replace("amount", "total"), "amount and total overlap"),
    ],
)
def test_a_mistake_is_one_line_with_the_name_of_the_file(tmp_path, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        form(tmp_path, text)
    assert "form.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_boxes_that_adjoin_or_have_other_units_do_not_overlap(tmp_path):
    boxes = ('["1.1%", 0, "2.2%", 9]', '["3.3%", 0, "2.2%", 9]', '["10%", "10%", 300, 40]', '["50%", "10%", 300, 40]')
    fields = (f'[[field]]\nname = "f{number}"\nbox = {box}\n' for number, box in enumerate(boxes))
    assert len(form(tmp_path, "".join(fields)).fields) == 4


def test_more_fields_than_the_limit_are_refused(tmp_path):
    fields = (f'[[field]]\nname = "f{number}"\nbox = [{10 * number}, 0, 10, 10]\n' for number in range(501))
    with pytest.raises(UsageError, match="501 fields are more than 500"):
        form(tmp_path, "".join(fields))


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(FileError, match="missing"):
        read_form(tmp_path / "missing.toml")
