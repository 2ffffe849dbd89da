"""`python -m benchmarks camera`: all measurements of `watch`, and their targets."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks.camera import accuracy, endings, endurance, pace
from benchmarks.machine import machine
from benchmarks.options import out_option, refuse_unused, results_folder
from edge_runtime import Classifier
from edge_runtime.bundles.bundle import DEFAULT
from edge_runtime.cli.run import debug_option

FILE = "camera.json"
PARTS = ("pace", "latency_ms", "accuracy", "endings", "endurance")
SECONDS = 20  # that latency is measured for


@click.command("camera")
@click.option("--films", type=click.IntRange(1), default=100, show_default=True, help="Drawn films for accuracy.")
@click.option(
    "--minutes",
    type=click.FloatRange(0.5),
    default=30,
    show_default=True,
    help="Duration of a watch with a fault every 10 seconds, for endurance.",
)
@click.option(
    "--part", "parts", type=click.Choice(PARTS), multiple=True, help="Only this part; the results of the others stay."
)
@out_option
@click.option(
    "--model", metavar="NAME|DIR", default=DEFAULT, show_default=True, help="Any model except the default needs --out."
)
@debug_option
def camera(films: int, minutes: float, parts: tuple[str, ...], out: Path, model: str) -> int:
    """`edge-digits watch`: frames a second, latency, load when idle, accuracy, and half an hour of camera faults.

    Exit code 1 if a target is missed.
    """
    chosen = parts or PARTS
    refuse_unused("--films", "films", "accuracy" in chosen, "--part accuracy")
    refuse_unused("--minutes", "minutes", "endurance" in chosen, "--part endurance")
    results_folder(out, [f"--model {model}"] if model != DEFAULT else [])
    classifier = Classifier(model)
    where = model if model == DEFAULT else str(classifier.bundle.folder.resolve())  # the commands run in the checkout
    measures: dict[str, Callable[[], Any]] = {
        "pace": lambda: pace.measure(classifier, click.echo),
        "latency_ms": lambda: pace.latency(SECONDS, where, click.echo),
        "accuracy": lambda: accuracy.measure(classifier, films, click.echo),
        "endings": lambda: endings.measure(where, click.echo),
        "endurance": lambda: endurance.measure(60 * minutes, where, click.echo),
    }
    measured = {part: measure() for part, measure in measures.items() if part in chosen}
    bundle = classifier.bundle
    of = {"name": bundle.name, "sha256": bundle.file("tflite_int8").sha256}
    kept = json.loads((out / FILE).read_text(encoding="utf-8")) if (out / FILE).is_file() else {}
    found: dict[str, Any] = {"machine": machine(), "model": of}
    found |= {part: kept[part] for part in PARTS if kept.get("model") == of and part in kept}
    found |= measured
    found["targets"] = targets(found)
    (out / FILE).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for each in found["targets"]:
        met = "met" if each["met"] else "missed"
        click.echo(f"{each['what']:<64}{each['measured']:>10.4g}  {each['bound']} {each['limit']:g}: {met}")
    return 0 if all(each["met"] for each in found["targets"]) else 1


def targets(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of the parts that were measured: each with `what`, `measured`, `bound`, `limit` and `met`."""
    rows: list[tuple[str, float, float, bool]] = []  # what, measured, limit, whether the limit is a minimum
    if speed := found.get("pace"):
        rate = 1 / speed["seconds_a_frame"]["watch, moving page"]
        rows += [
            ("frames a second of a moving page, one core", rate, 60, True),
            ("share of decode and read alone", speed["share_of_decode_and_read"], 0.7, True),
            ("processor time of a still page to a moving one", speed["still_to_moving"], 0.2, False),
        ]
    if late := found.get("latency_ms"):
        rows += [("capture to the result for that frame, p90, ms", late["p90"], 50, False)]
    if right := found.get("accuracy"):
        readings = right["right"] + right["wrong"]
        rows += [
            ("share of stable readings that are right", right["right"] / max(1, readings), 0.99, True),
            ("readings while nothing is shown", right["of_nothing"], 0, False),
        ]
    if ends := found.get("endings"):
        rows += [
            ("seconds from SIGTERM to the end, at most", max(ends["seconds"].values()), 2, False),
            ("readings that SIGTERM lost", ends["lost"], 0, False),
        ]
    if lasts := found.get("endurance"):
        healed, (first, last) = lasts["heals_within_s"], lasts["mib"]
        rows += [
            ("seconds from the end of a fault to a reading, at most", 1e9 if healed is None else healed, 5, False),
            ("faults that no reading came after within 5 s", lasts["not_healed"], 0, False),
            ("memory in the last third to the first", last / first, 1.05, False),
            ("threads more in the last third than in the first", lasts["threads"][1] - lasts["threads"][0], 1, False),
            ("files more in the last third than in the first", lasts["files"][1] - lasts["files"][0], 0, False),
        ]
    return [
        {
            "what": what,
            "measured": float(measured),
            "bound": "at least" if least else "at most",
            "limit": limit,
            "met": bool(measured >= limit if least else measured <= limit),
        }
        for what, measured, limit, least in rows
    ]
