"""Copies of the pictures themselves, sorted by what became of them."""

import sys
from contextlib import suppress
from pathlib import Path

from edge_runtime.errors import InputError, OutputError
from edge_runtime.image import read_file
from edge_runtime.types import Row, Status


class Copies:
    """Implements Sink. A copy keeps its path below the folder it goes to and appears there whole or not at all."""

    def __init__(self, root: str, by_label: Path | None, failed: Path | None) -> None:
        """root: where the rows' paths begin. by_label: gets folders 0 to 9 and `rejected`. failed: what failed."""
        self._root, self._by_label, self._failed = root, by_label, failed
        self.missed = 0  # pictures that could not be copied, since they have vanished or cannot be read

    def write(self, row: Row) -> None:
        """See Sink.write."""
        if row.status is Status.FAILED:
            if self._failed:
                self._copy(row.path, self._failed)
        elif self._by_label:
            self._copy(row.path, self._by_label / (row.label if row.status is Status.OK else row.status.value))

    def flush(self) -> None:
        """See Sink.flush."""

    def close(self) -> None:
        """See Sink.close."""

    def _copy(self, path: str, folder: Path) -> None:
        # A path from a list may lead anywhere; below the target folder it stays.
        parts = ["up" if part == ".." else part for part in Path(path.lstrip("/")).parts]
        target = folder.joinpath("root", *parts) if path.startswith("/") else folder.joinpath(*parts)
        try:
            data = read_file(f"{self._root}/{path}" if self._root else path, sys.maxsize)
        except InputError:  # its row says why
            self.missed += 1
            return
        part = target.with_name(".copy.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise OutputError(f"the copy {target} cannot be written: {error.strerror}") from error
