"""Fits how much the digits and numbers of a page can be trusted, and writes it into the bundle of the page network.

Generated pages are read as the runtime does: the ink that the map selects and, where that is doubtful, all ink. A small
network for each reading learns from the features in `edge_runtime.segmentation.trust` whether a digit is right. On
other pages and forms, with digits of validation writers, it is then measured how much trust a number or a field needs
so that at most a share of the accepted ones is wrong.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from edge_runtime import Classifier, Reader
from edge_runtime.bundles.bundle import MANIFEST, PAGES, Bundle, load_page_bundle
from edge_runtime.cli.run import debug_option, run
from edge_runtime.common.files import write_whole
from edge_runtime.decide import Reason
from edge_runtime.errors import InputError, OutputError
from edge_runtime.numbers import UNREADABLE
from edge_runtime.page import Page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.segmentation.trust import NAME, READINGS, Trust, pack
from edge_runtime.types import Digit, FieldReading, Gray, Status
from train.data import writers
from train.data.mnist import load_mnist
from train.data.option import data_option
from train.synthetic.forms.draw import WAYS, draw_blank, draw_sheet
from train.synthetic.forms.layouts import draw_layout
from train.synthetic.forms.readers import open_form
from train.synthetic.kind_pages import draw_amount, draw_kind, draw_without
from train.synthetic.scenes.fields import Fields
from train.synthetic.scenes.plans import KINDS
from train.synthetic.scenes.scene import World
from train.synthetic.scenes.writers import load_writers

PAGES_EACH, AMOUNTS, WITHOUT = 200, 1_000, 1_200  # pages of each kind, amounts, and images without digits, to fit on
LIMIT_PAGES_EACH, LIMIT_AMOUNTS = 60, 300  # the same for the limits
SEED, LIMITS_SEED = 3, 4  # of the pages that the weights and the limits are fitted on
LAYOUTS, FIRST_LAYOUT = 20, 2_000  # forms that the limits are fitted on: how many, and the number of the first
ERRORS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2)  # of accepted numbers

Judged = list[tuple[float, bool]]  # trust of a number or field, and whether it is right
Samples = tuple[NDArray[np.float64], NDArray[np.float64]]  # features (N, 25), and whether each digit is right (N,)


def is_right(digits: list[Digit], text: str) -> NDArray[np.bool_]:
    """Return whether each digit has its place in the longest common order with the digits of the true text, (N,)."""
    found = "".join(str(digit.label) for digit in digits)
    true = "".join(letter for letter in text if letter.isdigit())
    right = np.zeros(len(digits), np.bool_)
    for start, _, length in SequenceMatcher(None, found, true, autojunk=False).get_matching_blocks():
        right[start : start + length] = True
    return right


def draw_pages(world: World, each: int, amounts: int, without: int, seed: int) -> Iterator[tuple[Gray, str]]:
    """Yield pages of every kind, amounts, and images without digits, with their texts."""
    for kind in KINDS:
        for number in range(each):
            scene = draw_kind(kind, number, world, seed)
            yield scene.image, scene.text
    for number in range(amounts):
        yield draw_amount(number, world, seed)
    for number in range(without):
        yield draw_without(number, world, seed), ""


def collect(reader: Reader, pages: Iterator[tuple[Gray, str]]) -> dict[str, Samples]:
    """Return the samples of each reading: of the accepted digits."""
    features: dict[str, list[Any]] = {name: [] for name in READINGS}
    right: dict[str, list[Any]] = {name: [] for name in READINGS}
    for gray, text in pages:
        for reading in reader.compare(gray):
            kept = [number for number, digit in enumerate(reading.digits) if digit.status is Status.OK]
            features[reading.kind].append(reading.features[kept])
            right[reading.kind].append(is_right([reading.digits[number] for number in kept], text))
    return {name: (np.concatenate(features[name]), np.concatenate(right[name]).astype(np.float64)) for name in READINGS}


def judge(page: Page, text: str) -> Judged:
    """Return the trust of each number without an unread digit, and whether its digits are a number of the true text."""
    true = Counter("".join(filter(str.isdigit, number)) for number in text.split())
    judged = []
    for number in page.numbers:
        digits = "".join(filter(str.isdigit, number.text))
        if UNREADABLE not in number.text:
            judged.append((number.trust, true[digits] > 0))
            true[digits] -= 1
    return judged


def judge_fields(fields: list[FieldReading], values: list[str]) -> Judged:
    """Return the trust of each field that is not rejected for another reason, and whether its digits are right."""
    return [
        (field.trust, "".join(filter(str.isdigit, field.text)) == value)
        for field, value in zip(fields, values, strict=True)
        if field.reason in ("", Reason.LOW_CONFIDENCE)
    ]


def judge_forms(reader: Reader, world: World, layouts: int) -> Judged:
    """Return the same of the fields of generated sheets, read with and without what is known of them."""
    judged: Judged = []
    for number in range(FIRST_LAYOUT, FIRST_LAYOUT + layouts):
        layout = draw_layout(number, world)
        blank = draw_blank(layout)
        forms = [open_form(reader, layout, blank, known) for known in (True, False)]
        for way in WAYS:
            sheet = draw_sheet(layout, number, world, way)
            for form in forms:
                with suppress(InputError):  # a sheet that is refused has no fields
                    judged += judge_fields(form.read(sheet.image).fields, list(sheet.values))
    return judged


def find_limits(judged: Judged) -> list[dict[str, float]]:
    """Return for each of `ERRORS` that can be reached the least trust of those that are accepted, and their share."""
    judged = sorted(judged, reverse=True)
    trusts, wrong = np.array([trust for trust, _ in judged]), np.cumsum([not right for _, right in judged])
    limits = []
    for error in ERRORS:
        kept = np.flatnonzero(wrong <= error * np.arange(1, len(judged) + 1))
        if len(kept):
            least, share = float(trusts[kept[-1]]), float((kept[-1] + 1) / len(judged))
            limits.append({"max_error": error, "least_trust": round(least, 4), "coverage": round(share, 4)})
    return limits


def add(bundle: Bundle, weights: Mapping[str, Trust], facts: dict[str, Any]) -> None:
    """Write weights into a file of a bundle, and its entry and facts into the manifest; raises OutputError."""
    data = pack(weights)
    entry = {"path": NAME, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(bundle.manifest | {"trust": {"weights": entry} | facts}, indent=1) + "\n"
    try:
        write_whole(bundle.folder / NAME, data)
        write_whole(bundle.folder / MANIFEST, text.encode())
    except OSError as error:
        raise OutputError(f"{bundle.folder} cannot be written: {error.strerror}") from error


@click.command(epilog="\b\nExample:\n  python -m export.trust")
@click.argument("folder", type=click.Path(path_type=Path), default=PAGES, metavar="[BUNDLE_DIR]")
@data_option
@debug_option
def command(folder: Path, data: Path | None) -> None:
    """Fit how much the digits and numbers of a page can be trusted, and write it into a page bundle, by default the
    shipped one.
    """
    from export.fit_trust import fit  # here because it needs TensorFlow

    bundle, mnist = load_page_bundle(folder), load_mnist(data)
    click.echo("drawing and reading generated pages", err=True)
    world = World(load_writers(*writers.fit_part(mnist)), Fields(SEED))
    plain = {key: value for key, value in bundle.manifest.items() if key != "trust"}  # no earlier weights
    reader = Reader(Classifier(), pages=PageNetwork(replace(bundle, manifest=plain)))
    samples = collect(reader, draw_pages(world, PAGES_EACH, AMOUNTS, WITHOUT, SEED))
    weights = {name: fit(*samples[name]) for name in READINGS}
    counts = {name: {"digits": len(right), "right": float(right.mean())} for name, (_, right) in samples.items()}
    pages = {"pages": PAGES_EACH * len(KINDS), "amounts": AMOUNTS, "without_digits": WITHOUT}
    add(bundle, weights, {"fitted_on": pages | counts})
    click.echo("drawing and reading other pages and forms, to find the limits of numbers and fields", err=True)
    world = World(load_writers(*writers.validation_part(mnist)), Fields(LIMITS_SEED))
    reader = Reader(Classifier(), pages=PageNetwork(load_page_bundle(folder)))
    drawn = draw_pages(world, LIMIT_PAGES_EACH, LIMIT_AMOUNTS, 0, LIMITS_SEED)
    limits = {
        "numbers": find_limits([each for gray, text in drawn for each in judge(reader.read(gray, "page"), text)]),
        "fields": find_limits(judge_forms(reader, world, LAYOUTS)),
    }
    add(bundle, weights, {"fitted_on": pages | counts} | limits)
    for name in READINGS:
        click.echo(f"{name}: {counts[name]['digits']:,} digits, {counts[name]['right']:.1%} right")
    for name, found in limits.items():
        for limit in found:
            least, share = limit["least_trust"], limit["coverage"]
            click.echo(f"{name}: at most {limit['max_error']:.1%} wrong from {least:.4f}, {share:.1%}")


if __name__ == "__main__":
    run(command, "python -m export.trust")
