"""Pages and strings of digits: accuracy, speed and memory, and the same of another reader.

In: a folder of labelled images, each set with a labels.csv (filename,label; `|` between rows). Out: metrics for JSON.
"""

import importlib
import importlib.util
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks import beside, generated
from benchmarks.fastest import fastest
from benchmarks.labelled import LabelledSet, labelled
from benchmarks.trusted import at_limits, count_numbers
from edge_runtime import Classifier, Reader, read_gray
from edge_runtime.bundles.bundle import load_line_bundle, load_page_bundle
from edge_runtime.errors import FileError
from edge_runtime.images.files import decode_gray
from edge_runtime.page import Page
from edge_runtime.segmentation.network import PageNetwork
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Box, Digit, Gray, Status
from export.trust import Judged, judge
from train.data.mnist import Mnist

SIZES = {
    "1920 x 1080": ((1920, 1080), 60, 6),
    "640 x 480": ((640, 480), 40, 1),
    "4000 x 3000": ((4000, 3000), 125, 6),
}  # the image, its digits' height, and its rows
UNIT = "1920 x 1080"  # its decoding is the unit of time
ROW = "0123456789"  # on the page that is timed
PEER_WITHOUT = 60  # images without digits that it is measured on: it takes half a second each
PEER = "rapidocr"

Tell = Callable[[str], None]
Read = Callable[[Path], tuple[str, bool]]  # an image file to its digits, rows joined by |, and whether it is accepted


def measure(name: str, folder: Path, tell: Tell) -> dict[str, Any]:
    """Measure one model on every set below `folder` whose labels are strings or pages of digits, by the set's name.

    `sets`: as it ships. `cut`: without the line recogniser, all rows cut into digits. `scenes`: sets whose labels hold
    more than digits and rows, or images without digits.
    """
    classifier = Classifier(name)
    whole = Reader(classifier)

    def measured(reader: Reader, title: str, kept: dict[Path, Page]) -> dict[str, Any]:
        def read(path: Path) -> tuple[str, bool]:
            kept[path] = page = reader.read(read_gray(path), "page")
            return page.digits_text.replace("\n", "|"), page.status is Status.OK

        return {each.name: score(read, each, title, tell) for each in _sets(folder)}

    pages: dict[Path, Page] = {}
    return {
        "model": classifier.bundle.file("tflite_int8").sha256,
        "lines": load_line_bundle().file("tflite_int8").sha256,
        "page_network": load_page_bundle().file("tflite_int8").sha256,
        "sets": measured(whole, name, pages),
        "cut": measured(Reader(classifier, lines=False), f"{name}, all rows cut", {}),
        "scenes": {
            each.name: score_scenes(lambda path: whole.read(read_gray(path), "page"), each, name, tell)
            for each in labelled(folder)
            if _are_scenes(each)
        },
        "numbers": {each.name: _judge_numbers(pages, each) for each in _sets(folder)},
    }


def _judge_numbers(pages: dict[Path, Page], images: LabelledSet) -> list[dict[str, float]]:
    """Return how many numbers of a set are accepted at each `--max-error`, and how many of these are wrong.

    pages: what was read, by path.
    """
    judged: Judged = []
    texts = [label.replace("|", " ") for label in images.labels.values()]
    for path, text in zip(images.paths, texts, strict=True):
        judged += judge(pages[path], text)
    return at_limits(judged, sum(map(count_numbers, texts)), PageNetwork().limits)


def measure_generated(name: str, mnist: Mnist, tell: Tell, without: int) -> dict[str, Any]:
    """Measure one model on generated pages and on images without digits, of which there are `without`."""
    reader = Reader(Classifier(name))
    figures = generated.measure(lambda gray: reader.read(gray, "page"), mnist, name, tell, without=without)
    tell(f"{name}: a number with something beside it")
    return figures | {
        "beside": {"cases": beside.CASES, "changed": beside.measure(lambda gray: reader.read(gray, "page"))}
    }


def has_peer() -> bool:
    """Return whether RapidOCR is installed."""
    return importlib.util.find_spec(PEER) is not None


def _open_peer() -> Any:
    """Return RapidOCR, without its messages; None where it is not installed."""
    if not has_peer():
        return None
    engine = importlib.import_module(PEER).RapidOCR()
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return engine


def measure_peer(folder: Path, tell: Tell) -> dict[str, Any] | None:
    """Measure RapidOCR on the same images, keeping only the digits; None where it is not installed.

    Pages go through its detector and recogniser; strings, which are cut out already, through the recogniser alone,
    which reads three times as many of them right and takes a fiftieth of the time.
    """
    engine = _open_peer()
    if engine is None:
        return None

    def read(path: Path) -> tuple[str, bool]:
        return _peer_text(engine(str(path))), True  # it has no doubt

    def read_crop(path: Path) -> tuple[str, bool]:
        return _peer_text(engine(str(path), use_det=False, use_cls=False, use_rec=True)), True

    figures: dict[str, Any] = {}
    for each in _sets(folder):
        are_pages = any("|" in label for label in each.labels.values())
        figures[each.name] = score(read if are_pages else read_crop, each, PEER, tell)
    return figures


def score(read: Read, images: LabelledSet, title: str, tell: Tell) -> dict[str, Any]:
    """Return the metrics of a reader on labelled images.

    A digit is right if it has its place in the longest common order of what is read and what is true. Strings that are
    wrong with the right number of digits are mostly misread, the others mostly cut apart or found wrongly.
    """
    tell(f"{title}: {images.name}")
    exact = right = false = total = misread = silent = accepted = 0
    seconds = []
    for path, true in zip(images.paths, images.labels.values(), strict=True):
        started = time.perf_counter()
        found, is_accepted = read(path)
        seconds.append(time.perf_counter() - started)
        matched, extra = align(true.replace("|", ""), found.replace("|", ""))
        exact += found == true
        accepted += is_accepted
        silent += is_accepted and found != true
        right += matched
        false += extra
        total += len(true.replace("|", ""))
        misread += found != true and len(found.replace("|", "")) == len(true.replace("|", ""))
    return {
        "images": len(images.labels),
        "exact": exact / len(images.labels),
        "accepted": accepted / len(images.labels),
        "silent": silent / len(images.labels),
        "digits": total,
        "digits_right": right / total,
        "false_digits_per_image": false / len(images.labels),
        "misread": misread / len(images.labels),
        "cut_wrongly": 1 - (exact + misread) / len(images.labels),
        "milliseconds": 1000 * median(seconds),
    }


def score_scenes(read: Callable[[Path], Page], images: LabelledSet, title: str, tell: Tell) -> dict[str, Any]:
    """Return the metrics of a reader on photographs of all kinds, some without digits.

    `digit_error`: insertions, deletions and substitutions of digits and row ends, over the digits of the truth.
    `silent`: the share of images with digits that are read wrongly without a sign of doubt.
    """
    tell(f"{title}: {images.name}")
    errors = digits = with_digits = silent = blank = blank_with_digits = 0
    for path, true in zip(images.paths, images.labels.values(), strict=True):
        page = read(path)
        rows, found = _digit_rows(true), page.digits_text
        if not rows:
            blank += 1
            blank_with_digits += bool(found)
            continue
        with_digits += 1
        errors += count_edits(rows, found)
        digits += len(rows.replace("\n", ""))
        silent += found != rows and page.status is Status.OK
    return {
        "images": with_digits,
        "digits": digits,
        "digit_error": errors / digits,
        "silent": silent / with_digits,
        "blank": blank,
        "blank_with_digits": blank_with_digits,
    }


def _digit_rows(label: str) -> str:
    """Return the rows of a label that hold digits, joined by a newline, without marks and spaces."""
    return generated.digits_of(label.replace("|", "\n"))


def count_edits(true: str, found: str) -> int:
    """Return the fewest insertions, deletions and substitutions that turn one string into the other (Levenshtein)."""
    return _align(true, found)[0]


def align(true: str, found: str) -> tuple[int, int]:
    """Return how many digits are right and how many of `found` are false, in the alignment with the fewest edits."""
    _, right, false = _align(true, found)
    return right, false


def _align(true: str, found: str) -> tuple[int, int, int]:
    best = [(column, 0, column) for column in range(len(found) + 1)]  # edits, right, false
    for row, digit in enumerate(true, 1):
        line = [(row, 0, 0)]
        for column, read in enumerate(found, 1):
            edits, right, false = best[column - 1]
            options = [(edits + (digit != read), right + (digit == read), false)]
            edits, right, false = best[column]
            options.append((edits + 1, right, false))
            edits, right, false = line[column - 1]
            options.append((edits + 1, right, false + 1))
            line.append(min(options, key=lambda option: (option[0], -option[1])))
        best = line
    return best[-1]


def speed(name: str, tell: Tell) -> dict[str, Any]:
    """Return milliseconds of a page on one core, and peak memory in MiB of a process that reads one, by page size."""
    figures: dict[str, Any] = {}
    reader = Reader(Classifier(name))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for size, (pixels, height, rows) in SIZES.items():
        tell(f"{name}: {size}")
        drawn = draw_page([ROW] * rows, pixels, height, 1, Appearance(fall=0.5, noise=4.0, blur=1.0, gap=(0.4, 0.8)))
        data = cv2.imencode(".jpg", drawn.image)[1].tobytes()
        gray = decode_gray(data)
        digits = sum(each is not None for each in reader.read(gray, "page").digits)
        decode, read = fastest(partial(decode_gray, data)), fastest(partial(reader.read, gray, "page"))
        figures[size] = {
            "digits": digits,
            "read_ms": read,
            "decode_ms": decode,
            "units": read / figures.get(UNIT, {"decode_ms": decode})["decode_ms"],
            "peak_mib": _peak(name, data),
        }
    cv2.setNumThreads(threads)
    return figures


def measure_peer_on_generated(mnist: Mnist, tell: Tell) -> dict[str, Any] | None:
    """Measure RapidOCR on the same generated pages; None where it is not installed."""
    engine = _open_peer()
    if engine is None:
        return None

    def read(gray: Gray) -> Page:
        rows = _peer_text(engine(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))).split("|")
        box = Box(0, 0, 1, 1)
        digits = (Digit(int(each), 1.0, (), box, Status.OK, row=row) for row, text in enumerate(rows) for each in text)
        return Page(tuple(digits), gray.shape[1], gray.shape[0])

    return generated.measure(read, mnist, PEER, tell, without=PEER_WITHOUT)


PEAK = """
import sys
from edge_runtime import Classifier, Reader, decode_gray
from edge_runtime.bench.memory import peak_mib
Reader(Classifier(sys.argv[1])).read(decode_gray(sys.stdin.buffer.read()), "page")
print(peak_mib())
"""


def _peak(name: str, data: bytes) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK, name], input=data, capture_output=True, check=True)
    return float(done.stdout)


def _sets(folder: Path) -> list[LabelledSet]:
    """Return the sets whose labels are strings or pages of digits."""
    sets = [each for each in labelled(folder) if not _are_scenes(each) and any(map(_is_long, each.labels.values()))]
    if not sets:
        raise FileError(f"below {folder} there is no labels.csv with strings of digits")
    return sets


def _is_long(label: str) -> bool:
    return len(label) > 1


def _are_scenes(images: LabelledSet) -> bool:
    """Return whether labels hold more than digits and rows, or are empty."""
    return any(not label or set(label) - set("0123456789|") for label in images.labels.values())


def _peer_text(result: Any) -> str:
    """Return the texts in order of their places: rows from the top, and parts of a row from the left."""
    texts = list(getattr(result, "txts", None) or ())
    boxes = getattr(result, "boxes", None)
    if boxes is None or len(boxes) != len(texts):
        return "|".join(filter(None, (_digits(text) for text in texts)))
    lines: list[list[tuple[float, float, float, str]]] = []  # middle, height, left, text
    for text, box in sorted(zip(texts, boxes, strict=True), key=lambda pair: float(np.mean(pair[1][:, 1]))):
        middle, height, left = float(np.mean(box[:, 1])), float(np.ptp(box[:, 1])), float(np.min(box[:, 0]))
        if lines and abs(middle - lines[-1][0][0]) < 0.5 * max(height, lines[-1][0][1]):
            lines[-1].append((middle, height, left, text))
        else:
            lines.append([(middle, height, left, text)])
    rows = ["".join(_digits(part[3]) for part in sorted(line, key=lambda part: part[2])) for line in lines]
    return "|".join(filter(None, rows))


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")
