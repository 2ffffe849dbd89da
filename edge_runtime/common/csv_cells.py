"""CSV cells: quoting, and protection against formulas that spreadsheets run."""

import csv
import io
from collections.abc import Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")  # a spreadsheet runs such a cell; the last one is our own escape


def format_csv_row(cells: Sequence[str]) -> str:
    """Return a line of CSV, with quotes around the cells that need them."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # with this terminator it also quotes \r
    return text.getvalue().removesuffix("\r\n") + "\n"


def escape_formula(cell: str) -> str:
    """Prefix a cell with an apostrophe if a spreadsheet would run it; `unescape_formula` is the inverse."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell


def unescape_formula(cell: str) -> str:
    """Remove the apostrophe that `escape_formula` added."""
    return cell.removeprefix("'")
