"""Output of `batch-classify`: progress while it runs, and the summary."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from edge_runtime.batch.counts import Counts
from edge_runtime.batch.job import BatchObserver, BatchResult
from edge_runtime.cli.progress import Progress
from edge_runtime.common.text import make_printable
from edge_runtime.images.formats import advice, needs_extra
from edge_runtime.sources import folder as kinds
from edge_runtime.types import Row, Status

WARNINGS = 20  # warnings that are shown; one line says that there are more
KINDS = 12  # kinds of skipped files that are listed
MAX_CHARACTERS = 300  # of a path in a message
SKIPPED_KINDS = {
    kinds.HIDDEN: "hidden or system (--hidden reads them)",
    kinds.WRITTEN: "written by edge-digits (name the folder itself to read it)",
    kinds.PATTERN: "by --include and --exclude",
    kinds.LINK: "linked to a folder (links to folders are not followed)",
    kinds.OTHER: "without a known suffix (no supported image format)",
}


class BatchTerminal(BatchObserver):
    """Shows progress and the first warnings on standard error; a context manager that clears the status line."""

    def __init__(self) -> None:
        self._progress = Progress()
        self._warnings = 0

    def __enter__(self) -> "BatchTerminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.line.clear()

    def begin(self, earlier: int, count: Callable[[], int] | None) -> None:
        """See BatchObserver.begin."""
        self._progress.begin(earlier, count)

    def rows(self, rows: Sequence[Row], counts: Counts) -> None:
        """See BatchObserver.rows."""
        self._progress.show(counts.files, counts.statuses[Status.FAILED])

    def warn(self, line: str) -> None:
        """See BatchObserver.warn."""
        self._warnings += 1
        if self._warnings <= WARNINGS:
            self._progress.line.print(f"warning: {shorten(line)}")
        elif self._warnings == WARNINGS + 1:
            self._progress.line.print("warning: there are more of these")


def print_result(result: BatchResult, listed: bool) -> None:
    """Print the summary. listed: the paths came from standard input, not from a folder."""
    counts = result.counts
    statuses = ", ".join(f"{counts.statuses[status]:,} {status}" for status in Status)
    pages = f" with {counts.rows:,} pages" if counts.rows != counts.files else ""
    rate = f", {(counts.files - counts.earlier) / result.seconds:,.0f}/s" if counts.files else ""
    click.echo(f"{counts.files:,} images{pages} in {result.seconds:.1f} s{rate}: {statuses}")
    if result.skipped:
        click.echo(f"skipped {describe_skipped(result.skipped)}")
    if counts.failed:
        click.echo(f"failed, for example: {_describe_row(counts.failed)}: {counts.failed.error}")
        if listed and not os.path.lexists(counts.failed.path):
            click.echo(f"a path in a list is relative to {Path.cwd()}, such as scans/7.png, or starts with /")
    if counts.noted:
        click.echo(f"{counts.notes:,} partly read, for example: {_describe_row(counts.noted)}: {counts.noted.note}")
    if read := counts.statuses[Status.OK] + counts.statuses[Status.REJECTED]:
        click.echo(f"kept {counts.statuses[Status.OK] / read:.2%} of the images that could be read")
    if counts.count_labels and counts.rows:
        click.echo("labels: " + ", ".join(f"{digit}: {counts.labels[str(digit)]:,}" for digit in range(10)))
    if counts.truth:
        _print_accuracy(result)


def _print_accuracy(result: BatchResult) -> None:
    """Print accuracy and the table by digit."""
    counts = result.counts
    unused = counts.truth.unused() if counts.truth else []
    if unused:
        click.echo(f"{len(unused):,} true labels match no image, for example: {shorten(unused[0])}")
    without = (
        counts.unlabelled and f"{counts.without:,} have no true label, for example: {_describe_row(counts.unlabelled)}"
    )
    confusion = counts.confusion
    if not confusion.count:
        click.echo(f"no accuracy: {without or 'there is no image'}")
        return
    click.echo(f"accuracy {confusion.accuracy:.2%} of {confusion.count:,} images with a true label")
    if without:
        click.echo(without)
    click.echo(f"{'digit':>5}{'count':>9}{'precision':>11}{'recall':>9}{'F1':>9}")
    for digit, count, *shares in confusion.digit_metrics():
        precision, recall, f1 = ("-" if share != share else f"{share:.2%}" for share in shares)
        click.echo(f"{digit:>5}{count:>9,}{precision:>11}{recall:>9}{f1:>9}")
    click.echo(f"the confusion matrix is in {result.confusion_image}")


def describe_skipped(counts: Counter[str]) -> str:
    """Return the kinds of files that were skipped, how many of each, and what to do."""
    parts = []
    for kind, count in counts.most_common(KINDS):
        if kind in SKIPPED_KINDS:
            parts.append(f"{count:,} {SKIPPED_KINDS[kind]}")
        else:
            parts.append(f"{count:,} {kind} ({needs_extra(kind) or advice(kind) or 'no supported image format'})")
    if rest := counts.total() - sum(count for _, count in counts.most_common(KINDS)):
        parts.append(f"{rest:,} of other kinds")
    return ", ".join(parts)


def shorten(text: str) -> str:
    """Return a make_printable path or line of at most about MAX_CHARACTERS characters."""
    text = make_printable(text)
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS // 2]}...{text[-MAX_CHARACTERS // 2 :]}"


def _describe_row(row: Row) -> str:
    return shorten(row.path) + (f", page {row.page}" if row.page > 1 else "")
