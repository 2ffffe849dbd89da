"""Output of `batch-classify`: progress while it runs, and the summary."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from edge_runtime.batch.corrections import Corrections
from edge_runtime.batch.counts import Counts
from edge_runtime.batch.job import BatchObserver, BatchResult
from edge_runtime.batch.text_accuracy import TextAccuracy
from edge_runtime.cli.progress import Progress
from edge_runtime.common.text import make_printable
from edge_runtime.images.formats import advice, needs_extra
from edge_runtime.sources import folder as kinds
from edge_runtime.types import Row, Status

WARNINGS = 20  # warnings that are shown; one line says that there are more
KINDS = 12  # kinds of skipped files that are listed
FIELDS, CONFUSED = 40, 8  # fields, and pairs of digits, that are listed
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
    if counts.fields:
        _print_fields(counts)
    if result.corrections:
        print_corrections(result.corrections)
    if counts.truth:
        _print_accuracy(result)
    if counts.texts:
        _print_texts(counts.texts, result.companion)


def _print_fields(counts: Counts) -> None:
    """Print how often each field was accepted, and why it was rejected."""
    width = max(len("field"), *map(len, counts.fields))
    click.echo(f"{'field':<{width}}{'accepted':>10}  rejected")
    for name, reasons in list(counts.fields.items())[:FIELDS]:
        rejected = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common() if reason)
        click.echo(f"{name:<{width}}{reasons[''] / reasons.total():>10.2%}  {rejected}".rstrip())
    if len(counts.fields) > FIELDS:
        click.echo(f"and {len(counts.fields) - FIELDS:,} more fields")


def print_corrections(corrections: Corrections) -> None:
    """Print how many corrections were merged, and a path that no row has."""
    click.echo(f"{corrections.count:,} corrections were merged")
    if unused := corrections.unused:
        click.echo(f"warning: {len(unused):,} corrected files are not in the output, for example: {shorten(unused[0])}")


def _print_texts(texts: TextAccuracy, companion: Path | None) -> None:
    """Print the accuracy of texts, what rejecting buys, and the digits that are confused."""
    if unused := texts.unused():
        click.echo(f"{len(unused):,} true texts match no image, for example: {shorten(unused[0])}")
    if texts.without:
        click.echo(f"{texts.without:,} rows have no true text")
    counts = {name: each for name, each in texts.counts.items() if each.texts}
    if not counts:
        click.echo("no accuracy: there is no true text for any row")
        return
    width = max(len("text"), *map(len, counts))
    click.echo(
        f"{'text':<{width}}{'count':>9}{'exact':>9}{'character errors':>18}{'accepted':>10}{'right of these':>16}"
    )
    for name, each in list(counts.items())[:FIELDS]:
        right = f"{each.accepted_exact / each.accepted:.2%}" if each.accepted else "-"
        click.echo(
            f"{name:<{width}}{each.texts:>9,}{each.exact / each.texts:>9.2%}{each.error_rate:>18.2%}"
            f"{each.accepted / each.texts:>10.2%}{right:>16}"
        )
    click.echo(f"{'trust from':>10}{'accepted':>10}{'wrong of these':>16}")
    for step in texts.total().coverages():
        click.echo(f"{step.trust:>10.2f}{step.coverage:>10.2%}{step.error:>16.2%}")
    if confused := texts.confused.most_common(CONFUSED):
        click.echo("confused: " + ", ".join(f"{true} read as {read}: {count:,}" for (true, read), count in confused))
    click.echo(f"the figures of each are in {companion}")


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
    click.echo(f"the confusion matrix is in {result.companion}")


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
