"""Readings as rows of the table `readings` in an SQLite file."""

import sqlite3
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.sinks.database import Database
from edge_runtime.sinks.record import COLUMNS, record
from edge_runtime.types import Reading

TABLE = """CREATE TABLE IF NOT EXISTS readings (
    id TEXT PRIMARY KEY, event TEXT NOT NULL, text TEXT NOT NULL, confidence REAL NOT NULL,
    time TEXT NOT NULL, age REAL NOT NULL, source TEXT NOT NULL, frame INTEGER NOT NULL, position REAL)"""
ADDED = {"position": "ALTER TABLE readings ADD COLUMN position REAL"}  # added after version 0.1


class SqliteSink:
    """Implements ReadingSink. A repeated reading, with the same id, is not written again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = Database(path, self._prepare)

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        values = tuple(record(reading).values())
        with self._file.use() as connection:
            connection.execute(f"INSERT OR IGNORE INTO readings VALUES ({', '.join('?' * len(values))})", values)

    def close(self) -> None:
        """See ReadingSink.close."""
        self._file.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(TABLE)
        columns = _columns(connection)
        for name, statement in ADDED.items():
            if name not in columns and columns == list(COLUMNS[: COLUMNS.index(name)]):
                connection.execute(statement)
                columns = _columns(connection)
        if columns != list(COLUMNS):
            raise OutputError(f"{self._path} has a table readings with other columns: name another file")


def _columns(connection: sqlite3.Connection) -> list[str]:
    return [row[1] for row in connection.execute("PRAGMA table_info(readings)")]
