"""`edge-digits bench`: speed and memory of the package on this device."""

import json
from pathlib import Path
from typing import Any

import click

from edge_runtime.cli.options import model_option, threads_option
from edge_runtime.cli.run import debug_option
from edge_runtime.common.text import make_printable
from edge_runtime.errors import EdgeDigitsError, FileError, OutputError, UsageError

RESULT_BYTES = 16 * 1024 * 1024  # bytes: the largest result file that is read
EPILOG = """\b
Examples:
  edge-digits bench
  edge-digits bench --model ann-small --output pi5.json
  edge-digits bench --compare pi4.json pi5.json
"""


@click.command(epilog=EPILOG)
@model_option
@threads_option
@click.option(
    "--rounds", type=click.IntRange(1, 100), default=3, show_default=True, help="Repetitions of all measurements."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.01, 3600),
    default=1.0,
    show_default=True,
    help="Length of each measurement loop.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Also write the JSON object to FILE.")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A B",
    help="Measure nothing; compare two files of --output side by side.",
)
@debug_option
def bench(
    model: str | None,
    threads: int,
    rounds: int,
    seconds: float,
    as_json: bool,
    output: Path | None,
    compare: tuple[Path, Path] | None,
) -> None:
    """Measure latency, start-up time and memory of every installed backend on this device.

    Each backend runs in new processes, in turn with the others. Temperature, clock and throttling are recorded before
    and after, and the energy on a Raspberry Pi 5.
    """
    # Imported here, so that --help stays fast.
    from edge_runtime.bench import table
    from edge_runtime.bench.measure import measure
    from edge_runtime.bundles.bundle import load_bundle

    if compare:
        if output is not None or as_json:
            raise UsageError("--compare prints a table: omit --json and --output")
        try:
            lines = list(table.compare(*map(_read, compare)))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, EdgeDigitsError):
                raise
            raise FileError(f"one of the two files is not a complete result of edge-digits bench: {error!r}") from error
        for line in lines:
            click.echo(make_printable(line))
        return
    found = measure(load_bundle(model), rounds, seconds, threads, lambda line: click.echo(line, err=True))
    if output is not None:
        try:
            output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{output} cannot be written: {error.strerror}") from error
    for line in [json.dumps(found)] if as_json else table.table(found):
        click.echo(line)


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > RESULT_BYTES:
            raise FileError(f"{path} has more than {RESULT_BYTES:,} bytes: not a result of edge-digits bench")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path} is not JSON: name two files written by edge-digits bench --output") from error
