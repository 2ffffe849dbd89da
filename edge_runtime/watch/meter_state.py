"""The last reading of a meter in a file, so that it survives restarts."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from edge_runtime.common.files import READINGS_MODE, Files, write_whole
from edge_runtime.errors import EdgeDigitsError
from edge_runtime.images.files import read_file
from edge_runtime.watch.meter import MOST_DIGITS, LastReading

FILE_BYTES = 4096  # bytes: maximum size of the file
HINT = "the next reading counts as the first one"


class MeterState:
    """Keeps one reading. Problems are reported once and do not end the watch."""

    def __init__(self, path: Path, report: Callable[[str], None], files: Files | None = None) -> None:
        """report: called with one line if the file cannot be read or written."""
        self.path = path
        self._report, self._files = report, files or Files()
        self._failing = False

    def load(self) -> LastReading | None:
        """Return the reading, with its time on the monotonic clock of this process; None if there is none."""
        if not self.path.exists():
            return None
        try:
            found = json.loads(read_file(self.path, FILE_BYTES))
            text, seen = found["text"], float(found["seen"])
            if not isinstance(text, str) or not _is_reading(text) or not math.isfinite(seen):
                raise ValueError
        except (EdgeDigitsError, ValueError, LookupError, TypeError, RecursionError) as error:
            reason = str(error) if isinstance(error, EdgeDigitsError) else "it is damaged"
            self._report(f"{self.path} cannot be used: {reason}; {HINT}")
            return None
        return LastReading(text, time.monotonic() - max(0.0, time.time() - seen))

    def save(self, last: LastReading) -> None:
        """Write a reading atomically: after a crash, the file has this reading or the one before."""
        seen = time.time() - max(0.0, time.monotonic() - last.time)
        record = json.dumps({"text": last.text, "seen": round(seen, 3)}).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, record, files=self._files, mode=READINGS_MODE)
        except OSError as error:
            if not self._failing:
                self._report(f"{self.path} cannot be written: {error.strerror}; after a restart {HINT}")
            self._failing = True
        else:
            self._failing = False


def _is_reading(text: str) -> bool:
    digits = text.replace("\n", "")
    return digits.isascii() and digits.isdecimal() and len(text) <= 2 * MOST_DIGITS
