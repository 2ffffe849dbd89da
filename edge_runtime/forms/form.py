"""A form: the names and places of its fields and what is known of each, from a TOML file.

template = "blank.png"

[[field]]
name = "amount"
box = ["10%", "20%", "30%", "5%"]
decimals = 2
"""

import difflib
import hashlib
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime.common.toml import read_toml
from edge_runtime.errors import UsageError
from edge_runtime.forms.checksums import CHECKSUMS
from edge_runtime.images.files import read_file
from edge_runtime.images.part import Part, parse_part
from edge_runtime.limits import FIELD_DIGITS, FIELDS

MOST = 10**15  # number in a form file
ROUNDING = 1e-6  # of sums of shares
SIDE_TEXT = 20  # characters of a side of a box
PLACE = "d"  # stands for a digit in a pattern
KEYS = ("name", "box", "digits", "pattern", "decimals", "minimum", "maximum", "checksum", "required")


class Field(NamedTuple):
    """A field of a form."""

    name: str
    part: Part  # of the page
    digits: int | None = None  # how many it has; None if that is not known
    pattern: str = ""  # of its text, d for a digit; empty without one
    decimals: int = 0  # digits after the decimal point, which is not written
    minimum: float | None = None  # of its value
    maximum: float | None = None
    checksum: str = ""  # a key of `CHECKSUMS`; empty without one
    required: bool = False  # an empty field is rejected

    @property
    def length(self) -> int | None:
        """How many digits it has, by its pattern or by itself; None if that is not known."""
        return self.pattern.count(PLACE) if self.pattern else self.digits


class Form(NamedTuple):
    """The fields of a form, in the order of the file, and its image."""

    fields: tuple[Field, ...]
    template: Path | None = None  # image of the blank form, to which pages are aligned


def read_form(path: Path) -> Form:
    """Read a form; raises FileError for a file that cannot be read and UsageError, with its name, for a wrong one."""
    content = read_toml(path)
    if other := sorted(content.keys() - {"field", "template"}):
        raise UsageError(f"{path}: there is no key {other[0]!r}: a form has a template and tables [[field]]")
    template = content.get("template")
    if template is not None and not (isinstance(template, str) and template.strip()):
        raise UsageError(f'{path}: the template must be the name of an image file, such as template = "blank.png"')
    tables = content.get("field")
    if not isinstance(tables, list) or not tables:
        raise UsageError(f"{path}: there is no table [[field]]")
    if len(tables) > FIELDS:
        raise UsageError(f"{path}: {len(tables):,} fields are more than {FIELDS:,}: divide the form")
    fields = tuple(_field(table, f"{path}: field {number}") for number, table in enumerate(tables, 1))
    _check_together(fields, path)
    return Form(fields, path.parent / template if template else None)


def find_digest(form: Form) -> str:
    """Return a hash of what a form says and of its template; raises InputError for one that cannot be read."""
    template = read_file(form.template) if form.template else b""
    return hashlib.sha256(repr(form.fields).encode() + template).hexdigest()


def _field(table: Any, where: str) -> Field:
    """Return a field of a table; raises UsageError."""
    if not isinstance(table, dict):
        raise UsageError(f"{where} is not a table")
    name = table.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise UsageError(f'{where} needs a name, such as name = "amount"')
    where = f"{where}, {name}"
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1, 0.5)
            raise UsageError(f"{where}: there is no key {key!r}" + (f": did you mean {near[0]!r}?" if near else ""))
    field = Field(
        name,
        _part(table.get("box"), where),
        _whole(table, "digits", 1, FIELD_DIGITS, where),
        _text(table, "pattern", where),
        _whole(table, "decimals", 0, FIELD_DIGITS, where) or 0,
        _number(table, "minimum", where),
        _number(table, "maximum", where),
        _text(table, "checksum", where),
        _yes(table, "required", where),
    )
    return _checked(field, where)


def _checked(field: Field, where: str) -> Field:
    """Return the field; raises UsageError if what is known of it contradicts itself."""
    if field.pattern and not 1 <= field.pattern.count(PLACE) <= FIELD_DIGITS:
        raise UsageError(f"{where}: the pattern {field.pattern!r} needs a d for each of 1 to {FIELD_DIGITS} digits")
    if field.pattern and field.digits not in (None, field.length):
        raise UsageError(f"{where}: the pattern has {field.length} digits, not {field.digits}")
    if not field.pattern.isprintable():
        raise UsageError(f"{where}: the pattern has characters that cannot be printed")
    if field.pattern and (field.decimals or field.minimum is not None or field.maximum is not None):
        raise UsageError(f"{where}: a field with a pattern has no value, so no decimals, minimum or maximum")
    if field.checksum:
        _check_checksum(field, where)
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise UsageError(f"{where}: the minimum {field.minimum:g} is more than the maximum {field.maximum:g}")
    return field


def _check_checksum(field: Field, where: str) -> None:
    """Raise UsageError for a checksum that is unknown or that numbers of this length do not have."""
    if field.checksum not in CHECKSUMS:
        raise UsageError(f"{where}: there is no checksum {field.checksum!r}; there are {', '.join(CHECKSUMS)}")
    least, most = CHECKSUMS[field.checksum].lengths
    if field.length is not None and not least <= field.length <= most:
        raise UsageError(f"{where}: a number with the checksum {field.checksum} has {least} to {most} digits")


def _part(box: Any, where: str) -> Part:
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_side, box)):
        raise UsageError(f'{where} needs a box = [x, y, width, height] in pixels or as shares such as "10%"')
    try:
        return parse_part(",".join(map(str, box)))
    except UsageError as error:
        raise UsageError(f"{where}: {str(error).replace('--roi', 'box')}") from error


def _is_side(side: Any) -> bool:
    return len(side) < SIDE_TEXT if isinstance(side, str) else type(side) is int and abs(side) < MOST


def _whole(table: dict[str, Any], key: str, least: int, most: int, where: str) -> int | None:
    value = table.get(key)
    if value is not None and (type(value) is not int or not least <= value <= most):
        raise UsageError(f"{where}: {key} must be a whole number from {least} to {most}")
    return value


def _number(table: dict[str, Any], key: str, where: str) -> float | None:
    value = table.get(key)
    if value is not None and (type(value) not in (int, float) or not abs(value) < MOST):  # false for NaN, too
        raise UsageError(f"{where}: {key} must be a number of less than {MOST:.0e}")
    return value


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (key in table and not value):
        raise UsageError(f"{where}: {key} must be a text")
    return value


def _yes(table: dict[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {key} must be true or false")
    return value


def _check_together(fields: tuple[Field, ...], path: Path) -> None:
    """Raise UsageError if two fields have the same name, or boxes in the same unit that overlap."""
    names: set[str] = set()
    for field in fields:
        if field.name in names:
            raise UsageError(f"{path}: two fields have the name {field.name!r}")
        names.add(field.name)
    for one, other in combinations(fields, 2):
        units = {*one.part.shares, *other.part.shares}
        if len(units) == 1 and _overlap(one.part.sides, other.part.sides):
            raise UsageError(f"{path}: the boxes of {one.name} and {other.name} overlap")


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether two rectangles, each x, y, width and height, have a part in common."""
    pairs = ((one[axis], one[axis + 2], other[axis], other[axis + 2]) for axis in (0, 1))
    return all(max(start, first) + ROUNDING < min(start + length, first + size) for start, length, first, size in pairs)
