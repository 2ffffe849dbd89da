"""Checksums of numbers: whether the last digits agree with the others."""

from collections.abc import Callable
from typing import NamedTuple

from edge_runtime.limits import FIELD_DIGITS


class Checksum(NamedTuple):
    """A checksum."""

    agrees: Callable[[str], bool]  # takes decimal digits
    one_in: int  # share of random numbers that agree, as one in so many
    lengths: tuple[int, int]  # digits of the shortest and the longest number with it


def luhn(digits: str) -> bool:
    """Return whether the Luhn checksum of ISO/IEC 7812-1 is right: `luhn("79927398713")`."""
    doubled = (2 * int(digit) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def ean(digits: str) -> bool:
    """Return whether the check digit of an EAN or UPC is right (GS1): `ean("4006381333931")`."""
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def mod11(digits: str) -> bool:
    """Return whether the sum of the digits, times 1, 2, 3 ... from the right, is divisible by 11, as of an ISBN-10.

    An ISBN-10 that ends in X is no number.
    """
    return sum(place * int(digit) for place, digit in enumerate(reversed(digits), 1)) % 11 == 0


def mod97(digits: str) -> bool:
    """Return whether the number is 1 modulo 97, as of ISO/IEC 7064, MOD 97-10: `mod97("79444")`."""
    return int(digits) % 97 == 1


CHECKSUMS = {
    "luhn": Checksum(luhn, 10, (2, FIELD_DIGITS)),
    "mod11": Checksum(mod11, 11, (2, 10)),  # the 11th digit from the right would count 11 times, so not at all
    "mod97": Checksum(mod97, 97, (3, FIELD_DIGITS)),
    "ean": Checksum(ean, 10, (2, FIELD_DIGITS)),
}
