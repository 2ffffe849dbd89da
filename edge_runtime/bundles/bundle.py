"""A model bundle: a folder with a manifest and the model files that it names.

A bundle may come from anywhere, so it is not trusted: the size, version and fields of the manifest are checked, file
names must stay inside the folder, and an interpreter gets the bytes of a model only if their SHA-256 is right.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime import limits
from edge_runtime.errors import ModelError, UsageError

Shape = tuple[int, ...]

FORMAT = "edge-digits bundle"
FORMAT_VERSION = 2
MANIFEST = "manifest.json"
MODELS = Path(__file__).parent.parent / "models"  # the digit bundles of the package
DEFAULT = "ann"
LABELS = [str(digit) for digit in range(10)]
DIGIT, LINE, PAGE = (28, 28), (32, 192), (256, 256)  # pixels: height and width of the input of a network
ELEVENTH: dict[Shape, str] = {DIGIT: "non-digit", LINE: "blank"}  # label of the eleventh output
NON_DIGIT_LABEL = ELEVENTH[DIGIT]
VERSION_1 = {"label": "none", "threshold": "max_none"}  # names of version 1 for the eleventh label and `max_non_digit`
ACTIVATIONS = ("softmax", "sigmoid")
LINES = Path(__file__).parent.parent / "line_model"  # the line bundle of the package
PAGES = Path(__file__).parent.parent / "page_model"  # the page bundle of the package
KIND_LABELS = ["background", "other", "mark", "digit"]  # of a page bundle
PAGE_OUTPUTS: Shape = (5120, 16)  # of a page bundle: see `segmentation.outputs`


class Shapes(NamedTuple):
    """Shapes of the input and output of a network, without the batch."""

    image: Shape  # pixels, height and width: (28, 28) for digits, (32, 192) for lines, (256, 256) for pages
    outputs: Shape  # of one image: (10,) or (11,) for digits, (columns, 11) for lines, (5120, 16) for pages


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file of a bundle: its path, its size in bytes and its SHA-256 in hex."""

    path: Path
    size: int
    sha256: str

    def load(self) -> bytes:
        """Return the bytes of the file; raises ModelError if it is missing or not the exported file."""
        try:
            if self.path.stat().st_size != self.size:
                raise ModelError(f"{self.path} does not have the size in its manifest: export or install it again")
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            made = "; create the float files: python -m export.floats" if "float" in self.path.name else ""
            raise ModelError(f"the model {self.path} cannot be read: it is missing{made}") from error
        except OSError as error:
            raise ModelError(f"the model {self.path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelError(f"{self.path} does not have the SHA-256 in its manifest: export or install it again")
        return data


class Threshold(NamedTuple):
    """A confidence from which digits are accepted, and its effect on digits with known labels."""

    max_error: float  # 0..1: at most this share of the accepted digits was wrong
    min_confidence: float  # 0..1
    coverage: float  # 0..1: share of accepted digits


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked manifest."""

    name: str
    folder: Path
    files: dict[str, ModelFile]  # by format: tflite_int8, onnx_int8, tflite_float, onnx_float
    activation: str  # softmax or sigmoid: not in the graph, applied by the classifier
    temperature: float  # divides the logits; > 0
    min_confidence: float  # 0..1: digits with less are rejected
    max_non_digit: float  # 0..1: the highest accepted ratio of the probability of a non-digit to that of the label
    thresholds: tuple[Threshold, ...]  # by increasing max_error; measured on digits that were not used for training
    shapes: Shapes
    manifest: dict[str, Any]  # the parsed JSON
    digest: str = ""  # SHA-256 of the manifest, in hex; covers the files too, whose hashes are in the manifest

    def file(self, kind: str) -> ModelFile:
        """Return the model file of a format; raises ModelError if the bundle has none."""
        try:
            return self.files[kind]
        except KeyError:
            raise ModelError(f"the model {self.name} has no {kind} file; it has {', '.join(self.files)}") from None

    def threshold(self, max_error: float) -> Threshold:
        """Return the threshold with the largest error rate in the table that is at most `max_error`.

        max_error: over 0 and at most 1. Raises UsageError if the bundle has no threshold that strict.
        """
        if not 0 < max_error <= 1:
            raise UsageError(f"the target error rate is over 0 and at most 1, not {max_error:g}")
        if not self.thresholds:
            raise UsageError(f"the model {self.name} has no table of error rates: export it with --validated")
        kept = [each for each in self.thresholds if each.max_error <= max_error * (1 + 1e-9)]
        if not kept:
            least = self.thresholds[0].max_error
            raise UsageError(
                f"the model {self.name} was validated down to an error of {least:g}, not {max_error:g}: "
                f"ask for {least:g} or more"
            )
        return kept[-1]


def names() -> list[str]:
    """Return the names of the digit bundles of the package, the default first."""
    found = sorted(path.parent.name for path in MODELS.glob(f"*/{MANIFEST}"))
    return sorted(found, key=lambda name: name != DEFAULT)


def load_bundle(model: str | Path | None = None) -> Bundle:
    """Load a digit bundle. model: the name of a bundle of the package, a folder, or None for the default.

    Raises ModelError if it does not exist or its manifest is not supported.
    """
    name = DEFAULT if model is None else str(model)
    folder = MODELS / name if name in names() else Path(name)
    return _open(name, folder, DIGIT)


def load_line_bundle(folder: Path = LINES) -> Bundle:
    """Load a line bundle, by default the one of the package; raises ModelError."""
    return _open(str(folder), folder, LINE)


def load_page_bundle(folder: Path = PAGES) -> Bundle:
    """Load a page bundle, by default the one of the package; raises ModelError."""
    return _open(str(folder), folder, PAGE)


def _open(name: str, folder: Path, image: Shape) -> Bundle:
    path = folder / MANIFEST
    try:
        size = path.stat().st_size if name and path.is_file() else None
    except OSError as error:
        raise ModelError(f"the model {name!r} cannot be read: {error.strerror}") from error
    if size is None:
        raise ModelError(f"there is no model {name!r}: name one of {', '.join(names())} or a folder")
    if size > limits.MANIFEST_BYTES:
        raise ModelError(f"{path} is over {limits.MANIFEST_BYTES:,} bytes")
    try:
        data = path.read_bytes()
        manifest = json.loads(data)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON: export the bundle again") from error
    try:
        return replace(_check(manifest, folder, image), digest=hashlib.sha256(data).hexdigest())
    except ModelError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path} has a missing entry or a value of the wrong type: {error}") from error


def _check(manifest: Any, folder: Path, image: Shape) -> Bundle:
    where = folder / MANIFEST
    version = manifest["format_version"]
    if manifest["format"] != FORMAT or version not in (1, FORMAT_VERSION):
        raise ModelError(f"{where} is not {FORMAT!r} version 1 or {FORMAT_VERSION}, which this release reads")
    labels = manifest["labels"]
    if labels not in _label_sets(image, version) or tuple(manifest["input"]["shape"]) != image:
        what = "kinds of ink" if image == PAGE else "the digits 0 to 9"
        raise ModelError(f"{where} does not describe a network for {image[0]}x{image[1]} pixels and {what}")
    outputs = tuple(int(side) for side in manifest["output"]["shape"])
    if outputs != PAGE_OUTPUTS if image == PAGE else outputs[-1] != len(labels):
        raise ModelError(f"{where} names {len(labels)} labels for outputs of shape {outputs}")
    activation = manifest["output"]["activation"]
    temperature = float(manifest["temperature"])
    min_confidence = float(manifest["thresholds"].get("min_confidence", 0.0))
    threshold = VERSION_1["threshold"] if version == 1 else "max_non_digit"
    max_non_digit = float(manifest["thresholds"].get(threshold, 1.0))
    thresholds = _thresholds(manifest["thresholds"].get("by_error", []))
    shares = [min_confidence, max_non_digit, *(value for each in thresholds for value in each)]
    rising = all(one.max_error < other.max_error for one, other in pairwise(thresholds))
    sensible = activation in ACTIVATIONS and 1e-3 <= temperature <= 1e3 and all(0 <= share <= 1 for share in shares)
    if not sensible or not rising:
        raise ModelError(f"{where} holds an invalid activation, temperature or threshold")
    files = {kind: model_file(entry, folder) for kind, entry in manifest["files"].items()}
    return Bundle(
        str(manifest["name"]), folder, files, activation, temperature, min_confidence, max_non_digit,
        thresholds, Shapes(image, outputs), manifest,
    )  # fmt: skip


def _label_sets(image: Shape, version: int) -> list[list[str]]:
    """Return the labels that a manifest may have."""
    if image == PAGE:
        return [KIND_LABELS]
    return [LABELS, [*LABELS, VERSION_1["label"] if version == 1 else ELEVENTH[image]]]


def _thresholds(entries: list[dict[str, Any]]) -> tuple[Threshold, ...]:
    return tuple(
        Threshold(float(entry["max_error"]), float(entry["min_confidence"]), float(entry["coverage"]))
        for entry in entries
    )


def model_file(entry: dict[str, Any], folder: Path) -> ModelFile:
    """Check the manifest entry of a file in the folder; raises ModelError, LookupError or TypeError."""
    name, size, sha256 = entry["path"], entry["bytes"], entry["sha256"]
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name or "\0" in name:
        raise ModelError(f"{folder / MANIFEST} names a file outside its folder: {name!r}")
    if not isinstance(size, int) or not 0 < size <= limits.MODEL_BYTES:
        raise ModelError(f"{folder / MANIFEST} names a file of {size} bytes; 1 to {limits.MODEL_BYTES:,} are loaded")
    return ModelFile(folder / name, size, str(sha256))
