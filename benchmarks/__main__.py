"""The command `python -m benchmarks`."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import forms, generated, keras_model, many_names, nondigits, pages, parity, speed, tables, throughput
from benchmarks.camera.command import camera
from benchmarks.machine import machine
from benchmarks.options import (
    FILE,
    FOLDER,
    bundles,
    file_name,
    given_models,
    is_given,
    is_record,
    models_option,
    out_option,
    read_mnist,
    refuse_unused,
    results_folder,
    runs_option,
)
from edge_runtime.bundles.bundle import DEFAULT, names
from edge_runtime.cli.run import debug_option, run
from edge_runtime.errors import FileError, MissingLibraryError, UsageError
from train.data.option import data_option
from train.recipes import RECIPES

EPILOG = """\b
Examples:
  python -m benchmarks parity
  python -m benchmarks parity --real ~/digits --mnist-c ~/mnist_c.npz
  python -m benchmarks parity --model bundles/mine --out runs/parity-of-mine
  python -m benchmarks training runs/ann runs/rmsprop-ann
  python -m benchmarks nondigits --real ~/digits
  python -m benchmarks pages --real ~/digits
  python -m benchmarks forms --real ~/digits
  python -m benchmarks camera
  python -m benchmarks throughput
  python -m benchmarks names
  python -m benchmarks sizes
  python -m benchmarks latency
  python -m benchmarks footprint
  python -m benchmarks instructions
  python -m benchmarks all
  python -m benchmarks tables
"""
SIZES_IMAGE = tables.ROOT / "docs" / "accuracy-by-bytes.png"


@click.group(epilog=EPILOG)
def benchmarks() -> None:
    """Measure the project against its targets, and put the results into the README."""


@benchmarks.command("parity")
@click.option("--real", type=FOLDER, help="Folders of labelled images, each with a labels.csv (filename,label).")
@click.option("--mnist-c", type=FILE, help="With --real: corrupted MNIST digits as an npz file, measured as well.")
@data_option
@models_option
@runs_option
@out_option
@debug_option
def parity_command(
    real: Path | None,
    mnist_c: Path | None,
    data: Path | None,
    models: Sequence[str],
    runs: Sequence[Path],
    out: Path,
) -> int:
    """Accuracy of every model and format on MNIST, and with --real on other people's digits.

    Each format is compared with the trained network in Keras: model.keras in the bundle or in --run; without it, with
    the float .tflite file. Exit code 1 if an int8 file of the default model loses more than 0.05
    points of accuracy, agrees on less than 99.9 %, or has a calibration error of more than 0.5 %; or if the NumPy
    backend gives another label than LiteRT, or an output that differs by more than one step of int8.
    """
    from benchmarks import disagreements, sizes  # Matplotlib takes a second

    refuse_unused("--mnist-c", "mnist_c", real is not None, "--real")
    results_folder(out, given_models(models))
    opened = bundles(models)
    trained = keras_model.find_all(opened, runs)
    keras_model.make_floats(opened)
    mnist = read_mnist(data)
    measured = {name: parity.formats(name, mnist, click.echo, trained[name]) for name in opened}
    found_models = {name: figures for name, (figures, _) in measured.items()}
    labels = {name: found["tflite_int8"].labels for name, (_, found) in measured.items()}
    comparisons = parity.compare(labels, mnist.test_labels)
    _write(out / "parity.json", found_models, comparisons=comparisons)
    sizes.draw(found_models, SIZES_IMAGE if is_record(out) else out / "sizes.png")
    for name, (figures, outputs) in measured.items():
        _tell_parity(name, figures)
        image = out / f"disagreements-{file_name(name)}.png"
        count = disagreements.draw(name, mnist.test_images, mnist.test_labels, outputs, image)
        click.echo(f"{name:<11} the formats disagree on {count} digits: {image}")
    for found in comparisons:
        click.echo(
            f"only {found['first']} reads {found['first_only']} digits right, only {found['second']} "
            f"{found['second_only']}: p = {found['p']:.2g}"
        )
    if real is not None:
        others = {name: parity.real(name, real, mnist_c, click.echo, trained[name]) for name in opened}
        _write(out / "real.json", others)
        for model, figures in others.items():
            for kind, accuracy in figures["sets"].items():
                click.echo(f"{model:<11} {kind:<28}{accuracy:.2%}")
    lapses = [f"{name}: {line}" for name in opened if name == DEFAULT for line in parity.lapses(found_models[name])]
    lapses += [f"{name}: {line}" for name, figures in found_models.items() for line in parity.numpy_lapses(figures)]
    for line in lapses:
        click.echo(f"error: {line}", err=True)
    return 1 if lapses else 0


@benchmarks.command("nondigits")
@click.option("--real", type=FOLDER, help="Folders of labelled images, each with a labels.csv (filename,label).")
@data_option
@out_option
@debug_option
def nondigits_command(real: Path | None, data: Path | None, out: Path) -> int:
    """Digits that every model keeps, and blanks, noise, letters and Fashion-MNIST that it rejects.

    Needs Debian packages and names them. Exit code 1 if the default model misses a target.
    """
    nondigits.check()
    results_folder(out)
    mnist = read_mnist(data)
    click.echo("drawing non-digits", err=True)
    images = nondigits.sets()
    models = {name: nondigits.measure(name, mnist, images, real, click.echo) for name in names()}
    _write(out / "nondigits.json", models, packages=list(nondigits.PACKAGES))
    for name, found in models.items():
        for kind, figures in found["kept"].items():
            click.echo(f"{name:<11} {kind:<18}{figures['kept']:>8.2%} kept, {figures['error']:.2%} of these wrong")
        for kind, figures in found["rejected"].items():
            reasons = ", ".join(f"{share:.1%} {reason}" for reason, share in sorted(figures["reasons"].items()))
            click.echo(f"{name:<11} {kind:<18}{figures['rejected']:>8.2%} rejected: {reasons}")
        for at in found["by_error"]:
            told = ", ".join(
                f"{kind} {each['kept']:.2%} with {each['error']:.3%} wrong" for kind, each in at["sets"].items()
            )
            click.echo(f"{name:<11} --max-error {at['max_error']:<7g} keeps {told}")
        every = [image for some in images.values() for image in some]
        nondigits.draw_accepted(name, every, out / f"accepted-{name}.png")
    lapses = nondigits.lapses(models[DEFAULT])
    for line in lapses:
        click.echo(f"error: {DEFAULT} {line}", err=True)
    return 1 if lapses else 0


@benchmarks.command("pages")
@click.option("--real", type=FOLDER, required=True, help="Folders of pages and strings, each with a labels.csv.")
@click.option("--peer/--no-peer", default=True, help="Measure RapidOCR as well.  [default: if it is installed]")
@click.option(
    "--without", type=click.IntRange(1), default=generated.WITHOUT, show_default=True, help="Images without digits."
)
@data_option
@out_option
@debug_option
def pages_command(real: Path, peer: bool, without: int, data: Path | None, out: Path) -> None:
    """Accuracy, speed and memory on pages and strings of other people's digits, and on generated pages."""
    if peer and is_given("peer") and not pages.has_peer():
        raise MissingLibraryError(f"--peer needs {pages.PEER}, which is not installed: pip install {pages.PEER}")
    results_folder(out)
    models = {
        name: pages.measure(name, real, click.echo) | {"speed": pages.speed(name, click.echo)} for name in names()
    }
    models[DEFAULT]["generated"] = pages.measure_generated(DEFAULT, read_mnist(data), click.echo, without)
    others = pages.measure_peer(real, click.echo) if peer else None
    others_generated = pages.measure_peer_on_generated(read_mnist(data), click.echo) if peer else None
    # A peer that is not measured again keeps its results: the images are the same.
    known = tables.read("pages.json") if (tables.RESULTS / "pages.json").is_file() else {"peers": {}}
    peers = {pages.PEER: others} if others else known["peers"]
    generated_by = {pages.PEER: others_generated} if others_generated else known.get("peers_generated", {})
    _write(out / "pages.json", models, peers=peers, peers_generated=generated_by)
    for reader, sets in [*((name, found["sets"]) for name, found in models.items()), (pages.PEER, others or {})]:
        for name, figures in sets.items():
            click.echo(
                f"{reader:<11} {name:<34}{figures['exact']:>8.1%} exact, {figures['digits_right']:.1%} of the digits, "
                f"{figures['false_digits_per_image']:.2f} false ones per image, {figures['milliseconds']:.1f} ms"
            )
    for kind, figures in models[DEFAULT]["generated"]["kinds"].items():
        click.echo(f"{DEFAULT:<11} {kind:<34}{figures['exact']:>8.1%} exact, {figures['silent']:.1%} silently wrong")
    blank = models[DEFAULT]["generated"]["without"]
    click.echo(f"{DEFAULT:<11} {'images without digits':<34}{blank['with_digits']:>8.2%} with a false digit")
    for name, found in models.items():
        for size, figures in found["speed"].items():
            click.echo(
                f"{name:<11} {size:<34}{figures['read_ms']:>8.1f} ms and {figures['decode_ms']:.1f} ms to decode it, "
                f"{figures['peak_mib']:.0f} MiB"
            )


@benchmarks.command("forms")
@click.option(
    "--layouts", type=click.IntRange(1), default=forms.LAYOUTS, show_default=True, help="Forms, three sheets of each."
)
@click.option("--real", type=FOLDER, help="Folders of labelled images; the exam sheets in `scenes` are measured too.")
@data_option
@out_option
@debug_option
def forms_command(layouts: int, real: Path | None, data: Path | None, out: Path) -> None:
    """Alignment and fields of generated forms: scans, turned scans and photographs of filled sheets."""
    results_folder(out)
    found = forms.measure(DEFAULT, read_mnist(data), lambda line: click.echo(line, err=True), layouts, real)
    _write(out / "forms.json", {DEFAULT: found})
    for way, sheets in found["sheets"].items():
        click.echo(
            f"{way:<11}{sheets['close']:>8.1%} of {sheets['sheets']} sheets within {forms.CLOSE:g} px, "
            f"{sheets['refused']:.1%} refused, median {sheets['median']:.2f} px"
        )
    for known, kinds in found["fields"].items():
        for kind, each in kinds.items():
            click.echo(
                f"{known:<8} {kind:<11}{each['exact']:>8.1%} of {each['fields']:,} fields exact, "
                f"{each['accepted']:.1%} accepted, {each['silent']:.1%} silently wrong"
            )
    for known, each in found["exam_sheets"].items():
        click.echo(f"{known:<8} exam sheets{each['exact']:>8.1%} of {each['fields']} fields exact")
    timed = found["speed"]
    click.echo(f"{timed['fields']} fields: {timed['read_ms']:.0f} ms, {timed['align_ms']:.0f} ms of these to align")


@benchmarks.command("throughput")
@click.option("--rounds", type=click.IntRange(1), default=throughput.ROUNDS, show_default=True, help="Repeats.")
@data_option
@out_option
@debug_option
def throughput_command(rounds: int, data: Path | None, out: Path) -> None:
    """Files a second of batch-classify, compared with a bare loop over the same files."""
    results_folder(out)
    digits = read_mnist(data).test_images
    models = {name: throughput.measure(name, digits, click.echo, rounds) for name in names()}
    _write(out / "throughput.json", models)
    for model, found in models.items():
        for name, rate in found["rates"].items():
            click.echo(f"{model:<11} {name:<40}{rate:>9,.0f} files/s")
        for name, ratio in found["ratios"].items():
            click.echo(f"{model:<11} {name:<40}{ratio:>9.2f}")


@benchmarks.command("names")
@click.option("--count", type=click.IntRange(1), default=1_000_000, show_default=True, help="Names in the folder.")
@out_option
@debug_option
def names_command(count: int, out: Path) -> None:
    """Memory and first row of batch-classify on a folder of very many names."""
    results_folder(out)
    found = many_names.measure(count, click.echo)
    (out / "names.json").write_text(json.dumps({"machine": machine()} | found, indent=1) + "\n", encoding="utf-8")
    peaks = ", ".join(f"{peak:.0f}" for peak in found["peak_mib"])
    click.echo(f"{found['rows']:,} rows in {found['seconds']:.1f} s, the first after {found['first_row_s']:.2f} s")
    click.echo(f"peak memory of the processes: {peaks} MiB")


@benchmarks.command("training")
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@debug_option
def training_command(runs: tuple[Path, ...]) -> None:
    """Record the metrics of RUNS, which `python -m train` wrote, and the image of samples of a single one."""
    for run_folder in runs:
        single = run_folder / "metrics.json"
        source = single if single.is_file() else run_folder / "summary.json"
        try:
            figures = json.loads(source.read_text(encoding="utf-8"))
            for each in figures.get("runs", [figures]):
                _check_recorded(run_folder, each)
            name = f"{figures['recipe']}.json" if source is single else f"{figures['recipe']}-seeds.json"
            (tables.RESULTS / "training" / name).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            if source is single:
                shutil.copyfile(run_folder / "samples.png", tables.ROOT / "docs" / "samples.png")
        except UsageError:
            raise
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise FileError(f"{run_folder} is not a finished run of python -m train: {error}") from error
        click.echo(f"{figures['recipe']}: {source}")


@benchmarks.command("sizes")
@debug_option
def sizes_command() -> None:
    """Draw accuracy against size from the recorded results, with published ones."""
    from benchmarks import sizes  # Matplotlib takes a second

    sizes.draw(tables.read("parity.json")["models"], SIZES_IMAGE)
    for point in sizes.PUBLISHED:
        click.echo(f"{point.name:<24}{point.bytes:>12,} bytes  {point.accuracy:.2%}  {point.source}")
    click.echo(f"drawn to {SIZES_IMAGE.relative_to(tables.ROOT)}")


@benchmarks.command("tables")
@debug_option
def tables_command() -> None:
    """Write the recorded results into the tables of the README, the documentation, the report and the model cards."""
    for page in tables.PAGES:
        page.write_text(tables.fill(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name, path in tables.cards().items():
        path.write_text(tables.fill_card(name, path.read_text(encoding="utf-8")), encoding="utf-8")
    click.echo(f"the tables are up to date with {tables.RESULTS.relative_to(tables.ROOT)}")


for _command in (*speed.COMMANDS, camera):
    benchmarks.add_command(_command)


def _check_recorded(folder: Path, figures: dict[str, Any]) -> None:
    """Raise UsageError for a run with other data or epochs than the recipe's own."""
    if figures.get("extra"):
        raise UsageError(f"{folder} was trained with --extra: only runs on MNIST alone are recorded")
    if figures["epochs"] != RECIPES[figures["recipe"]].epochs:
        raise UsageError(f"{folder} was trained with --epochs {figures['epochs']}: only full trainings are recorded")


def _tell_parity(model: str, found: dict[str, Any]) -> None:
    for kind, figures in found["formats"].items():
        low, high = figures["interval"]
        click.echo(
            f"{model:<11} {kind:<14}{figures['bytes']:>10,} bytes  {figures['accuracy']:.2%} "
            f"(95 %: {low:.2%} to {high:.2%})"
        )
        if figures["agreement"] is not None and kind != found["reference"]:
            logits, against = figures["logits"], figures["against_reference"]
            click.echo(
                f"{'':<26}agrees with {found['reference']} on {figures['agreement']:.2%}; logits differ by "
                f"{logits['largest']:.2g} at most, {logits['mean']:.2g} on average; McNemar: p = {against['p']:.2g}"
            )
    if numpy := found["numpy"]:
        click.echo(
            f"{model:<11} {'NumPy backend':<14}{'':>16}  LiteRT's label for {numpy['labels']:.2%} of the digits; "
            f"int8 outputs differ by {numpy['steps']} at most"
        )
    click.echo(f"{model:<11} {'as PNG files':<14}{'':>16}  {found['png_files']:.2%}")
    click.echo(f"{model:<11} {'calibration error':<30}  {found['calibration_error']:.2%}")


def _write(path: Path, models: dict[str, Any], **more: Any) -> None:
    path.write_text(json.dumps({"machine": machine(), "models": models, **more}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(benchmarks, "python -m benchmarks")
