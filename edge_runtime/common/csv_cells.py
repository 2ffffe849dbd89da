"""Cells of CSV files: quotes, and protection from spreadsheets that run formulas."""

import csv
import io
from collections.abc import Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")  # a spreadsheet runs such a cell; the last one is our own mark


def quoted(cells: Sequence[str]) -> str:
    """Return one line of CSV, with quotes around the cells that need them."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # with this end, it quotes a \r, too
    return text.getvalue().removesuffix("\r\n") + "\n"


def safe(cell: str) -> str:
    """Return a cell with an apostrophe before it if a spreadsheet would run it; `plain` undoes this."""
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell


def plain(cell: str) -> str:
    """Return a cell without the apostrophe that `safe` put before it."""
    return cell.removeprefix("'")
