"""Readings that wait on the disk until a broker has acknowledged them."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from edge_runtime.errors import OutputError
from edge_runtime.sinks.database import Database

MEMORY = 1_000  # maximum number of messages in memory while the file cannot be written, a few hundred bytes each
RETRY_SECONDS = 1.0  # between two attempts to write after a failure
TABLE = "CREATE TABLE IF NOT EXISTS outbox (place INTEGER PRIMARY KEY, payload BLOB NOT NULL)"


class Message(NamedTuple):
    """A waiting message."""

    place: int  # increases with each message
    payload: bytes


class Outbox:
    """A first-in, first-out queue in an SQLite file; for any number of threads in one process.

    If it is full, each new message replaces the oldest. While the file cannot be written, up to MEMORY messages wait in
    memory and are written later. A file that was removed is created again with all its messages. Each change of state
    is reported once.
    """

    def __init__(self, path: Path, limit: int, report: Callable[[str], None]) -> None:
        """limit: maximum number of messages on the disk. Raises OutputError if the file cannot be opened."""
        self.path = path
        self.dropped = 0  # messages lost by this process
        self._limit, self._report = limit, report
        self._lock = threading.Lock()
        self._memory: deque[Message] = deque()
        self._taken: set[int] = set()  # places of acknowledged messages that are still in the file
        self._stuck = self._full = False  # the file cannot be written; the file is full
        self._tried = 0.0  # monotonic seconds of the last failed write
        self._on_disk = self._before = self._last = 0
        self._file = Database(path, self._prepare, own=True, rescue=self._rescue)

    def __len__(self) -> int:
        """Return the number of waiting messages."""
        with self._lock:
            return self._on_disk + len(self._memory) - len(self._taken)

    def put(self, payload: bytes) -> None:
        """Add a message; it is on the disk when this returns, if the disk can be written."""
        with self._lock:
            self._last += 1
            self._memory.append(Message(self._last, payload))
            self._save()

    def peek(self, after: int, most: int) -> list[Message]:
        """Return the first messages after the place `after`, in order; raises OutputError."""
        with self._lock:
            with self._file.read() as connection:
                rows = connection.execute(
                    "SELECT place, payload FROM outbox WHERE place > ? ORDER BY place LIMIT ?",
                    (after, most + len(self._taken)),
                ).fetchall()
            found = [Message(*row) for row in rows if row[0] not in self._taken]
            return (found + [each for each in self._memory if each.place > after])[:most]

    def remove(self, places: Sequence[int]) -> None:
        """Remove acknowledged messages."""
        with self._lock:
            in_memory = {each.place for each in self._memory}
            self._taken.update(set(places) - in_memory)
            self._memory = deque(each for each in self._memory if each.place not in places)
            self._save()

    def close(self) -> None:
        """Close the file; raises OutputError if messages were lost or are only in memory."""
        with self._lock:
            self._tried = float("-inf")
            self._save()
            lost = self.dropped + len(self._memory)
            if self._stuck and not self._file.is_there():  # messages in a removed file are lost
                lost += self._on_disk - len(self._taken)
            self._file.close()
        if lost:
            raise OutputError(f"{self.path}: {lost:,} waiting readings are lost: there was no room for them")

    def _save(self) -> None:
        """Update the file; if that fails, it is unchanged and the next attempt writes more."""
        stuck = self._stuck
        if stuck and time.monotonic() - self._tried < RETRY_SECONDS:
            self._bound()
            return
        try:
            with self._file.use() as connection:
                count = self._write(connection)
        except OutputError as error:
            self._stuck, self._tried = True, time.monotonic()
            if not stuck:
                self._report(f"{error}; up to {MEMORY:,} readings wait in memory and are lost if this process ends")
            self._bound()
            return
        self._memory.clear()
        self._taken.clear()
        self._on_disk, self._stuck = count, False
        if stuck:
            self._report(
                f"{self.path} can be written again and contains the readings from memory; {self.dropped:,} were lost"
            )

    def _bound(self) -> None:
        """Drop the oldest of too many messages in memory."""
        while len(self._memory) > MEMORY:
            self._memory.popleft()
            self.dropped += 1

    def _write(self, connection: sqlite3.Connection) -> int:
        """Write everything or nothing; returns the number of messages in the file."""
        run = connection.execute
        missing, self._before = self._before - self._on_disk, 0
        if missing > 0:  # the file was damaged and replaced
            self.dropped += missing
        with _transaction(connection):
            taken = [(place,) for place in self._taken]
            gone = connection.executemany("DELETE FROM outbox WHERE place = ?", taken).rowcount if taken else 0
            connection.executemany("INSERT INTO outbox VALUES (?, ?)", self._memory)
            count = self._on_disk - gone + len(self._memory)
            over = max(0, count - self._limit)
            if over:
                run("DELETE FROM outbox WHERE place IN (SELECT place FROM outbox ORDER BY place LIMIT ?)", (over,))
        self.dropped += over
        if over and not self._full:
            self._report(f"{self.path} is full with {self._limit:,} readings: each new one replaces the oldest")
        self._full = bool(over) or (self._full and count >= self._limit)
        return count - over

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(TABLE)
        self._before = self._on_disk
        self._on_disk, last = _count(connection)
        self._last = max(self._last, last)

    def _rescue(self, old: sqlite3.Connection, new: sqlite3.Connection) -> None:
        """Copy the messages of a removed file to the new one, before the messages that are there already."""
        copied = 0

        def rows() -> Iterator[tuple[int, bytes]]:
            nonlocal copied
            try:
                for row in old.execute("SELECT place, payload FROM outbox"):
                    yield row
                    copied += 1
            except sqlite3.Error:  # its disk is gone as well
                return

        theirs, first = self._on_disk, self._last
        try:
            with _transaction(new):
                if theirs:
                    new.execute("UPDATE outbox SET place = place + ?", (first,))
                new.executemany("INSERT INTO outbox VALUES (?, ?)", rows())
        except BaseException:
            self._on_disk = self._before
            raise
        lost = max(0, self._before - copied)
        self._on_disk, self._before = theirs + copied, 0
        self._last = 2 * first if theirs else first
        self.dropped += lost
        self._report(f"{self.path} was removed or replaced: {copied:,} waiting readings were saved, {lost:,} lost")


def _count(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the number of messages and the place of the last one."""
    count, last = connection.execute("SELECT count(*), max(place) FROM outbox").fetchone()
    return int(count), int(last or 0)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Execute all statements of a block in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
