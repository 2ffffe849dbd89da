"""Spellings of a path in lists written by Windows, macOS or spreadsheets."""

import os
import unicodedata
from collections.abc import Iterator

BLANKS = " \t\r\ufeff"


def find_path(path: str) -> str:
    r"""Return the path of the file that a listed path means: itself, unless only another spelling of it exists.

    Spellings: without surrounding blanks and quotes, with / for \, each name in Unicode form NFC or NFD, and with its
    bytes decoded as Windows code page 1252.
    """
    if os.path.lexists(path):
        return path
    bare = path.strip(BLANKS)
    bare = bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare
    for text in dict.fromkeys((path, bare, path.replace("\\", "/"), bare.replace("\\", "/"))):
        if found := _find(text):
            return found
    return path


def spellings(name: str) -> Iterator[str]:
    """Yield a name and its other spellings: NFC, NFD and, if it is not UTF-8, decoded as code page 1252."""
    yield name
    if name.isascii():
        return
    for text in dict.fromkeys((name, _decode_cp1252(name))):
        yield text
        yield unicodedata.normalize("NFC", text)
        yield unicodedata.normalize("NFD", text)


def normalise_name(path: str) -> str:
    r"""Return the normal spelling of a path: with / for \, without ./ and doubled slashes, in NFC."""
    parts = [part for part in path.strip(BLANKS).replace("\\", "/").split("/") if part not in ("", ".")]
    return unicodedata.normalize("NFC", "/".join(parts))


def _decode_cp1252(name: str) -> str:
    try:
        return name.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeError:
        return name


def _find(path: str) -> str | None:
    found = ""
    for part in path.split("/"):
        for spelling in spellings(part):
            if os.path.lexists(found + spelling or "/"):
                found += spelling + "/"
                break
        else:
            return None
    return found[:-1]
