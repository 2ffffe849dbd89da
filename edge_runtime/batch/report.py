"""What `batch-classify` counts while rows go by, and says of them at the end."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from edge_runtime.batch.chart import confusion_png
from edge_runtime.batch.labels import Truth
from edge_runtime.batch.score import Score
from edge_runtime.cli.table import printable
from edge_runtime.errors import OutputError
from edge_runtime.images.formats import advice, needs_extra
from edge_runtime.sources import folder as kinds
from edge_runtime.sources.folder import Folder
from edge_runtime.types import Row, Status

WARNINGS = 20  # warnings of one kind that are shown each; further ones are counted
KINDS = 12  # kinds of skipped files that are named
LETTERS = 300  # of a path in a message
SKIPPED = {
    kinds.HIDDEN: "hidden or system (--hidden reads them)",
    kinds.WRITTEN: "written by edge-digits (name the folder itself to read it)",
    kinds.PATTERN: "by --include and --exclude",
    kinds.LINK: "linked to a folder (links to folders are not followed)",
    kinds.OTHER: "without a known suffix (no image format that is read)",
}


class Warnings:
    """Says the first warnings of a kind, and counts them all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.count = 0

    def __call__(self, line: str) -> None:
        """Say one."""
        self.count += 1
        if self.count <= WARNINGS:
            self._say(f"warning: {shown(line)}")
        elif self.count == WARNINGS + 1:
            self._say("warning: there are more of these")


class Report:
    """Counts rows."""

    def __init__(self, truth: Truth | None, of_digits: bool) -> None:
        """truth: knows true labels. of_digits: labels are single digits, which are counted."""
        self._truth, self._of_digits = truth, of_digits
        self.statuses: Counter[str] = Counter()
        self.files = 0
        self.earlier = 0  # files of an earlier run
        self._labels: Counter[str] = Counter()
        self._failed: Row | None = None  # the first one
        self._noted: Row | None = None  # the first one
        self._notes = 0
        self._unlabelled: Row | None = None  # the first one
        self._without = 0  # rows without a true label
        self._score = Score()

    @property
    def total(self) -> int:
        """Rows so far: pages."""
        return self.statuses.total()

    def add(self, rows: Sequence[Row]) -> None:
        """Count rows."""
        labels = [row.label for row in rows if row.status is Status.OK]
        if self._of_digits:  # texts of pages would all be kept
            self._labels.update(labels)
        self.statuses[Status.OK] += len(labels)
        if len(labels) < len(rows):
            self.statuses.update(row.status for row in rows if row.status is not Status.OK)
            if self._failed is None:
                self._failed = next((row for row in rows if row.status is Status.FAILED), None)
        self.files += [row.page for row in rows].count(1)
        if noted := [row for row in rows if row.note]:
            self._noted = self._noted or noted[0]
            self._notes += len(noted)
        if self._truth is None:
            return
        for row in rows:
            truth = self._truth.label(row)
            if truth is None:
                self._unlabelled = self._unlabelled or row
                self._without += 1
            else:
                self._score.add(row, truth)

    def print(self, seconds: float, source: Folder | None) -> None:
        """Print the summary. source: the folder that was read; None for a list."""
        counts = ", ".join(f"{self.statuses[status]:,} {status}" for status in Status)
        pages = f" with {self.total:,} pages" if self.total != self.files else ""
        rate = f", {(self.files - self.earlier) / seconds:,.0f}/s" if self.files else ""
        click.echo(f"{self.files:,} images{pages} in {seconds:.1f} s{rate}: {counts}")
        if source and source.skipped:
            click.echo(f"skipped {skipped(source.skipped)}")
        if self._failed:
            click.echo(f"failed, for example: {_named(self._failed)}: {self._failed.error}")
            path = self._failed.path
            if source is None and not os.path.lexists(path):
                click.echo(f"a path in a list is relative to {Path.cwd()}, such as scans/7.png, or begins with /")
        if self._noted:
            click.echo(f"{self._notes:,} read in part, for example: {_named(self._noted)}: {self._noted.note}")
        if read := self.statuses[Status.OK] + self.statuses[Status.REJECTED]:
            click.echo(f"kept {self.statuses[Status.OK] / read:.2%} of the images that could be read")
        if self._of_digits and self.total:
            click.echo("labels: " + ", ".join(f"{digit}: {self._labels[str(digit)]:,}" for digit in range(10)))

    def print_score(self, picture: Path) -> None:
        """Print accuracy and the table by digit, and draw the confusion as a picture."""
        unused = self._truth.unused() if self._truth else []
        if unused:
            click.echo(f"{len(unused):,} true labels belong to no image, for example: {shown(unused[0])}")
        without = self._unlabelled and f"{self._without:,} have no true label, for example: {_named(self._unlabelled)}"
        score = self._score
        if not score.count:
            click.echo(f"no accuracy: {without or 'there is no image'}")
            return
        click.echo(f"accuracy {score.accuracy:.2%} of {score.count:,} images with a true label")
        if without:
            click.echo(without)
        click.echo(f"{'digit':>5}{'count':>9}{'precision':>11}{'recall':>9}{'F1':>9}")
        for digit, count, *shares in score.classes():
            precision, recall, f1 = ("-" if share != share else f"{share:.2%}" for share in shares)
            click.echo(f"{digit:>5}{count:>9,}{precision:>11}{recall:>9}{f1:>9}")
        try:
            picture.write_bytes(confusion_png(score.confusion, f"{score.accuracy:.2%} of {score.count:,} right"))
        except OSError as error:
            raise OutputError(f"{picture} cannot be written: {error.strerror}") from error
        click.echo(f"the confusion is drawn in {picture}")


def skipped(counts: Counter[str]) -> str:
    """Say which kinds of files were skipped, how many of each, and what to do."""
    said = []
    for kind, count in counts.most_common(KINDS):
        if kind in SKIPPED:
            said.append(f"{count:,} {SKIPPED[kind]}")
        else:
            said.append(f"{count:,} {kind} ({needs_extra(kind) or advice(kind) or 'no image format that is read'})")
    if rest := counts.total() - sum(count for _, count in counts.most_common(KINDS)):
        said.append(f"{rest:,} of further kinds")
    return ", ".join(said)


def shown(text: str) -> str:
    """A path or a line that cannot break the terminal's line, and is not much longer than one."""
    text = printable(text)
    return text if len(text) <= LETTERS else f"{text[: LETTERS // 2]}...{text[-LETTERS // 2 :]}"


def _named(row: Row) -> str:
    return shown(row.path) + (f", page {row.page}" if row.page > 1 else "")
