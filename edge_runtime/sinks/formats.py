"""Rows as bytes, and back: CSV and JSON lines.

Reading back is what a job that is resumed does with its own unfinished output: rows as far as they are whole, each with
the place where it ends.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from edge_runtime.types import Row, Status

COLUMNS = ("path", "label", "confidence", "status", "error")
PROBABILITIES = tuple(f"p{digit}" for digit in range(10))
csv.field_size_limit(1 << 20)  # characters: a path has at most 4,096 bytes, one from a list a few more

SPECIAL = re.compile(r"[\"\r\n\0]")  # a cell with one of these, or with a comma, is quoted
RISKY = ("=", "+", "-", "@", "\t", "\r", "'")  # a spreadsheet runs a cell that begins so; the last one is our own mark


class Format(Protocol):
    """How rows look in a file. Names that are not UTF-8 go back to the bytes that they came from."""

    head: bytes  # what stands before the first row

    def line(self, row: Row) -> bytes:
        """One row, with its line's end."""

    def rows(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """The whole rows behind the head, each with the place in the file where it ends; stops at the first broken."""


class Csv:
    """path,label,confidence,status,error and, if asked for, p0 to p9.

    A cell that a spreadsheet would run (it begins with = + - @, tab or carriage return), or that begins with an
    apostrophe, gets an apostrophe before it; reading back takes one away.
    """

    def __init__(self, probabilities: bool = False) -> None:
        self._probabilities = probabilities
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\r\n")  # so that it quotes a \r, too
        self.head = self._encode(COLUMNS + (PROBABILITIES if probabilities else ()))

    def line(self, row: Row) -> bytes:
        """See Format.line."""
        confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
        cells = (_safe(row.path), row.label, confidence, row.status.value, _safe(row.error))
        if not self._probabilities:
            # Nearly all rows need no quotes, and joining them takes a third of the time.
            line = ",".join(cells)
            if line.count(",") == len(cells) - 1 and not SPECIAL.search(line):
                return line.encode("utf-8", "surrogateescape") + b"\n"
            return self._encode(cells)
        shares = row.probabilities or ("",) * 10
        return self._encode(cells + tuple(f"{share:.6f}" if share != "" else "" for share in shares))

    def rows(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """See Format.rows."""
        end = 0

        def lines() -> Iterator[str]:
            nonlocal end
            for line in file:
                if not line.endswith(b"\n"):
                    return
                end += len(line)
                yield line.decode("utf-8", "surrogateescape")

        reader = csv.reader(lines(), strict=True)
        width = len(COLUMNS) + (len(PROBABILITIES) if self._probabilities else 0)
        try:
            next(reader, None)
            for cells in reader:
                if len(cells) != width or "\0" in cells[0]:  # no name has one; a lost page of the disk does
                    return
                confidence = float(cells[2]) if cells[2] else None
                yield Row(_plain(cells[0]), cells[1], confidence, Status(cells[3]), _plain(cells[4])), end
        except (csv.Error, ValueError):
            return

    def _encode(self, cells: tuple[str, ...]) -> bytes:
        self._writer.writerow(cells)
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.removesuffix("\r\n").encode("utf-8", "surrogateescape") + b"\n"


class JsonLines:
    """One object a line, ASCII; a name that is not UTF-8 has its bytes as escapes of lone surrogates."""

    head = b""

    def __init__(self, probabilities: bool = False) -> None:
        self._probabilities = probabilities

    def line(self, row: Row) -> bytes:
        """See Format.line."""
        found: dict[str, object] = {
            "path": row.path,
            "label": row.label,
            "confidence": None if row.confidence is None else round(row.confidence, 4),
            "status": row.status.value,
            "error": row.error,
        }
        if self._probabilities:
            found["probabilities"] = [round(share, 6) for share in row.probabilities]
        return json.dumps(found).encode("ascii") + b"\n"

    def rows(self, file: BinaryIO) -> Iterator[tuple[Row, int]]:
        """See Format.rows."""
        end = 0
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                found = json.loads(line)
                row = Row(
                    found["path"],
                    found["label"],
                    found["confidence"],
                    Status(found["status"]),
                    found["error"],
                    tuple(found.get("probabilities", ())),
                )
            except (ValueError, LookupError, TypeError):
                return
            yield row, end


def _safe(cell: str) -> str:
    return "'" + cell if cell.startswith(RISKY) else cell


def _plain(cell: str) -> str:
    return cell.removeprefix("'") if cell.startswith("'") else cell
