"""SQLite files of sinks: what is committed survives a kill and a loss of power."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_runtime.common.files import READINGS_MODE
from edge_runtime.errors import OutputError

BUSY_SECONDS = 1.0  # seconds that another program may keep the file locked

DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)  # a new connection may find the file mended

Identity = tuple[int, int] | None  # device and inode of a file; None where there is none


class Database:
    """A SQLite file for any thread, one at a time; every statement is a transaction of its own.

    A file that was removed, moved away or replaced meanwhile is opened again, or made again, before it is used next.
    """

    def __init__(
        self,
        path: Path,
        prepare: Callable[[sqlite3.Connection], None],
        own: bool = False,
        rescue: Callable[[sqlite3.Connection, sqlite3.Connection], None] | None = None,
    ) -> None:
        """Open the file, or make it.

        prepare: makes the tables of a file that was just opened, or checks them. own: its folder is made, too, and no
        other process may have it open. rescue: gets the old and the new connection where the file has gone, and copies
        what must not be lost. Raises OutputError where the file cannot be opened or is no SQLite file.
        """
        self.path = path
        self._prepare, self._own, self._rescue = prepare, own, rescue
        self._connection: sqlite3.Connection | None = None
        self._file: Identity = None  # that is open
        self._log: Identity = None  # its write-ahead log, after the last use
        self._damaged = False
        with _map_errors(path):
            self._open_again()

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to the file that has the path's name now; raises OutputError for all that fails."""
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
        """Give the connection as it is, though the file may have lost its name; raises OutputError."""
        with _map_errors(self.path):
            if self._connection is None:
                raise OutputError(f"{self.path} is not open")
            yield self._connection

    def is_there(self) -> bool:
        """Tell whether the open file still has its name."""
        return self._file is not None and self._file == _identify(self.path)

    def close(self) -> None:
        """Close the file; raises OutputError."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with _map_errors(self.path):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"{self.path} is no regular file: name another")
        if self._own:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # SQLite's own files would be open to everybody; its log gets the same mode
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
        # Where it has not gone, it is only the log that was taken away.
        gone = self._file is None or self._file != _identify(self.path)
        rescue = self._rescue if gone and old is not None and not self._damaged else None
        if old is not None:
            with suppress(sqlite3.Error):  # a log that stays behind would be taken for the new file's
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
    """Turn what SQLite and the system raise into one line about the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = _code(error)
        if code in DAMAGED:
            reason = "it is no SQLite file, or a damaged one: move it away"
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
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # without what extends it
