"""A model bundle: a folder with a manifest and the model files that it names.

A bundle may come from anywhere, so nothing in it is believed: the manifest's size, version and fields are checked,
file names may not leave the folder, and a model's bytes meet no interpreter before their SHA-256 is right.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from edge_runtime import limits
from edge_runtime.errors import ModelError, UsageError

FORMAT = "edge-digits bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MODELS = Path(__file__).parent.parent / "models"  # the bundles that ship with the package
DEFAULT = "ann"
LABELS = [str(digit) for digit in range(10)]
DIGIT, LINE = (28, 28), (32, 192)  # pixels of what a network sees, height and width
NONE = "none"  # the label of an eleventh output: what is no digit
ACTIVATIONS = ("softmax", "sigmoid")
LINES = Path(__file__).parent.parent / "line_model"  # the bundle that reads lines

Shape = tuple[int, ...]


class Shapes(NamedTuple):
    """What a network takes and gives, without the batch."""

    image: Shape  # pixels, height and width: of a digit (28, 28), of a line (32, 192)
    outputs: Shape  # of an image: (10,), of a line (columns, 11)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One model file of a bundle: its path, its size in bytes and its SHA-256 in hex."""

    path: Path
    size: int
    sha256: str

    def load(self) -> bytes:
        """Return the file's bytes; raises ModelError where it is missing or not the one that was exported."""
        try:
            if self.path.stat().st_size != self.size:
                raise ModelError(f"{self.path} has another size than its manifest says: export or install it again")
            data = self.path.read_bytes()
        except FileNotFoundError as error:
            made = "; float files do not ship: python -m export.floats makes them" if "float" in self.path.name else ""
            raise ModelError(f"the model {self.path} cannot be read: it is missing{made}") from error
        except OSError as error:
            raise ModelError(f"the model {self.path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelError(f"{self.path} is not the file its manifest names (SHA-256): export or install it again")
        return data


class Threshold(NamedTuple):
    """A confidence from which digits are accepted, and what that meant for digits of known labels."""

    max_error: float  # 0..1: at most so many of the accepted were wrong
    min_confidence: float  # 0..1
    coverage: float  # 0..1: so many were accepted


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked manifest."""

    name: str
    folder: Path
    files: dict[str, ModelFile]  # by format: tflite_int8, onnx_int8, tflite_float, onnx_float
    activation: str  # softmax or sigmoid: left out of the graph, applied by the classifier
    temperature: float  # divides the logits; > 0
    min_confidence: float  # 0..1: less is rejected
    max_none: float  # 0..1: what is no digit with more than so many times its probability is rejected
    thresholds: tuple[Threshold, ...]  # by max_error, rising; measured on digits that the network was not trained on
    shapes: Shapes
    manifest: dict[str, Any]  # all of it, as parsed
    digest: str = ""  # SHA-256 of the manifest's bytes, in hex: with the hashes in it, of the whole bundle

    def file(self, kind: str) -> ModelFile:
        """Return the model file of one format; raises ModelError where the bundle has none."""
        try:
            return self.files[kind]
        except KeyError:
            raise ModelError(f"the model {self.name} has no {kind} file; it has {', '.join(self.files)}") from None

    def threshold(self, max_error: float) -> Threshold:
        """Return the lowest threshold that kept to an error rate: the table's next one that is as strict or stricter.

        max_error: 0 to 1, without 0. Raises UsageError where the bundle has none so strict.
        """
        if not 0 < max_error <= 1:
            raise UsageError(f"the largest error is over 0 and at most 1, not {max_error:g}")
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
    """The bundles that ship with the package, the default first."""
    found = sorted(path.parent.name for path in MODELS.glob(f"*/{MANIFEST}"))
    return sorted(found, key=lambda name: name != DEFAULT)


def load_bundle(model: str | Path | None = None) -> Bundle:
    """Open a bundle that reads digits, by the name of a shipped one, by its folder, or the default.

    Raises ModelError where there is none, or where its manifest is not one that this version reads.
    """
    name = DEFAULT if model is None else str(model)
    folder = MODELS / name if name in names() else Path(name)
    return _open(name, folder, DIGIT)


def load_lines(folder: Path = LINES) -> Bundle:
    """Open a bundle that reads lines of digits, the shipped one or another; raises ModelError."""
    return _open(str(folder), folder, LINE)


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
        raise ModelError(f"{path} is no JSON: export the bundle again") from error
    try:
        return replace(_check(manifest, folder, image), digest=hashlib.sha256(data).hexdigest())
    except ModelError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path} lacks something or holds the wrong kind of value: {error}") from error


def _check(manifest: Any, folder: Path, image: Shape) -> Bundle:
    where = folder / MANIFEST
    if manifest["format"] != FORMAT or manifest["format_version"] != FORMAT_VERSION:
        raise ModelError(f"{where} is not {FORMAT!r} version {FORMAT_VERSION}, which is what this release reads")
    if manifest["labels"] not in (LABELS, [*LABELS, NONE]) or tuple(manifest["input"]["shape"]) != image:
        raise ModelError(f"{where} describes no reader of {image[0]}x{image[1]} pixels, digits 0 to 9")
    outputs = tuple(int(side) for side in manifest["output"]["shape"])
    if outputs[-1] != len(manifest["labels"]):
        raise ModelError(f"{where} names {len(manifest['labels'])} labels for {outputs[-1]} outputs")
    activation = manifest["output"]["activation"]
    temperature = float(manifest["temperature"])
    min_confidence = float(manifest["thresholds"].get("min_confidence", 0.0))
    max_none = float(manifest["thresholds"].get("max_none", 1.0))
    thresholds = _thresholds(manifest["thresholds"].get("by_error", []))
    shares = [min_confidence, max_none, *(value for each in thresholds for value in each)]
    rising = all(one.max_error < other.max_error for one, other in pairwise(thresholds))
    sensible = activation in ACTIVATIONS and 1e-3 <= temperature <= 1e3 and all(0 <= share <= 1 for share in shares)
    if not sensible or not rising:
        raise ModelError(f"{where} holds an activation, a temperature or a threshold that makes no sense")
    files = {kind: model_file(entry, folder) for kind, entry in manifest["files"].items()}
    return Bundle(
        str(manifest["name"]), folder, files, activation, temperature, min_confidence, max_none,
        thresholds, Shapes(image, outputs), manifest,
    )  # fmt: skip


def _thresholds(entries: list[dict[str, Any]]) -> tuple[Threshold, ...]:
    return tuple(
        Threshold(float(entry["max_error"]), float(entry["min_confidence"]), float(entry["coverage"]))
        for entry in entries
    )


def model_file(entry: dict[str, Any], folder: Path) -> ModelFile:
    """Check a manifest's entry of a file of its folder; raises ModelError, LookupError or TypeError."""
    name, size, sha256 = entry["path"], entry["bytes"], entry["sha256"]
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name or "\0" in name:
        raise ModelError(f"{folder / MANIFEST} names a file outside its folder: {name!r}")
    if not isinstance(size, int) or not 0 < size <= limits.MODEL_BYTES:
        raise ModelError(f"{folder / MANIFEST} names a file of {size} bytes; 1 to {limits.MODEL_BYTES:,} are loaded")
    return ModelFile(folder / name, size, str(sha256))
