"""The report of a batch of forms: one HTML page that shows what was rejected and takes corrections.

While a job runs, `REPORT.part` holds a line of JSON for each rejected field and each failed page. The page is written
when the job ends. It needs no server and no other file.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from edge_runtime.batch.counts import Counts
from edge_runtime.common.files import write_whole
from edge_runtime.common.text import make_printable
from edge_runtime.errors import OutputError
from edge_runtime.types import Row, Status

ITEMS, SUMMARY = b"/*ITEMS*/", b"/*SUMMARY*/"  # places in the template
MOST = 20_000  # fields that are shown: more would make the page slow
LINE = 1_000_000  # bytes of a line that is read back


class Report:
    """Collects what was rejected, and writes the page."""

    def __init__(self, path: Path, resume: bool) -> None:
        """path: the page. resume: keep what an unfinished job has collected. Raises OutputError."""
        self._path, self._part = path, path.with_name(path.name + ".part")
        self.files = (path, self._part)
        try:
            self._file = self._part.open("ab" if resume else "wb")
        except OSError as error:
            raise OutputError(f"the report {path} cannot be written: {error.strerror}") from error

    def add(self, rows: Sequence[Row]) -> None:
        """Collect the rejected fields of rows, and the pages that failed."""
        lines = [json.dumps(each) for row in rows for each in _items(row)]
        try:
            self._file.write("".join(f"{line}\n" for line in lines).encode())
            self._file.flush()
        except OSError as error:
            raise OutputError(f"the report {self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, which a resumed job continues."""
        self._file.close()

    def finish(self, counts: Counts, output: Path) -> int:
        """Write the page and return how many items it shows; raises OutputError."""
        self.close()
        shown = 0

        def write(target: BinaryIO) -> None:
            nonlocal shown
            template = files(__package__).joinpath("report.html").read_bytes()
            before, after = template.replace(SUMMARY, _script(_summary(counts, output))).split(ITEMS)
            target.write(before)
            for line in self._lines():
                target.write((b",\n" if shown else b"") + line)
                shown += 1
            target.write(after)

        try:
            write_whole(self._path, write)
            self._part.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"the report {self._path} cannot be written: {error.strerror}") from error
        return shown

    def _lines(self) -> Iterator[bytes]:
        """Yield the items that were collected, each once: a job that was killed may have collected some twice."""
        seen: set[tuple[str, int, str]] = set()
        with self._part.open("rb") as file:
            while (line := file.readline(LINE)) and len(seen) < MOST:
                try:
                    item: dict[str, Any] = json.loads(line)
                    key = (item["path"], item["page"], item["field"])
                except (ValueError, LookupError, TypeError):  # cut off by a kill
                    continue
                if key not in seen:
                    seen.add(key)
                    yield _script(item)


def _items(row: Row) -> Iterator[dict[str, Any]]:
    place = {"path": row.path, "name": make_printable(row.path), "page": row.page}
    if row.status is Status.FAILED:
        yield place | {"field": "", "text": "", "trust": 0.0, "reason": row.error, "crop": ""}
    for each in row.fields:
        if each.status is Status.REJECTED:
            crop = base64.b64encode(each.crop).decode()
            known = {"field": each.name, "text": each.text, "trust": round(each.trust, 4), "reason": each.reason}
            yield place | known | {"crop": crop}


def _summary(counts: Counts, output: Path) -> dict[str, Any]:
    fields = [
        {"name": name, "accepted": each[""], "rejected": each.total() - each[""], "reasons": dict(each) | {"": 0}}
        for name, each in counts.fields.items()
    ]
    pages = {status.value: counts.statuses[status] for status in Status}
    return {"output": output.name, "pages": pages, "fields": fields, "most": MOST}


def _script(value: Any) -> bytes:
    """Return JSON that may stand in a script element."""
    return json.dumps(value).replace("<", "\\u003c").encode()
