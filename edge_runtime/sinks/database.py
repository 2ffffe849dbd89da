"""SQLite files of sinks: committed data survives a kill and a power failure."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_runtime.common.files import READINGS_MODE
from edge_runtime.errors import OutputError

BUSY_SECONDS = 1.0  # seconds to wait for another program's lock

DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)  # a new connection may find the file repaired

Identity = tuple[int, int] | None  # device and inode of a file; None if there is no file


class Database:
    """A SQLite file for any thread, one at a time; every statement is its own transaction.

    A file that was removed, moved or replaced is opened or created again before its next use.
    """

    def __init__(
        self,
        path: Path,
        prepare: Callable[[sqlite3.Connection], None],
        own: bool = False,
        rescue: Callable[[sqlite3.Connection, sqlite3.Connection], None] | None = None,
    ) -> None:
        """Open or create the file.

        prepare: creates or checks the tables of a newly opened file. own: create the folder as well, and allow no other
        process to open the file. rescue: called with the old and the new connection if the file was replaced, to copy
        data that must not be lost. Raises OutputError if the file cannot be opened or is not an SQLite file.
        """
        self.path = path
        self._prepare, self._own, self._rescue = prepare, own, rescue
        self._connection: sqlite3.Connection | None = None
        self._file: Identity = None  # the open file
        self._log: Identity = None  # its write-ahead log, after the last use
        self._damaged = False
        with _map_errors(path):
            self._open_again()

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection to the file that the path names now; raises OutputError for all failures."""
        with _map_errors(self.path):
            log = self.path.with_name(f"{self.path.name}-wal")
            if self._damaged or self._file is None or (self._file, self._log) != (_identify(self.path), _identify(log)):
                self._open_again()
            assert self._connection is not None
            try:
                yield self._connection
            except sqlite3.DatabaseError as error:
                self._damaged = _code(error) in DAMAGED
                raise
            self._log = _identify(log)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield the open connection, even if the file was removed; raises OutputError."""
        with _map_errors(self.path):
            if self._connection is None:
                raise OutputError(f"{self.path} is not open")
            yield self._connection

    def is_there(self) -> bool:
        """Return whether the path still names the open file."""
        return self._file is not None and self._file == _identify(self.path)

    def close(self) -> None:
        """Close the file; raises OutputError."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with _map_errors(self.path):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{self.path} is not a regular file: name another")
        if self._own:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # files that SQLite creates are readable by all; its log gets the same mode
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, READINGS_MODE))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if self._own:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_again(self) -> None:
        old = self._connection
        # If the file is still there, only the log was removed.
        gone = self._file is None or self._file != _identify(self.path)
        rescue = self._rescue if gone and old is not None and not self._damaged else None
        if old is not None:
            with suppress(sqlite3.Error):  # a remaining log would be applied to the new file
                old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file = None
        if rescue is None:
            self.close()
        new = self._open()
        file = _identify(self.path)
        if old is not None and rescue is not None:
            try:
                rescue(old, new)
            except BaseException:
                new.close()
                raise
            self.close()
        self._connection, self._file, self._damaged = new, file, False


def _identify(path: Path) -> Identity:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _map_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the system into one line about the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code in DAMAGED:
            reason = "it is not an SQLite file, or it is damaged: move it away"
        elif code == sqlite3.SQLITE_BUSY:
            reason = "another process is using it"
        else:
            reason = str(error)
        raise OutputError(f"{path} cannot be written: {reason}") from error
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # without the extended part
