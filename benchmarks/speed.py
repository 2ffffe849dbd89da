"""The commands for speed and size: latency, footprint, instructions, and the short forms of all measurements."""

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from edge_runtime.bundles.bundle import DEFAULT, Bundle, load_bundle, names
from edge_runtime.cli.run import debug_option
from edge_runtime.errors import EdgeDigitsError, MissingLibraryError, UsageError
from train.data.option import data_option

RECORD = tables.RESULTS / "instructions.json"


@dataclass(frozen=True)
class Latency:
    """The options of `latency`."""

    models: Sequence[str]
    subjects: Sequence[str]
    rounds: int | None
    seconds: float  # of each LoadGen run
    official: bool
    core: int | None
    runs: Sequence[Path]
    data: Path | None
    out: Path


@click.command("latency")
@models_option
@click.option(
    "--subject", "subjects", multiple=True, help="Only this way to read digits; may be repeated; needs --out."
)
@click.option("--rounds", type=click.IntRange(1), help="Repetitions.  [default: 5, official 1]")
@click.option(
    "--seconds",
    type=click.FloatRange(0.05),
    default=1.0,
    show_default=True,
    help="Duration of each LoadGen run, without --official.",
)
@click.option("--official", is_flag=True, help="MLPerf's own minimum: 600 seconds, 1,024 queries, 24,576 samples.")
@click.option("--core", type=click.IntRange(0), help="The core to run on.  [default: the last]")
@runs_option
@data_option
@out_option
@debug_option
def latency(**options: Any) -> int:
    """Latency of one digit and rate of many, by the rules of MLPerf Inference, through its LoadGen.

    Each way to read digits runs in a fresh process on one core with one thread, in turn with the others, once from an
    array and once from an encoded image in memory. Exit code 1 if a ratio misses its target.
    """
    from benchmarks import plots
    from benchmarks.latency import measure
    from benchmarks.latency.subjects import SUBJECTS

    settings = Latency(**options)
    chosen = tuple(settings.subjects) or tuple(SUBJECTS)
    opened = _open_for_latency(settings, chosen)
    repeats = settings.rounds or (1 if settings.official else 5)
    core = measure.last_core() if settings.core is None else settings.core
    plan = measure.Plan(repeats, settings.seconds, settings.official, chosen, core)
    digits = read_mnist(settings.data).test_images
    found = {name: measure.measure(name, digits, plan, settings.runs, click.echo) for name in opened}
    targets = {name: measure.targets(name, each) for name, each in found.items()}
    _write(settings.out / "latency.json", {"plan": plan.entry(), "models": found, "targets": targets})
    for name, each in found.items():
        plots.latency(name, each, settings.out / f"latency-{file_name(name)}.png")
    click.echo(tables.latency({"plan": plan.entry(), "models": found}))
    return _report(targets)


def _open_for_latency(settings: Latency, chosen: tuple[str, ...]) -> dict[str, Bundle]:
    """Open the models, after checking the options; raises UsageError, MissingLibraryError."""
    from benchmarks.latency.subjects import KERAS, SUBJECTS, why_not

    for name in settings.subjects:
        if name not in SUBJECTS:
            raise click.BadParameter(f"{name}: choose from {', '.join(SUBJECTS)}", param_hint="--subject")
    refuse_unused("--seconds", "seconds", not settings.official, "a run without --official")
    refuse_unused("--run", "runs", bool(KERAS & set(chosen)), f"--subject {' or '.join(sorted(KERAS))}")
    if settings.core is not None and settings.core not in os.sched_getaffinity(0):
        cores = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        raise click.BadParameter(f"{settings.core}: this process may use {cores}", param_hint="--core")
    results_folder(settings.out, [*given_models(settings.models), *(f"--subject {name}" for name in settings.subjects)])
    opened = bundles(settings.models)
    keras_model.find_all(opened, settings.runs)
    for model, bundle in opened.items():
        for name in settings.subjects:
            if reason := why_not(name, bundle):
                raise UsageError(f"--subject {name} cannot be measured for {model}: {reason}")
    if find_spec("mlperf_loadgen") is None:
        raise MissingLibraryError(
            "LoadGen (mlcommons-loadgen) is not installed; it has wheels for x86-64 only: edge-digits bench needs none"
        )
    if {SUBJECTS[name].file for name in chosen} & {"tflite_float", "onnx_float"}:
        keras_model.make_floats(opened)
    return opened


@click.command("footprint")
@click.option(
    "--model",
    metavar="NAME|DIR",
    default=DEFAULT,
    show_default=True,
    help="Any model except the default needs --out.",
)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Cold starts of each side.")
@click.option("--environment", type=FOLDER, help="An environment with the runtime alone, instead of a new one.")
@click.option("--keras-environment", type=FOLDER, help="One with TensorFlow and OpenCV, instead of a new one.")
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
    """Cold start, peak memory, installed bytes and import times, compared with a Keras script that does the same.

    Exit code 1 if a ratio misses its target.
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
        # The commands run in another folder: only shipped models, which their environment has, can be named.
        where = model if model in names() else str(bundle.folder.resolve())
        found = footprint.measure(ours, theirs, where, keras.resolve(), rounds, click.echo)
    targets = {model: footprint.targets(found)}
    _write(
        out / "footprint.json",
        {"model": {"name": model, "sha256": bundle.file("tflite_int8").sha256}, **found, "targets": targets},
    )
    plots.footprint(found, out / "footprint.png")
    click.echo(tables.footprint(found))
    return _report(targets)


@click.command("instructions")
@click.option("--model", "models", multiple=True, metavar="NAME|DIR", help="Only this model; may be repeated.")
@click.option(
    "--subject",
    "subjects",
    type=click.Choice(instructions.SUBJECTS),
    multiple=True,
    help="Only this way to read digits; may be repeated.",
)
@click.option("--record", is_flag=True, help="Record the counts, replacing earlier ones.")
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
    """Instructions for one digit, compared with those on record for this kind of processor.

    Exit code 1 if a count is more than 3 % above its record. Counts for an unknown kind of processor, or of another
    network, are recorded with a notice.
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
            was = "not on record" if each.recorded is None else f"{each.number / each.recorded - 1:+.2%} of the record"
            click.echo(f"{model:<12}{each.subject:<16}{each.number:>14,} instructions  {was}")
        slower += sum(each.slower for each in compared)
        if record or any(each.recorded is None for each in compared):
            if not record:
                click.echo(f"notice: {model} on {instructions.kind()} is recorded in {path}: commit it", err=True)
            instructions.record(model, counts, recorded)
            instructions.write(path, recorded)
    if slower and not record:
        click.echo(f"error: {slower} counts are more than {instructions.SLACK:.0%} above their record", err=True)
    return 1 if slower and not record else 0


def short_forms(out: Path, runs: Sequence[Path], data: Path | None) -> dict[str, dict[str, Any]]:
    """Return the options of each command that `all` runs, by its name and in order."""
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
    help="Folder of the results; not the recorded ones.",
)
@runs_option
@data_option
@debug_option
@click.pass_context
def all_command(context: click.Context, out: Path, runs: Sequence[Path], data: Path | None) -> int:
    """The short forms of all measurements, in under 20 minutes; the recorded results stay as they are.

    Exit code 1 if one of them misses a target.
    """
    group = context.parent.command if context.parent else None
    assert isinstance(group, click.Group)
    results_folder(out, ["the short form"])
    keras_model.find_all(bundles([DEFAULT]), runs)  # all of them measure it
    short = short_forms(out, runs, data)
    instructions.write(out / "instructions.json", instructions.read(tables.RESULTS / "instructions.json"))
    missed = []
    for number, (name, options) in enumerate(short.items(), 1):
        click.echo(f"[{number} of {len(short)}] {name}", err=True)
        began = time.monotonic()
        try:
            if context.invoke(group.commands[name], **options):
                missed.append(name)
        except EdgeDigitsError as error:  # the other measurements go on
            click.echo(f"error: {name}: {error}", err=True)
            missed.append(name)
        click.echo(f"[{number} of {len(short)}] {name}: {time.monotonic() - began:.0f} s", err=True)
    click.echo(f"the results are in {out}" + (f"; missed: {', '.join(missed)}" if missed else ""))
    return 1 if missed else 0


COMMANDS = (latency, footprint_command, instructions_command, all_command)


def _write(path: Path, contents: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **contents}, indent=1) + "\n", encoding="utf-8")


def _report(targets: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """Print every target and its ratio; returns the exit code."""
    missed = 0
    for model, each in targets.items():
        for target in each:
            missed += not target["met"]
            met = ("met" if target["met"] else "missed") + (", but noisy: measure again" if target["noisy"] else "")
            click.echo(f"{model}: {target['what']}: {target['ratio']:.3f}, at most {target['most']:.3f}: {met}")
    return 1 if missed else 0
