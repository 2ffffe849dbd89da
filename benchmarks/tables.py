"""The README's tables, made from the written results: a figure in the README is one that a command printed.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edge_runtime import Classifier, Reader
from edge_runtime.batch import rows
from edge_runtime.sinks.table import TableSink

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str) -> str:
    """Return Markdown text with every table made anew."""
    return PLACE.sub(lambda place: place[1] + TABLES[place["name"]]() + place[3], text)


def _read(name: str) -> Any:
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def _table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.2%}".replace("%", " %")


def _reproductions() -> str:
    body = []
    for path in sorted((RESULTS / "training").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if "runs" not in found:
            continue
        accuracy, published = found["test_accuracy"], found["published"]
        seeds = ", ".join(_percent(run["test_accuracy"]) for run in found["runs"])
        spread = f"{100 * accuracy['spread']:.2f} points"
        body.append(
            [f"`{found['recipe']}`", _percent(published["test_accuracy"]), _percent(accuracy["mean"]), spread, seeds]
        )
    return _table(["recipe", "published", "ours, mean", "spread", "each seed"], body)


def _training() -> str:
    body = []
    for path in sorted((RESULTS / "training").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if "runs" not in found:
            what = [f"`{found['recipe']}`", str(found["seed"]), str(found["epochs"]), f"{found['parameters']:,}"]
            body.append([*what, found["precision"], f"{found['seconds']:.0f} s", _percent(found["test_accuracy"])])
    return _table(["recipe", "seed", "epochs", "weights", "products in", "time", "MNIST test, Keras"], body)


def _formats() -> str:
    body = []
    for model, found in _read("parity.json")["models"].items():
        for kind, figures in found["formats"].items():
            size, agreement = f"{figures['bytes'] / 1e6:.2f} MB", _percent(figures["agreement"])
            body.append([f"`{model}`", kind.replace("_", " "), size, _percent(figures["accuracy"]), agreement])
        body.append([f"`{model}`", "tflite int8, PNG files read back", "", _percent(found["png_files"]), ""])
    return _table(["model", "format", "size", "MNIST test", "agrees with float"], body)


def _real() -> str:
    models = _read("real.json")["models"]
    sets = next(iter(models.values()))["sets"]
    body = [[kind, *(_percent(found["sets"][kind]) for found in models.values())] for kind in sets]
    return _table(["set", *(f"`{model}`" for model in models)], body)


def _demo() -> str:
    paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples").iterdir() if path.suffix != ".py")
    text = io.StringIO()
    sink = TableSink(text, max(map(len, paths)))
    for row in rows(Reader(Classifier()), paths, str(ROOT)):
        sink.write(row)
    return f"```\n{text.getvalue()}```\n"


def _throughput() -> str:
    models = _read("throughput.json")["models"]
    found = next(iter(models.values()))
    rates = [[name, *(f"{each['rates'][name]:,.0f} files/s" for each in models.values())] for name in found["rates"]]
    ratios = [[name, *(f"{each['ratios'][name]:.2f}" for each in models.values())] for name in found["ratios"]]
    return _table(["loop, or its ratio to another", *(f"`{model}`" for model in models)], rates + ratios)


TABLES = {
    "demo": _demo,
    "reproductions": _reproductions,
    "training": _training,
    "formats": _formats,
    "real": _real,
    "throughput": _throughput,
}
