"""Generates the tables of the README, the documentation and the report from the recorded results.

A table is between `<!-- table: NAME -->` and `<!-- end -->`.
"""

import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from benchmarks.footprint import TARGETS
from benchmarks.latency.subjects import SUBJECTS
from edge_runtime import Classifier, Reader
from edge_runtime.batch.rows import rows
from edge_runtime.bundles.bundle import DEFAULT, load_bundle, load_line_bundle, load_page_bundle, names
from edge_runtime.cli.commands import edge_digits
from edge_runtime.cli.table import TableRowSink
from edge_runtime.errors import FileError

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
REPORT = RESULTS / "README.md"
PAGES = (README, REPORT, *sorted((ROOT / "docs" / "figures").glob("*.md")))  # with tables
PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str) -> str:
    """Return Markdown text with every table generated again; raises FileError if one has no figures."""
    return PLACE.sub(lambda place: place[1] + _measured(place["name"], TABLES[place["name"]]()) + place[3], text)


def fill_card(model: str, text: str) -> str:
    """Return a model card with the model's accuracy on other people's digits; raises FileError if there is none."""
    return PLACE.sub(lambda place: place[1] + _measured(f"{place['name']} of {model}", _others(model)) + place[3], text)


def _measured(name: str, table: str) -> str:
    """Return a table; raises FileError for an empty one. name: its name, and of a card its model."""
    if not table:
        benchmark = MEASURED_BY.get(name, "parity --real DIR")
        raise FileError(f"the table {name} has no figures of what ships: run python -m benchmarks {benchmark}")
    return table


def cards() -> dict[str, Path]:
    """Return the shipped models' cards, by name."""
    paths = {name: load_bundle(name).folder / "MODEL_CARD.md" for name in names()}
    return {name: path for name, path in paths.items() if path.is_file()}


def read(name: str) -> Any:
    """Return a recorded result; name: of a file in `RESULTS`. Raises FileError if it is missing."""
    path = RESULTS / name
    if not path.is_file():
        benchmark = {"real": "parity --real DIR"}.get(path.stem, path.stem)
        raise FileError(f"{name} is missing in {RESULTS}: run python -m benchmarks {benchmark}")
    return json.loads(path.read_text(encoding="utf-8"))


def _table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    head, body = list(head), list(body)
    if not body:
        return ""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.2%}".replace("%", " %")


def _interval(figures: Mapping[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{_percent(low)} to {_percent(high)}"


def format_name(kind: str) -> str:
    """Return the name of a format for people."""
    return "Keras" if kind == "keras" else kind.replace("_", " ")


def _trainings(seeds: bool) -> list[dict[str, Any]]:
    """Return the trainings of several seeds, or the single ones."""
    paths = sorted((RESULTS / "training").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.stem.endswith("-seeds") == seeds]


def _reproductions() -> str:
    found = [each for each in _trainings(seeds=True) if each["published"]]
    body = []
    for each in found:
        published = each["published"]
        losses = f"{published['test_loss']:.4f}" if "test_loss" in published else "", f"{each['test_loss']['mean']:.4f}"
        body.append([f"`{each['recipe']}`", _percent(published["test_accuracy"]), *_spread(each), *losses])
    return _table(["recipe", "published", "ours, mean", "spread", "each seed", "published loss", "ours, mean"], body)


def _seeds() -> str:
    found = [each for each in _trainings(seeds=True) if not each["published"]]
    return _table(
        ["recipe", "mean", "spread", "each seed"], [[f"`{each['recipe']}`", *_spread(each)] for each in found]
    )


def _spread(found: dict[str, Any]) -> list[str]:
    accuracy = found["test_accuracy"]
    seeds = ", ".join(_percent(run["test_accuracy"]) for run in found["runs"])
    return [_percent(accuracy["mean"]), f"{100 * accuracy['spread']:.2f} points", seeds]


def _models() -> str:
    body = []
    for model, found in read("parity.json")["models"].items():
        figures = found["formats"]["tflite_int8"]
        sure = _percent(found["calibration_error"])
        body.append([f"`{model}`", f"{figures['bytes']:,}", _percent(figures["accuracy"]), _interval(figures), sure])
    return _table(["model", "bytes, int8 .tflite", "MNIST test", "95 % interval", "calibration error"], body)


def _comparisons() -> str:
    body = [
        [
            f"`{each['first']}`, `{each['second']}`",
            str(each["first_only"]),
            str(each["second_only"]),
            f"{each['p']:.2g}",
        ]
        for each in read("parity.json")["comparisons"]
    ]
    return _table(["models", "only the first is right", "only the second", "p"], body)


def _training() -> str:
    body = []
    for found in _trainings(seeds=False):
        what = [f"`{found['recipe']}`", str(found["seed"]), str(found["epochs"]), f"{found['parameters']:,}"]
        # Runs of earlier releases did not count the time they waited for digits.
        waited = "" if "waiting_share" not in found else f"{found['waiting_share']:.0%}".replace("%", " %")
        time = [found["precision"], f"{found['seconds']:.0f} s", waited]
        body.append([*what, *time, _percent(found["test_accuracy"])])
    return _table(["recipe", "seed", "epochs", "weights", "products in", "time", "waited", "MNIST test, Keras"], body)


def _formats() -> str:
    body = []
    for model, found in read("parity.json")["models"].items():
        for kind, figures in found["formats"].items():
            size, reference = f"{figures['bytes'] / 1e6:.2f} MB", found["reference"]
            against = _against(figures, reference) if reference not in (kind, None) else ["", "", ""]
            accuracy = f"{_percent(figures['accuracy'])} ({_interval(figures)})"
            body.append([f"`{model}`", format_name(kind), size, accuracy, *against])
        if numpy := found["numpy"]:
            off = f"at most {numpy['steps']} steps of int8"
            same = f"{_percent(numpy['labels'])} with LiteRT"
            body.append([f"`{model}`", "tflite int8, NumPy alone", "", "", same, off, ""])
        body.append([f"`{model}`", "tflite int8, PNG files read back", "", _percent(found["png_files"]), "", "", ""])
    return _table(["model", "format", "size", "MNIST test", "agrees", "logits differ by", "p"], body)


def _against(figures: Mapping[str, Any], reference: str) -> list[str]:
    logits, agreement = figures["logits"], f"{_percent(figures['agreement'])} with {format_name(reference)}"
    differ = f"{logits['mean']:.2g}, at most {logits['largest']:.2g}"
    return [agreement, differ, f"{figures['against_reference']['p']:.2g}"]


def _others_by_format() -> str:
    body = []
    for model, found in read("real.json")["models"].items():
        for kind, measured in found["formats"].items():
            for form, figures in measured["formats"].items():
                accuracy = f"{_percent(figures['accuracy'])} ({_interval(figures)})"
                body.append([f"`{model}`", kind, format_name(form), accuracy, _percent(figures["agreement"])])
    return _table(["model", "set", "format", "right", "agrees with float"], body)


def _real() -> str:
    models = read("real.json")["models"]
    sets = next(iter(models.values()))["sets"]
    body = [[kind, *(_percent(found["sets"][kind]) for found in models.values())] for kind in sets]
    return _table(["set", *(f"`{model}`" for model in models)], body)


def _others(model: str) -> str:
    found = read("real.json")["models"].get(model)
    # Results of an earlier model of that name are not this one's.
    if found is None or found["model"] != load_bundle(model).file("tflite_int8").sha256:
        return ""
    return _table(["set", "right"], [[kind, _percent(accuracy)] for kind, accuracy in found["sets"].items()])


def _rejection() -> str:
    models = _of_shipped("nondigits.json")
    kinds = next(iter(models.values()))["rejected"] if models else {}
    body = [
        [
            f"`{model}`",
            *(_percent(found["kept"]["MNIST test"][name]) for name in ("kept", "error")),
            *(_percent(found["rejected"][kind]["rejected"]) for kind in kinds),
        ]
        for model, found in models.items()
    ]
    return _table(["model", "test digits kept", "of these wrong", *(f"{kind} rejected" for kind in kinds)], body)


def _max_error() -> str:
    models = _of_shipped("nondigits.json")
    body, kinds = [], []
    for model, found in models.items():
        for at in found["by_error"]:
            kinds = list(at["sets"])
            shares = [_percent(each[name]) for each in at["sets"].values() for name in ("kept", "error")]
            head = [f"`{model}`, {at['max_error']:g}", f"{at['min_confidence']:.4f}"]
            body.append([*head, _percent(at["validation_coverage"]), *shares])
    columns = [f"{kind}: {name}" for kind in kinds for name in ("kept", "wrong")]
    return _table(["model, `--max-error`", "least confidence", "validation: kept", *columns], body)


def _accepted() -> str:
    return _list_images("accepted", _of_shipped("nondigits.json"), "Non-digits that are read as digits:")


def _of_shipped(name: str) -> dict[str, Any]:
    """Return the models of a recorded result that are shipped."""
    found = read(name)["models"]
    return {model: each for model, each in found.items() if _is_shipped(model, each["model"])}


def _demo() -> str:
    paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples").iterdir() if path.suffix != ".py")
    text = io.StringIO()
    sink = TableRowSink(text, max(map(len, paths)))
    for row in rows(Reader(Classifier()), paths, str(ROOT)):
        sink.write(row)
    return f"```\n$ edge-digits classify samples/*\n{text.getvalue()}```\n"


def _demo_read() -> str:
    return _example("read", "examples/page.jpg")


def _demo_models() -> str:
    return _example("models")


def _example(*arguments: str) -> str:
    """A command and what it prints; paths are relative to the checkout."""
    shown = [str(ROOT / each) if "/" in each else each for each in arguments]
    done = CliRunner().invoke(edge_digits, shown, catch_exceptions=False)
    return f"```\n$ edge-digits {' '.join(arguments)}\n{done.stdout}```\n"


def _choose() -> str:
    """What decides between the models, in one table."""
    accuracy, others = (read(name)["models"] for name in ("parity.json", "real.json"))
    times = _page_models()
    body = []
    for model, found in accuracy.items():
        figures = found["formats"]["tflite_int8"]
        sets = others[model]["sets"]
        page = times[model]["speed"]["1920 x 1080"] if model in times else None
        body.append(
            [
                f"`{model}`",
                f"{figures['bytes'] / 1000:,.0f} KB",
                _percent(figures["accuracy"]),
                *(_percent(sets[kind]) for kind in ("bhmsds", "pen_on_newsprint")),
                f"{page['read_ms']:.0f} ms" if page else "",
            ]
        )
    return _table(["model", "size", "MNIST", "`bhmsds`", "`pen_on_newsprint`", "page"], body)


def _headlines() -> str:
    small = _read_footprint()
    ours, peer = _page_models().get(DEFAULT), read("pages.json")["peers"].get("rapidocr")
    rates = read("throughput.json")["models"][DEFAULT]["rates"]
    body = []
    if small:
        starts = [f"{_noted(small[side]['start_s'])} s" for side in ("edge_digits", "keras")]
        body.append(["[cold start to the first label](docs/figures/speed.md)", starts[0], f"Keras script: {starts[1]}"])
    if peer and ours:
        exact = [_percent(sets["cheque_amounts"]["exact"]) for sets in (ours["sets"], peer)]
        title = "[amounts read without an error, `cheque_amounts`](docs/figures/pages.md)"
        body.append([title, exact[0], f"RapidOCR: {exact[1]}"])
    two, limit = rates["digits: batch-classify, two jobs"], rates["digits: the limit, two processes"]
    title = "[files of one digit read in a second, two cores](docs/figures/speed.md)"
    body.append([title, f"{two:,.0f}", f"bare loop over the interpreter: {limit:,.0f}"])
    return _table([f"`{DEFAULT}`", "measured", "for comparison"], body)


def _page_models() -> dict[str, Any]:
    """Return the figures of pages by model, measured with the networks that ship."""
    networks = {"lines": load_line_bundle(), "page_network": load_page_bundle()}
    hashes = {name: bundle.file("tflite_int8").sha256 for name, bundle in networks.items()}
    return {
        name: found
        for name, found in read("pages.json")["models"].items()
        if _is_shipped(name, found["model"]) and hashes == {each: found.get(each) for each in hashes}
    }


def _pages() -> str:
    sets = {}
    for name, each in _page_models().items():
        sets[f"`{name}`"] = each["sets"]
        sets[f"`{name}`, all rows cut"] = each["cut"]
    sets |= read("pages.json")["peers"]
    body = [
        [
            f"{kind}, {reader}",
            *(_percent(figures[name]) for name in ("digits_right", "exact")),
            f"{figures['false_digits_per_image']:.2f}",
            *(_percent(figures[name]) for name in ("misread", "cut_wrongly")),
            _percent(figures.get("accepted", 1.0)),  # a reader without doubt accepts everything
            _percent(figures.get("silent", 1 - figures["exact"])),
            f"{figures['milliseconds']:.1f} ms",
        ]
        for reader, each in sets.items()
        for kind, figures in each.items()
    ]
    head = ["set and reader", "digits right", "images exact", "false digits each", "misread", "cut wrongly"]
    return _table([*head, "accepted", "silently wrong", "median"], body)


def _page_scenes() -> str:
    body = [
        [
            f"{kind}, `{name}`",
            f"{figures['images']}",
            f"{figures['digits']}",
            *(_percent(figures[of]) for of in ("digit_error", "silent")),
            f"{figures['blank_with_digits']} of {figures['blank']}",
        ]
        for name, found in _page_models().items()
        for kind, figures in found.get("scenes", {}).items()
    ]
    head = ["set and model", "images", "digits", "digit error", "silently wrong", "blank images with digits"]
    return _table(head, body)


def _page_kinds() -> str:
    """The generated pages by kind, and the images without digits."""
    found = _page_models().get(DEFAULT, {})
    if "generated" not in found:
        return ""
    kinds, without = found["generated"]["kinds"], found["generated"]["without"]
    shares = ("exact", "with_marks", "silent", "accepted")
    body = [[kind, f"{each['pages']}", *(_percent(each[share]) for share in shares)] for kind, each in kinds.items()]
    pages = sum(each["pages"] for each in kinds.values())
    means = (sum(each["pages"] * each[share] for each in kinds.values()) / pages for share in shares)
    body.append(["all", f"{pages}", *map(_percent, means)])
    peer = read("pages.json").get("peers_generated", {}).get("rapidocr")
    head = ["kind", "pages", "digits exact", "text exact", "silently wrong", "accepted"]
    if peer:
        head.append("digits exact, RapidOCR")
        for line, each in zip(body, peer["kinds"].values(), strict=False):
            line.append(_percent(each["exact"]))
        body[-1].append(_percent(sum(each["pages"] * each["exact"] for each in peer["kinds"].values()) / pages))
    text = f"{_table(head, body)}\nOf {_without(without)}"
    return f"{text}; RapidOCR: of {_without(peer['without'])}.\n" if peer else f"{text}.\n"


def _without(found: dict[str, Any]) -> str:
    return f"{found['images']:,} images without digits, {_percent(found['with_digits'])} give a false digit"


def _page_numbers() -> str:
    """The numbers that are accepted at each error rate, of each set."""
    found = _page_models().get(DEFAULT, {"generated": {"numbers": []}, "numbers": {"cheque_amounts": []}})
    sets = {"generated": found["generated"]["numbers"], "cheque_amounts": found["numbers"]["cheque_amounts"]}
    head = ["`--max-error`", *(f"{name}: {what}" for name in sets for what in ("accepted", "wrong"))]
    body = [
        [f"{limits[0]['max_error']:g}", *(_percent(each[what]) for each in limits for what in ("accepted", "wrong"))]
        for limits in zip(*sets.values(), strict=True)
    ]
    return _table(head, body)


def _page_beside() -> str:
    found = _page_models().get(DEFAULT, {}).get("generated", {}).get("beside", {"cases": 0, "changed": {}})
    body = [[name, f"{found['cases']}", _percent(share)] for name, share in found["changed"].items()]
    return _table(["added", "cases", "digits changed"], body)


def _page_speed() -> str:
    body = [
        [
            f"`{name}`, {size}, {figures['digits']} digits",
            *(f"{figures[of]:.0f} ms" for of in ("read_ms", "decode_ms")),
            f"{figures['units']:.1f} D",
            f"{figures['peak_mib']:.0f} MiB",
        ]
        for name, found in _page_models().items()
        for size, figures in found["speed"].items()
    ]
    return _table(["page", "read", "decode the JPEG", "read, in D", "peak memory"], body)


def _forms() -> dict[str, Any]:
    """Return the figures of forms of the default model, measured with the networks that ship."""
    found: dict[str, Any] = read("forms.json")["models"].get(DEFAULT, {})
    networks = {"lines": load_line_bundle(), "page_network": load_page_bundle()}
    known = all(found.get(name) == bundle.file("tflite_int8").sha256 for name, bundle in networks.items())
    return found if known and _is_shipped(DEFAULT, found["model"]) else {"sheets": {}, "fields": {}}


def _form_sheets() -> str:
    found = _forms()
    body = [
        [way, f"{each['sheets']}", _percent(each["close"]), f"{each['median']:.2f} px", _percent(each["refused"])]
        for way, each in found["sheets"].items()
    ]
    if "other_forms" in found:
        others = found["other_forms"]
        body.append(["of another form", f"{others['sheets']}", "", "", _percent(others["refused"])])
    return _table(["sheets", "count", "error of at most 3 px", "median error", "refused"], body)


def _form_fields() -> str:
    """The fields with what is known of them, and without."""
    return _field_table(
        (kind, known, each) for known, kinds in _forms()["fields"].items() for kind, each in kinds.items()
    )


def _exam_sheets() -> str:
    return _field_table(("exam sheets", known, each) for known, each in _forms().get("exam_sheets", {}).items())


def _field_table(found: Iterable[tuple[str, str, dict[str, float]]]) -> str:
    names = {"known": "count, pattern and checksum", "unknown": "nothing"}
    shares = ("exact", "accepted", "silent")
    body = [
        [kind, names[known], f"{each['fields']:,}", *(_percent(each[share]) for share in shares)]
        for kind, known, each in found
    ]
    return _table(["fields", "what is known", "count", "exact", "accepted", "silently wrong"], body)


def _form_speed() -> str:
    found = _forms().get("speed", {})
    times = [f"{found[f'{part}_ms']:.0f} ms" for part in ("read", "align", "decode") if found]
    head = ["fields", "read a page", "of which to align it", "decode its JPEG"]
    return _table(head, [[f"{found['fields']}", *times]] if found else [])


def _camera() -> str:
    found = read("camera.json")
    if not _is_shipped(found["model"]["name"], found["model"]["sha256"]):
        return ""
    body = [
        [
            each["what"],
            _short(each["measured"]),
            f"{each['bound']} {each['limit']:g}",
            "met" if each["met"] else "missed",
        ]
        for each in found["targets"]
    ]
    return _table([f"`{found['model']['name']}`", "measured", "target", ""], body)


def _throughput() -> str:
    models = read("throughput.json")["models"]
    found = next(iter(models.values()))
    rates = [[name, *(f"{each['rates'][name]:,.0f} files/s" for each in models.values())] for name in found["rates"]]
    ratios = [[name, *(f"{each['ratios'][name]:.2f}" for each in models.values())] for name in found["ratios"]]
    return _table(["loop, or its ratio to another", *(f"`{model}`" for model in models)], rates + ratios)


def latency(found: Mapping[str, Any]) -> str:
    """Return the tables of a latency result: each model, from an array and from an image."""
    parts = []
    for model, each in found["models"].items():
        for path, title in (("model", "from an array"), ("whole", "from an encoded image in memory")):
            body = [
                [
                    SUBJECTS[name].title,
                    *(f"{_noted(figures[key])} µs" for key in ("p50_us", "p90_us", "p99_us")),
                    f"{_noted(figures['offline_per_s'])}/s",
                    *_against_others(figures["ratios"]),
                ]
                for name, figures in each["paths"][path].items()
            ]
            head = ["way to read", "p50", "p90", "p99", "Offline", "`model(x)`", "`predict`", "bare loop", "arithmetic"]
            parts.append(f"`{model}`, {title}:\n\n{_table(head, body)}")
    return "\n".join(parts)


def _against_others(ratios: Mapping[str, Any]) -> list[str]:
    """Return the speed-up over Keras, and the ratios to the bare loop and the arithmetic limit."""
    cells = []
    for kind, quicker in (("keras-call", True), ("keras-predict", True), ("bare", False), ("limit", False)):
        if kind not in ratios:
            cells.append("")
        else:
            found = ratios[kind]["p50_us"]
            ratio = 1 / found["median"] if quicker else found["median"]
            cells.append(f"{'~' if found['noisy'] else ''}{_short(ratio)}{'x quicker' if quicker else 'x'}")
    return cells


def _noted(found: Mapping[str, Any]) -> str:
    """Return a repeated measurement; one whose repeats differ much has a tilde."""
    return f"{'~' if found['noisy'] else ''}{_short(found['median'])}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def footprint(found: Mapping[str, Any]) -> str:
    """Return the table of a footprint result."""
    ours, theirs, ratios = found["edge_digits"], found["keras"], found["ratios"]
    rows = [
        ["cold start to the first label", *(f"{_noted(each['start_s'])} s" for each in (ours, theirs))],
        ["peak memory", *(f"{_noted(each['peak_mib'])} MiB" for each in (ours, theirs))],
        ["installed", *(f"{each['installed_bytes'] / 1e6:,.0f} MB" for each in (ours, theirs))],
    ]
    of = [_noted(ratios["start_s"]), _noted(ratios["peak_mib"]), _short(ratios["installed_bytes"])]
    targets = [f"{most:.3f}" for most in TARGETS.values()]
    body = [[*row, ratio, most] for row, ratio, most in zip(rows, of, targets, strict=True)]
    return _table(["", "edge-digits", "Keras script", "ratio", "at most"], body)


def _is_shipped(model: str, sha256: str) -> bool:
    """Return whether a result is of the shipped network, not of an earlier one of that name."""
    return model in names() and load_bundle(model).file("tflite_int8").sha256 == sha256


def _latency() -> str:
    found = _read_latency()
    if not found["models"]:
        return ""
    plan = found["plan"]
    how = f"Rounds: {plan['rounds']}; each LoadGen run: {plan['seconds']:g} s; {found['machine']['processor']}.\n"
    return "\n".join([how, latency(found), _list_images("latency", found["models"], "How long one digit takes with")])


def _read_latency() -> dict[str, Any]:
    found: dict[str, Any] = read("latency.json")
    models = {name: each for name, each in found["models"].items() if _is_shipped(name, each["model"])}
    return found | {"models": models}


def _read_footprint() -> dict[str, Any] | None:
    found = read("footprint.json")
    return found if _is_shipped(*found["model"].values()) else None


def _disagreements() -> str:
    return _list_images("disagreements", read("parity.json")["models"], "Digits on which the formats disagree:")


def _list_images(what: str, models: Iterable[str], text: str) -> str:
    """Return a line of Markdown for each model's image that exists."""
    here = [model for model in models if (RESULTS / f"{what}-{model}.png").is_file()]
    return "\n".join(f"![{text} {model}]({what}-{model}.png)\n" for model in here)


def _targets() -> str:
    measured, small = _read_latency(), _read_footprint()
    targets = {name: measured["targets"][name] for name in measured["models"]}
    both = (targets, small["targets"] if small else {})
    listed = [(model, each) for found in both for model, some in found.items() for each in some]
    body = [
        [
            f"`{model}`: {each['what']}",
            f"{'~' if each['noisy'] else ''}{each['ratio']:.3f}",
            f"{each['most']:.3f}",
            "met" if each["met"] else "missed",
        ]
        for model, each in listed
    ]
    return _table(["time, memory or size as a ratio", "measured", "at most", ""], body)


def _footprint() -> str:
    found = _read_footprint()
    return footprint(found) + "\n![Cold start, peak memory and installed bytes](footprint.png)\n" if found else ""


def _footprint_alone() -> str:
    found = _read_footprint()
    return footprint(found) if found else ""


def _imports() -> str:
    found = _read_footprint()
    body = [
        [title, package, f"{milliseconds:,.0f} ms"]
        for side, title in (("edge_digits", "edge-digits"), ("keras", "Keras script"))
        for package, milliseconds in (found[side]["import_ms"].items() if found else ())
    ]
    return _table(["", "package", "importing it"], body)


def _instructions() -> str:
    body = [
        [kind, f"`{model}`", name, f"{count:,}"]
        for kind, found in read("instructions.json").items()
        for model, each in found["models"].items()
        if _is_shipped(model, each["model"])
        for name, count in each["subjects"].items()
    ]
    return _table(["processor and Python", "model", "way to read", "instructions a digit"], body)


TABLES = {
    "demo": _demo,
    "demo-read": _demo_read,
    "demo-models": _demo_models,
    "choose": _choose,
    "headlines": _headlines,
    "models": _models,
    "comparisons": _comparisons,
    "seeds": _seeds,
    "reproductions": _reproductions,
    "training": _training,
    "formats": _formats,
    "real": _real,
    "real-formats": _others_by_format,
    "disagreements": _disagreements,
    "rejection": _rejection,
    "max-error": _max_error,
    "accepted": _accepted,
    "pages": _pages,
    "page-scenes": _page_scenes,
    "page-kinds": _page_kinds,
    "page-numbers": _page_numbers,
    "page-beside": _page_beside,
    "page-speed": _page_speed,
    "form-sheets": _form_sheets,
    "form-fields": _form_fields,
    "exam-sheets": _exam_sheets,
    "form-speed": _form_speed,
    "camera": _camera,
    "throughput": _throughput,
    "promises": _targets,
    "latency": _latency,
    "footprint": _footprint_alone,
    "footprint-image": _footprint,
    "imports": _imports,
    "instructions": _instructions,
}
MEASURED_BY = {
    name: benchmark
    for benchmark, names_of in {
        "parity": (
            "choose",
            "headlines",
            "models",
            "comparisons",
            "formats",
            "disagreements",
        ),
        "parity --real DIR": (
            "real",
            "real-formats",
        ),
        "training RUN...": (
            "seeds",
            "reproductions",
            "training",
        ),
        "nondigits": (
            "rejection",
            "max-error",
            "accepted",
        ),
        "pages --real DIR": (
            "pages",
            "page-scenes",
            "page-kinds",
            "page-numbers",
            "page-beside",
            "page-speed",
        ),
        "forms": (
            "form-sheets",
            "form-fields",
            "form-speed",
        ),
        "forms --real DIR": ("exam-sheets",),
        "camera": ("camera",),
        "throughput": ("throughput",),
        "latency": (
            "latency",
            "promises",
        ),
        "footprint": (
            "footprint",
            "footprint-image",
            "imports",
        ),
        "instructions": ("instructions",),
    }.items()
    for name in names_of
}  # the benchmark to run, by table
