"""Read text files of users (lists, tables, TOML, passwords) from any editor and system; escape text for printing.

Supported are UTF-8 and UTF-16 with and without a byte order mark, and UTF-32 with one, and lines that end with LF, CRLF
or CR.
"""

import codecs
import io
from pathlib import Path
from typing import TextIO

from edge_runtime.errors import FileError

LOOK_BYTES = 64  # bytes at the start of a text that determine its encoding
MARKS = {  # longer marks first: that of UTF-32 starts with that of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(start: bytes, marked: bool = False) -> str:
    """Return the name of the codec for a text. start: its first LOOK_BYTES bytes, or all if there are fewer.

    The codec drops the byte order mark. Without a mark it is UTF-8, or UTF-16 if zero bytes indicate that. marked: do
    not guess by zero bytes, because the text may contain some.
    """
    for mark, name in MARKS.items():
        if start.startswith(mark):
            return name
    pairs = start[:LOOK_BYTES]
    even, odd = pairs[0::2].count(0), pairs[1::2].count(0)
    if not marked and 0 in (even, odd) and 4 * max(even, odd) >= len(pairs) > 1:
        return "utf-16-be" if even else "utf-16-le"
    return "utf-8"


def read_text(path: Path, max_bytes: int) -> str:
    """Return the text of a file with lines that end with a newline.

    Raises FileError if the file cannot be read, has over `max_bytes` bytes, or is in none of the encodings above.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise FileError(f"{path} has over {max_bytes:,} bytes, the most that is read")
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:  # its message would show bytes of the file, possibly a password
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(f"{path}, line {line}: not valid {encoding.upper()}: save the file as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_text(path: Path) -> TextIO:
    """Open a text file of any length for the `csv` module; undecodable bytes become lone surrogates.

    Raises FileError if the file cannot be opened.
    """
    try:
        file = path.open("rb")
        encoding = encoding_of(file.peek(LOOK_BYTES))  # peek, because a pipe can be read only once
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def make_printable(path: str) -> str:
    """Escape characters of a path that break lines, move the cursor or cannot be encoded on a terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in path)
