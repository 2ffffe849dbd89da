"""SQLite files as the sinks use them: what is committed survives a kill and a loss of power."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_runtime.errors import OutputError

BUSY_SECONDS = 1.0  # seconds that another program may keep the file locked


def open_database(path: Path, alone: bool = False) -> sqlite3.Connection:
    """Open or make a SQLite file for any thread, one at a time; every statement is a transaction of its own.

    alone: no other process may have it open. Raises OutputError where it cannot be opened or is no SQLite file.
    """
    with failures(path):
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is no regular file: name another")
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if alone:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def failures(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into one line about the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what extends it
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            reason = "it is no SQLite file, or a damaged one: move it away"
        elif code == sqlite3.SQLITE_BUSY:
            reason = "another process is using it"
        else:
            reason = str(error)
        raise OutputError(f"{path} cannot be written: {reason}") from error
