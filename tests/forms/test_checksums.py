"""Checksums, on published examples."""

import pytest

from edge_runtime.forms.checksums import CHECKSUMS

RIGHT = {"luhn": "79927398713", "ean": "4006381333931", "mod11": "0306406152", "mod97": "79444"}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_right_number_agrees(name):
    assert CHECKSUMS[name].agrees(RIGHT[name])


@pytest.mark.parametrize("name", CHECKSUMS)
def test_every_other_digit_is_noticed(name):
    number = RIGHT[name]
    for place, digit in enumerate(number):
        for other in set("0123456789") - {digit}:
            assert not CHECKSUMS[name].agrees(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize("name", CHECKSUMS)
def test_one_in_so_many_random_numbers_agrees(name):
    checksum = CHECKSUMS[name]
    agreeing = sum(checksum.agrees(f"{number:06}") for number in range(0, 1_000_000, 7))
    assert agreeing * checksum.one_in == pytest.approx(1_000_000 / 7, rel=0.02)
