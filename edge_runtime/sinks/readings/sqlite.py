"""Readings as rows of the table `readings` in a SQLite file."""

from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.sinks.readings.database import failures, open_database
from edge_runtime.sinks.readings.record import COLUMNS, record
from edge_runtime.types import Reading

TABLE = """CREATE TABLE IF NOT EXISTS readings (
    id TEXT PRIMARY KEY, event TEXT NOT NULL, text TEXT NOT NULL, confidence REAL NOT NULL,
    time TEXT NOT NULL, age REAL NOT NULL, source TEXT NOT NULL, frame INTEGER NOT NULL)"""


class SqliteSink:
    """Implements ReadingSink. A reading that comes again, by its id, is not written twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_database(path)
        try:
            with failures(path):
                self._connection.execute(TABLE)
                columns = [row[1] for row in self._connection.execute("PRAGMA table_info(readings)")]
            if columns != list(COLUMNS):
                raise OutputError(f"{path} has a table readings with other columns: name another file")
        except BaseException:
            self._connection.close()
            raise

    def write(self, reading: Reading) -> None:
        """See ReadingSink.write."""
        values = tuple(record(reading).values())
        with failures(self._path):
            self._connection.execute(f"INSERT OR IGNORE INTO readings VALUES ({', '.join('?' * len(values))})", values)

    def close(self) -> None:
        """See ReadingSink.close."""
        with failures(self._path):
            self._connection.close()
