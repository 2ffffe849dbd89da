"""The commands on speed and size: latency, footprint, instructions, and all of them in their short forms."""

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from benchmarks import footprint, instructions, keras_model, tables
from benchmarks.machine import machine
from benchmarks.options import (
    FOLDER,
    bundles,
    file_name,
    given_models,
    models_option,
    out_option,
    read_mnist,
    refuse_unused,
    results_folder,
    runs_option,
)
from edge_runtime.bundles.bundle import DEFAULT, load_bundle, names
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import EdgeDigitsError, MissingLibraryError, UsageError
from train.data.option import data_option

RECORD = tables.RESULTS / "instructions.json"


@click.command("latency")
@models_option
@click.option(
    "--subject", "subjects", multiple=True, help="Only this way to read digits; may be given again; needs --out."
)
@click.option("--rounds", type=click.IntRange(1), help="Repeats of everything.  [default: 5, official 1]")
@click.option(
    "--seconds",
    type=click.FloatRange(0.05),
    default=1.0,
    show_default=True,
    help="Of each LoadGen run, without --official.",
)
@click.option("--official", is_flag=True, help="MLPerf's own minimum: 600 seconds, 1,024 queries, 24,576 samples.")
@click.option("--core", type=click.IntRange(0), help="The core to run on.  [default: the last]")
@runs_option
@data_option
@out_option
@debug_option
def latency(
    models: Sequence[str],
    subjects: Sequence[str],
    rounds: int | None,
    seconds: float,
    official: bool,
    core: int | None,
    runs: Sequence[Path],
    data: Path | None,
    out: Path,
) -> int:
    """Latency of one digit and rate of many, by the rules of MLPerf Inference, through its LoadGen.

    Each way to read digits runs in a fresh process on one core with one thread, in turn with the others, once from an
    array and once from an encoded picture in memory. Exit code 1 if a promised ratio is missed.
    """
    from benchmarks import plots
    from benchmarks.latency import measure
    from benchmarks.latency.subjects import KERAS, SUBJECTS, why_not

    for name in subjects:
        if name not in SUBJECTS:
            raise click.BadParameter(f"{name}: choose of {', '.join(SUBJECTS)}", param_hint="--subject")
    chosen = tuple(subjects) or tuple(SUBJECTS)
    refuse_unused("--seconds", "seconds", not official, "a run without --official")
    refuse_unused("--run", "runs", bool(KERAS & set(chosen)), f"--subject {' or '.join(sorted(KERAS))}")
    if core is not None and core not in os.sched_getaffinity(0):
        raise click.BadParameter(
            f"{core}: this process may use {', '.join(map(str, sorted(os.sched_getaffinity(0))))}", param_hint="--core"
        )
    results_folder(out, [*given_models(models), *(f"--subject {name}" for name in subjects)])
    opened = bundles(models)
    keras_model.find_all(opened, runs)
    for model, bundle in opened.items():
        for name in subjects:
            if reason := why_not(name, bundle):
                raise UsageError(f"--subject {name} cannot be measured of {model}: {reason}")
    if find_spec("mlperf_loadgen") is None:
        raise MissingLibraryError(
            "LoadGen (mlcommons-loadgen) is not installed; it has wheels for x86-64 alone: edge-digits bench needs none"
        )
    if {SUBJECTS[name].file for name in chosen} & {"tflite_float", "onnx_float"}:
        keras_model.make_floats(opened)
    repeats = rounds or (1 if official else 5)
    plan = measure.Plan(repeats, seconds, official, chosen, measure.last_core() if core is None else core)
    digits = read_mnist(data).test_images
    found = {name: measure.measure(name, digits, plan, runs, click.echo) for name in opened}
    promises = {name: measure.wanted(name, each) for name, each in found.items()}
    _write(out / "latency.json", {"plan": plan.entry(), "models": found, "wanted": promises})
    for name, each in found.items():
        plots.latency(name, each, out / f"latency-{file_name(name)}.png")
    click.echo(tables.latency({"plan": plan.entry(), "models": found}))
    return _tell(promises)


@click.command("footprint")
@click.option(
    "--model",
    metavar="NAME|DIR",
    default=DEFAULT,
    show_default=True,
    help="Another model than the default needs --out.",
)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Cold starts of each side.")
@click.option("--environment", type=FOLDER, help="An environment with the runtime alone, in place of a fresh one.")
@click.option("--keras-environment", type=FOLDER, help="One with TensorFlow and OpenCV, in place of a fresh one.")
@runs_option
@out_option
@debug_option
def footprint_command(
    model: str,
    rounds: int,
    environment: Path | None,
    keras_environment: Path | None,
    runs: Sequence[Path],
    out: Path,
) -> int:
    """Cold start, peak memory, installed bytes and import times, against a Keras script that does the same.

    Exit code 1 if a promised ratio is missed.
    """
    from benchmarks import plots

    results_folder(out, [f"--model {model}"] if model != DEFAULT else [])
    bundle = load_bundle(model)
    keras = keras_model.find_all({model: bundle}, runs)[model]
    for option, given in (("--environment", environment), ("--keras-environment", keras_environment)):
        if given and not (given / "bin" / "python").is_file():
            raise click.BadParameter(f"{given} is not a virtual environment: it has no bin/python", param_hint=option)
    with tempfile.TemporaryDirectory() as root:
        ours, theirs = (
            given.absolute() / "bin" / "python"
            if given
            else footprint.make_environment(Path(root, requirements), f"{requirements}.txt", project, click.echo)
            for given, requirements, project in (
                (environment, "runtime", True),
                (keras_environment, "keras", False),
            )
        )
        keras = keras or keras_model.stand_in(bundle, Path(root))
        if keras is None:
            raise footprint.FootprintError(f"{model} has no model.keras and no known recipe: name its run with --run")
        # The commands run in another folder: only a shipped model, which their environment has, goes by its name.
        where = model if model in names() else str(bundle.folder.resolve())
        found = footprint.measure(ours, theirs, where, keras.resolve(), rounds, click.echo)
    promises = {model: footprint.wanted(found)}
    _write(
        out / "footprint.json",
        {"model": {"name": model, "sha256": bundle.file("tflite_int8").sha256}, **found, "wanted": promises},
    )
    plots.footprint(found, out / "footprint.png")
    click.echo(tables.footprint(found))
    return _tell(promises)


@click.command("instructions")
@click.option("--model", "models", multiple=True, metavar="NAME|DIR", help="Only this model; may be given again.")
@click.option(
    "--subject",
    "subjects",
    type=click.Choice(instructions.SUBJECTS),
    multiple=True,
    help="Only this way to read digits; may be given again.",
)
@click.option("--record", is_flag=True, help="Write the counts down even where others are on record.")
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RECORD,
    help="The recorded counts; other models than the shipped ones need a file of their own.  "
    "[default: benchmarks/results/instructions.json]",
)
@debug_option
def instructions_command(models: Sequence[str], subjects: Sequence[str], record: bool, path: Path) -> int:
    """Instructions for one digit, held against those on record for this kind of processor.

    Exit code 1 if one is more than 3 % above its record. Counts of an unknown kind, or of another network, are written
    down with a notice.
    """
    own = [name for name in models if name not in names()]
    if own and path.resolve() == RECORD.resolve():
        raise UsageError(f"--model {own[0]} is not on record: name another file with --file")
    recorded = instructions.read(path)
    opened = bundles(models)
    chosen = subjects or instructions.SUBJECTS
    if "tflite-float" in chosen:
        keras_model.make_floats(opened)
    slower = 0
    for model in opened:
        click.echo(f"{model}: counting, on {instructions.kind()}", err=True)
        counts = instructions.count(model, chosen)
        compared = instructions.compare(model, counts, recorded)
        for each in compared:
            was = "not on record" if each.recorded is None else f"{each.count / each.recorded - 1:+.2%} of the record"
            click.echo(f"{model:<12}{each.subject:<16}{each.count:>14,} instructions  {was}")
        slower += sum(each.slower for each in compared)
        if record or any(each.recorded is None for each in compared):
            if not record:
                click.echo(f"notice: {model} on {instructions.kind()} is written down in {path}: commit it", err=True)
            instructions.record(model, counts, recorded)
            instructions.write(path, recorded)
    if slower and not record:
        click.echo(f"error: {slower} counts are more than {instructions.SLACK:.0%} above their record", err=True)
    return 1 if slower and not record else 0


def short_forms(out: Path, runs: Sequence[Path], data: Path | None) -> dict[str, dict[str, Any]]:
    """The options of each command that `all` runs, by its name, in their order."""
    few = [name for name in (DEFAULT, "ann-small") if name in names()]
    given: dict[str, Any] = {"out": out, "runs": runs, "data": data}
    return {
        "parity": given | {"models": ()},
        "latency": given | {"models": few, "rounds": 2, "seconds": 0.3},
        "footprint": {"out": out, "runs": runs, "rounds": 3},
        "instructions": {"models": few, "subjects": ["litert", "tflite-int8"], "path": out / "instructions.json"},
        "throughput": {"out": out, "data": data, "rounds": 1},
        "names": {"out": out, "count": 50_000},
        "camera": {"out": out, "films": 8, "minutes": 1.5, "parts": (), "model": DEFAULT},
    }


@click.command("all")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/benchmarks"),
    show_default=True,
    help="Folder of the results; not the one of the record.",
)
@runs_option
@data_option
@debug_option
@click.pass_context
def all_command(context: click.Context, out: Path, runs: Sequence[Path], data: Path | None) -> int:
    """The short forms of all measurements, in under 20 minutes; the figures on record stay as they are.

    Exit code 1 if one of them misses what it promises.
    """
    group = context.parent.command if context.parent else None
    assert isinstance(group, click.Group)
    results_folder(out, ["the short form"])
    keras_model.find_all(bundles([DEFAULT]), runs)  # what all of them measure
    short = short_forms(out, runs, data)
    instructions.write(out / "instructions.json", instructions.read(tables.RESULTS / "instructions.json"))
    missed = []
    for number, (name, options) in enumerate(short.items(), 1):
        click.echo(f"[{number} of {len(short)}] {name}", err=True)
        began = time.monotonic()
        try:
            if context.invoke(group.commands[name], **options):
                missed.append(name)
        except EdgeDigitsError as error:  # the others are still worth having
            click.echo(f"error: {name}: {error}", err=True)
            missed.append(name)
        click.echo(f"[{number} of {len(short)}] {name}: {time.monotonic() - began:.0f} s", err=True)
    click.echo(f"the results are in {out}" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


COMMANDS = (latency, footprint_command, instructions_command, all_command)


def _write(path: Path, contents: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **contents}, indent=1) + "\n", encoding="utf-8")


def _tell(promises: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """Print what is promised and what it is; returns the exit code."""
    missed = 0
    for model, each in promises.items():
        for promise in each:
            missed += not promise["met"]
            met = ("met" if promise["met"] else "missed") + (", but noisy: measure again" if promise["noisy"] else "")
            click.echo(f"{model}: {promise['what']}: {promise['ratio']:.3f}, at most {promise['most']:.3f}: {met}")
    return 1 if missed else 0
