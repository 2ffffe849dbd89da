"""`edge-digits corrections`: cut the digits of corrected fields into a labelled folder."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import cv2

from edge_runtime.batch.corrections import Corrections
from edge_runtime.batch.file_pages import pages_of
from edge_runtime.classifier import Classifier
from edge_runtime.cli.options import backend_option, model_option
from edge_runtime.cli.progress import Progress
from edge_runtime.cli.run import debug_option
from edge_runtime.common.files import write_whole
from edge_runtime.common.text import make_printable
from edge_runtime.errors import FAILED, InputError, OutputError, UsageError
from edge_runtime.forms.corrected import CorrectedField
from edge_runtime.forms.form import read_form
from edge_runtime.forms.reading import FormReader
from edge_runtime.pipeline import Reader

EPILOG = """\b
Examples:
  edge-digits corrections corrections.csv scans --fields form.toml --output digits
  python -m train ann --extra digits --out runs/mine
"""
PATH = click.Path(path_type=Path)
SHOWN = 5  # fields without digits that are named


@click.command("corrections", epilog=EPILOG)
@click.argument("table", type=PATH)
@click.argument("folder", type=PATH, default=".")
@click.option("--fields", type=PATH, required=True, metavar="FORM", help="TOML file of the form.")
@click.option("--output", type=PATH, required=True, metavar="DIR", help="Folder of the digits, made if it is missing.")
@model_option
@backend_option
@debug_option
def corrections(table: Path, folder: Path, fields: Path, output: Path, model: str | None, backend: str) -> int:
    """Cut the digits of the corrected fields in TABLE out of the pages in FOLDER, by default the current one.

    TABLE is what the report of `batch-classify --report` exports: path, page, field and text. Writes the digits into
    the folders 0 to 9 of DIR, which `python -m train --extra` takes. A field is left out if no reading of it has as
    many digits as its value.
    """
    form = read_form(fields)
    corrected = Corrections(table, [field.name for field in form.fields])
    if not corrected.count:
        raise UsageError(f"{table} has no corrections: export them from the report of batch-classify --report")
    reader = FormReader(Reader(Classifier(model, backend)), form)
    count, failed = 0, 0
    left_out: list[str] = []
    progress = Progress()
    progress.begin(0, lambda: corrected.count_files)
    for number, (path, pages) in enumerate(corrected.pages(), 1):
        for page, found in _read(reader, folder, path, pages):
            where = make_printable(f"{path}, page {page}")
            if isinstance(found, str):
                failed += 1
                progress.line.print(f"{where}: {found}")
                continue
            for field in found:
                count += _write(output, f"{_name(path)}-{page}-{_plain(field.name)}", field)
                if field.value and not field.digits:
                    left_out.append(f"{where}, {make_printable(field.name)}")
        progress.show(number, failed)
    progress.line.clear()
    click.echo(f"{count:,} digits are in {output}")
    _print_left_out(left_out)
    return FAILED if failed else 0


def _print_left_out(fields: list[str]) -> None:
    if fields:
        more = f"; and {len(fields) - SHOWN:,} more" if len(fields) > SHOWN else ""
        shown = "; ".join(fields[:SHOWN])
        click.echo(f"left out, as their digits were not found ({len(fields):,}): {shown}{more}", err=True)


def _read(
    reader: FormReader, folder: Path, path: str, pages: dict[int, dict[str, str]]
) -> Iterator[tuple[int, list[CorrectedField] | str]]:
    """Yield each page of a file that has corrections with its fields, or with why it could not be read."""
    left = dict(pages)
    for gray, page, note in pages_of(path, str(folder)):
        values = left.pop(page, None)
        if not values:
            continue
        try:
            yield page, reader.cut_digits(gray, values) if gray is not None else note
        except InputError as error:
            yield page, str(error)
        if not left:
            return
    for page in left:
        yield page, "the file has no such page"


def _write(output: Path, name: str, field: CorrectedField) -> int:
    """Write the digits of a field; returns how many."""
    for number, (label, gray) in enumerate(field.digits, 1):
        path = output / label / f"{name}-{number}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, bytes(cv2.imencode(".png", gray)[1]))
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    return len(field.digits)


def _name(path: str) -> str:
    """Return a file name for a path that no other path has."""
    return f"{_plain(Path(path).stem)}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text)[:40]
