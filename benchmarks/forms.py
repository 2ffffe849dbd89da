"""Generated forms: how well pages are aligned to their template, and how well their fields are read.

The layouts, the sheets and the digits, which are those of validation writers, are not used for anything else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks import exam_sheets
from benchmarks.fastest import fastest
from benchmarks.generated import make_world
from edge_runtime import Classifier, Reader, decode_gray
from edge_runtime.bundles.bundle import load_line_bundle, load_page_bundle
from edge_runtime.errors import InputError
from edge_runtime.forms.align import Template
from edge_runtime.forms.reading import FormReader
from train.data.mnist import Mnist
from train.synthetic.forms.draw import WAYS, Sheet, draw_blank, draw_sheet
from train.synthetic.forms.layouts import Layout, draw_layout
from train.synthetic.forms.readers import open_form
from train.synthetic.scenes.scene import World

LAYOUTS, FIRST = 40, 1_000  # how many, and the number of the first
CHECKED = "with a checksum"  # the fields that have one
CLOSE = 3.0  # pixels at 200 dpi: of a sheet that is aligned well
TIMED_FIELDS = 20  # of the sheet that is timed

Tell = Callable[[str], None]


def measure(name: str, mnist: Mnist, tell: Tell, layouts: int = LAYOUTS, real: Path | None = None) -> dict[str, Any]:
    """Return the figures of one model: `sheets` by way, `fields` by knowledge and by way or kind, and `speed`.

    real: folder with the set of scenes, whose `exam_sheets` are measured as well. Raises UsageError if it has none.
    """
    tell("preparing the handwriting of generated forms")
    world = make_world(mnist)
    classifier = Classifier(name)
    reader = Reader(classifier)
    exams = exam_sheets.measure(reader, real) if real else {}
    errors: dict[str, list[float]] = defaultdict(list)
    fields: dict[str, dict[str, Counter[str]]] = {known: defaultdict(Counter) for known in ("known", "unknown")}
    others: list[bool] = []
    blanks = []
    for number in range(FIRST, FIRST + layouts):
        tell(f"form {number - FIRST + 1} of {layouts}")
        layout = draw_layout(number, world)
        blank = draw_blank(layout)
        blanks.append(Template(blank))
        readers = {known: open_form(reader, layout, blank, known == "known") for known in fields}
        for way in WAYS:
            sheet = draw_sheet(layout, number, world, way)
            errors[way].append(_error(blanks[-1], sheet, layout))
            if len(blanks) > 1:
                others.append(_is_refused(blanks[-2], sheet))
            for known, each in readers.items():
                for counts, found in _judge(each, sheet, layout):
                    for key in ("all", way, *found):
                        fields[known][key] += counts
    return {
        "model": classifier.bundle.file("tflite_int8").sha256,
        "lines": load_line_bundle().file("tflite_int8").sha256,
        "page_network": load_page_bundle().file("tflite_int8").sha256,
        "sheets": {way: _describe_errors(found) for way, found in errors.items()},
        "other_forms": {"sheets": len(others), "refused": sum(others) / max(1, len(others))},
        "fields": {known: {key: _shares(count) for key, count in found.items()} for known, found in fields.items()},
        "exam_sheets": {known: _shares(counts) for known, counts in exams.items()},
        "speed": speed(reader, world),
    }


def _error(template: Template, sheet: Sheet, layout: Layout) -> float:
    """Return how far a corner of a field is from where the alignment places it, at most, pixels; inf if refused."""
    try:
        matrix = template.align(sheet.image).matrix
    except InputError:
        return float("inf")
    sides = [each.box for each in layout.fields]
    corners = np.array([[(x, y) for box in sides for x in box[::2] for y in box[1::2]]], np.float64)
    true = cv2.perspectiveTransform(corners + 0.5, sheet.matrix) - 0.5  # the generator's pixels have their centre there
    return float(np.linalg.norm(cv2.perspectiveTransform(corners, matrix) - true, axis=2).max())


def _is_refused(template: Template, sheet: Sheet) -> bool:
    try:
        template.align(sheet.image)
    except InputError:
        return True
    return False


def _judge(reader: FormReader, sheet: Sheet, layout: Layout) -> Iterator[tuple[Counter[str], tuple[str, ...]]]:
    """Yield for each field its counts and its kinds; the fields of a sheet that is refused are rejected."""
    try:
        found = reader.read(sheet.image).fields
    except InputError:
        found = []
    for place, (printed, true) in enumerate(zip(layout.fields, sheet.values, strict=True)):
        counts = exam_sheets.count_field(found[place], true) if found else Counter(fields=1)
        yield counts, (printed.kind, CHECKED) if printed.checksum else (printed.kind,)


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {"fields": counts["fields"]} | {
        name: counts[name] / counts["fields"] for name in ("exact", "accepted", "silent")
    }


def _describe_errors(errors: list[float]) -> dict[str, float]:
    aligned = [error for error in errors if np.isfinite(error)]
    return {
        "sheets": len(errors),
        "refused": 1 - len(aligned) / len(errors),
        "median": median(aligned) if aligned else 0.0,
        "close": sum(error <= CLOSE for error in aligned) / len(errors),
    }


def speed(reader: Reader, world: World) -> dict[str, float]:
    """Return milliseconds of an A4 page with some fields on one core, of its parts, and of decoding its JPEG."""
    numbers = range(FIRST, FIRST + 1000)
    layout = next(each for number in numbers if len((each := draw_layout(number, world)).fields) >= TIMED_FIELDS)
    layout = layout._replace(fields=layout.fields[:TIMED_FIELDS])
    sheet = draw_sheet(layout, FIRST, world, "scan")
    data = cv2.imencode(".jpg", sheet.image)[1].tobytes()
    gray = decode_gray(data)
    blank = draw_blank(layout)
    template = Template(blank)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    form = open_form(reader, layout, blank, known=True)
    times = {
        "read_ms": fastest(lambda: form.read(gray)),
        "align_ms": fastest(lambda: template.align(gray)),
        "decode_ms": fastest(lambda: decode_gray(data)),
    }
    cv2.setNumThreads(threads)
    return {"fields": len(layout.fields), **times}
