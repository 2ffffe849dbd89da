"""Copies of the pictures themselves, sorted by what became of them."""

import os
import shutil
from pathlib import Path

from edge_runtime.errors import OutputError
from edge_runtime.types import Row, Status


class Copies:
    """Implements Sink. A copy keeps its path below the folder it goes to and appears there whole or not at all."""

    def __init__(self, root: str, by_label: Path | None, failed: Path | None) -> None:
        """root: where the rows' paths begin. by_label: gets folders 0 to 9 and `rejected`. failed: what failed."""
        self._root, self._by_label, self._failed = Path(root), by_label, failed

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
        source = self._root / path
        # A path from a list may lead anywhere; below the target folder it stays.
        parts = [part for part in Path(path).parts if part not in ("/", "..", ".")]
        target = folder.joinpath(*parts)
        if not source.is_file():  # vanished, or a pipe: its row says so, and there is nothing to copy
            return
        part = target.with_name(f".{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, part)
            except PermissionError:
                if os.access(source, os.R_OK):
                    raise
                return  # unreadable: its row says so
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"the copy {target} cannot be written: {error.strerror}") from error
