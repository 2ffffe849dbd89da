"""True labels of images: from a table, or from the names of their folders."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from edge_runtime.batch.confusion import DIGITS
from edge_runtime.batch.paths import normalise_name, spellings
from edge_runtime.common.text import open_text
from edge_runtime.errors import UsageError
from edge_runtime.types import Row

NAME, LABEL, PAGE = "filename", "label", "page"  # columns; the last one is optional
SEPARATORS = ",;\t"
PAGE_MARK = "\0"  # separates name and page; never part of a name
SHOWN = 80  # characters of a line in a message

Values = tuple[str | None, ...]
Check = Callable[[str], str | None]


class Truth(Protocol):
    """True labels of images."""

    def label(self, row: Row) -> str | None:
        """Return the true label of a row, 0 to 9; None if it is unknown."""

    def unused(self) -> list[str]:
        """Return the names in the table that have matched no row so far."""


class FolderLabels:
    """Implements Truth: the name of an image's folder is its label."""

    def label(self, row: Row) -> str | None:
        """See Truth.label."""
        folder = row.path.rpartition("/")[0].rpartition("/")[2]
        return folder if folder in DIGITS else None

    def unused(self) -> list[str]:
        """See Truth.unused."""
        return []


class NamedTable:
    r"""A table of values of images: the columns filename, one or more with values, and page if pages of a file differ.

    Columns are separated by commas, semicolons or tabs; all encodings and line ends of `common.text` are read. A name
    is a path relative to the folder, with / or \, or a path that includes the folder, or a bare name for files in any
    folder.
    """

    def __init__(self, table: Path, folder: str, columns: Sequence[str], check: Check) -> None:
        """Read a table. folder: the folder that paths of rows are relative to.

        columns: those with values, of which one must be there. check: returns a value of a cell, None to leave out the
        line, or raises ValueError. Raises FileError if the table cannot be read, and UsageError, which names the line,
        if it is invalid.
        """
        self._table, self._columns, self._check = table, tuple(columns), check
        self._values: dict[str, Values] = {}  # by name, or by name + PAGE_MARK + page
        self._own = {Path(folder).resolve().name, Path(folder).absolute().name} - {"", ".."}
        self._given: dict[str, str] = {}  # original names of values that are not used yet
        longer: dict[str, set[str]] = {}  # names relative to the folder: keys as above
        with open_text(table) as file:
            for line, name, values, page in self._read(file):
                key = normalise_name(name) + page
                if self._values.setdefault(key, values) != values:
                    one, other = ", ".join(filter(None, values)), ", ".join(filter(None, self._values[key]))
                    raise UsageError(f"{table}, line {line}: {name!r} has the label {one}, but {other} above")
                self._given[key] = name
                for spelling in spellings(name):
                    for shorter in self._below(normalise_name(spelling)):
                        longer.setdefault(shorter + page, set()).add(key)
        self._longer = {
            name: keys.pop() for name, keys in longer.items() if len(keys) == 1 and name not in self._values
        }

    def values(self, row: Row) -> Values | None:
        """Return the values of a row, None for a column that is not there; None if the table does not have the row."""
        name = normalise_name(row.path)
        bare = name.rpartition("/")[2]
        for page in (f"{PAGE_MARK}{row.page}", ""):
            for key in (name + page, self._longer.get(name + page), bare + page):
                if key is not None and key in self._values:
                    self._given.pop(key, None)
                    return self._values[key]
        return None

    def unused(self) -> list[str]:
        """Return the names in the table that have matched no row so far."""
        return list(self._given.values())

    def _read(self, file: TextIO) -> Iterator[tuple[int, str, Values, str]]:
        """Yield line number, name, values, and PAGE_MARK + page or an empty string."""
        head, skipped = file.readline(), 1
        separators = SEPARATORS
        if head.startswith("sep="):  # a hint for spreadsheets
            separators, head, skipped = head[4:5], file.readline(), 2
        wanted = [column.lower() for column in self._columns]
        for separator in separators:
            columns = [cell.strip().lower() for cell in next(csv.reader([head], delimiter=separator), [])]
            if NAME in columns and not set(wanted).isdisjoint(columns):
                break
        else:
            shown, names = head.rstrip()[:SHOWN], ",".join((NAME, *self._columns))[:SHOWN]
            raise UsageError(
                f"{self._table} has no columns {names}: its first line is {shown!r}; save it as CSV whose "
                f"first line is {names}, followed by lines such as scan.png,7"
            )
        reader = csv.reader(file, delimiter=separator)
        try:
            for cells in reader:
                found = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
                line = skipped + reader.line_num
                name, page = found.get(NAME, ""), found.get(PAGE, "")
                try:
                    values = tuple(self._check(found[column]) if column in found else None for column in wanted)
                except ValueError as error:
                    raise UsageError(f"{self._table}, line {line}: {error}") from None
                known = [value for value in values if value is not None]
                if not name or not known:
                    continue
                if page and not page.isdecimal():
                    raise UsageError(f"{self._table}, line {line}: the page is {page!r}, not a number from 1")
                yield line, name, values, f"{PAGE_MARK}{int(page)}" if page else ""
        except csv.Error as error:
            raise UsageError(f"{self._table}, line {skipped + reader.line_num}: {error}") from error

    def _below(self, name: str) -> Iterator[str]:
        """Yield a name, and its rest after each occurrence of the folder's own name."""
        yield name
        for own in self._own:
            text, part = f"/{name}", f"/{own}/"
            start = text.find(part)
            while start >= 0:
                yield text[start + len(part) :]
                start = text.find(part, start + 1)


class TableLabels:
    """Implements Truth: the column label of a table has a digit for each image."""

    def __init__(self, table: Path, folder: str) -> None:
        """Read a table; see `NamedTable`, whose errors it raises."""
        self._found = NamedTable(table, folder, (LABEL,), _check_digit)

    def label(self, row: Row) -> str | None:
        """See Truth.label."""
        values = self._found.values(row)
        return values[0] if values else None

    def unused(self) -> list[str]:
        """See Truth.unused."""
        return self._found.unused()


def _check_digit(cell: str) -> str | None:
    label = cell.removesuffix(".0")  # spreadsheets and data frames write whole numbers so
    if label and label not in DIGITS:
        raise ValueError(f"the label is {label!r}, not 0 to 9")
    return label or None
