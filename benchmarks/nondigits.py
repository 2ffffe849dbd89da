"""Non-digits that a model rejects, and digits that it keeps with the same thresholds.

In: a model's name, MNIST, the Debian packages of `PACKAGES`. Out: shares, ready for JSON. No model is trained on these
images; the fonts and Fashion-MNIST are used for measuring only.
"""

import gzip
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled import labelled
from edge_runtime import Classifier, Reader, read_gray
from edge_runtime.errors import FileError
from edge_runtime.types import Decisions, Gray, Status
from train.data.mnist import Mnist
from train.synthetic.letters import set_letter

LETTERS = "ACDEFGHJKLMNPQRTUVWXYacdefhijkmnprtuvwxy"  # without O o I l S s Z z B g q b, which look like digits
FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
FONTS = Path("/usr/share/fonts")
HANDS = {  # Debian package: its fonts below FONTS
    "fonts-breip": "truetype/breip/Breip.ttf",
    "fonts-bwht": "opentype/bwht/*.otf",
    "fonts-dkg-handwriting": "truetype/fifthhorseman/*.ttf",
    "fonts-femkeklaver": "truetype/femkeklaver/femkeklaver.ttf",
    "fonts-humor-sans": "truetype/humor-sans/Humor-Sans.ttf",
    "fonts-klee": "truetype/klee/*.ttf",
    "fonts-kristi": "truetype/kristi/Kristi.ttf",
    "fonts-rufscript": "truetype/rufscript/Rufscript010.ttf",
    "fonts-sjfonts": "truetype/sjfonts/*.ttf",
}
PACKAGES = ("dataset-fashion-mnist", *HANDS)
EM = 64  # pixels of the letters
DRAWN = 2000  # blank images, and images of noise
SEED = 6
MAX_ERRORS = (0.0005, 0.001, 0.002, 0.005)  # of the table of --max-error
KEPT = 0.99  # target: share of the test digits kept by default, at least
REJECTED = {"blanks": 0.99, "noise": 0.99, "Fashion-MNIST": 0.99, "letters": 0.85}  # at least
COLUMNS, ROWS = 24, 6  # of the image of accepted non-digits
Tell = Callable[[str], None]


def fashion() -> NDArray[np.uint8]:
    """Return Fashion-MNIST's test images, uint8 (10000, 28, 28)."""
    return np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)


def missing() -> list[str]:
    """Return the Debian packages that are not installed."""
    absent = [package for package, fonts in HANDS.items() if not list(FONTS.glob(fonts))]
    return absent if FASHION.exists() else ["dataset-fashion-mnist", *absent]


def letters() -> list[Gray]:
    """Return every letter of every handwriting font that has it, dark on white."""
    paths = sorted(path for fonts in HANDS.values() for path in FONTS.glob(fonts))
    found = (set_letter(path, letter, EM) for path in paths for letter in LETTERS)
    return [255 - letter for letter in found if letter is not None]


def blanks(count: int = DRAWN) -> list[Gray]:
    """Return blank paper in many lights, of 28x28 to 640x480, plain, printed or ruled, after JPEG compression."""
    return [_blank(np.random.default_rng((SEED, number))) for number in range(count)]


def _blank(random: np.random.Generator) -> Gray:
    height, width = (
        (28, 28)
        if random.random() < 0.3
        else (480, 640)
        if random.random() < 0.1
        else (int(random.integers(28, 200)), int(random.integers(28, 200)))
    )
    down, across = np.mgrid[:height, :width].astype(np.float32)
    down, across = down / height - 0.5, across / width - 0.5
    light = random.uniform(60, 250) * np.ones((height, width), np.float32)
    if random.random() < 0.6:  # light from one side
        light *= 1 + random.uniform(0, 0.6) * (np.cos(angle := random.uniform(0, 6.3)) * across + np.sin(angle) * down)
    if random.random() < 0.4:  # dark corners
        light *= 1 - random.uniform(0, 1.0) * (across**2 + down**2)
    if random.random() < 0.3:  # the shadow of a hand
        edge = across * np.cos(angle := random.uniform(0, 6.3)) + down * np.sin(angle) - random.uniform(-0.3, 0.3)
        light *= 1 - random.uniform(0, 0.5) / (1 + np.exp(-edge * random.uniform(5, 40)))
    if random.random() < 0.3:  # texture
        fibres = cv2.GaussianBlur(random.normal(0, 1, light.shape).astype(np.float32), (0, 0), random.uniform(0.6, 3))
        light += random.uniform(0, 12) * fibres / fibres.std()
    light += random.normal(0, random.uniform(0, 8), light.shape)
    paper = np.clip(light, 0, 255).astype(np.uint8)
    if random.random() < 0.5:
        _, jpeg = cv2.imencode(".jpg", paper, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(30, 96))])
        paper = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    return np.asarray(paper, np.uint8)


def noises(count: int = DRAWN) -> list[Gray]:
    """Return white, Gaussian, blurred and salt-and-pepper noise of 28x28 to 100x100."""
    return [_noise(np.random.default_rng((SEED + 1, number))) for number in range(count)]


def _noise(random: np.random.Generator) -> Gray:
    side = 28 if random.random() < 0.5 else int(random.integers(20, 101))
    found: NDArray[Any]
    match random.integers(4):
        case 0:
            found = random.uniform(0, 255, (side, side))
        case 1:
            found = random.normal(128, random.uniform(20, 90), (side, side))
        case 2:
            found = cv2.GaussianBlur(random.normal(0, 1, (side, side)), (0, 0), random.uniform(0.5, 4))
            found = 128 + 60 * found / found.std()
        case _:
            found = np.where(random.random((side, side)) < random.uniform(0.01, 0.5), 255.0, 0.0)
    return np.clip(found, 0, 255).astype(np.uint8)


def sets() -> dict[str, list[Gray]]:
    """Return every kind of non-digits, by name."""
    return {"blanks": blanks(), "noise": noises(), "Fashion-MNIST": list(fashion()), "letters": letters()}


def check() -> None:
    """Raise FileError where a package is missing."""
    if absent := missing():
        raise FileError(f"not installed: apt-get install {' '.join(absent)}")


def measure(name: str, mnist: Mnist, images: Mapping[str, Sequence[Gray]], real: Path | None, tell: Tell) -> Any:
    """Return the shares of digits that a model keeps and of `images` that it rejects, and those by --max-error.

    real: folders of labelled images; each set of single digits is measured at each of `MAX_ERRORS`, too.
    """
    classifier = Classifier(name)
    default = Reader(classifier)
    tell(f"{name}: digits")
    digits = {"MNIST test": (list(mnist.test_images), mnist.test_labels)} | (_real(real) if real else {})
    kept = {kind: _kept(default.decide_many(images), labels) for kind, (images, labels) in digits.items()}
    rejected = {}
    for kind, some in images.items():
        tell(f"{name}: {kind}")
        found = default.decide_many(some)
        rejected[kind] = {
            "images": len(some),
            "rejected": sum(status is Status.REJECTED for status in found.statuses) / len(some),
            "reasons": {reason: count / len(some) for reason, count in Counter(found.reasons).items() if reason},
        }
    by_error = []
    for max_error in MAX_ERRORS if classifier.bundle.thresholds else ():
        found_at = classifier.bundle.threshold(max_error)
        reader = Reader(classifier, max_error)
        by_error.append(
            {
                "max_error": max_error,
                "min_confidence": found_at.min_confidence,
                "validation_coverage": found_at.coverage,
                "sets": {kind: _kept(reader.decide_many(some), labels) for kind, (some, labels) in digits.items()},
            }
        )
    return {
        "model": classifier.bundle.file("tflite_int8").sha256,
        "min_confidence": classifier.bundle.min_confidence,
        "kept": kept,
        "rejected": rejected,
        "by_error": by_error,
    }


def lapses(found: Mapping[str, Any]) -> list[str]:
    """Return a line for each share that misses its target."""
    lines = []
    if (kept := found["kept"]["MNIST test"]["kept"]) < KEPT:
        lines.append(f"keeps {kept:.2%} of the test digits; the target is {KEPT:.0%}")
    for kind, least in REJECTED.items():
        if kind in found["rejected"] and (share := found["rejected"][kind]["rejected"]) < least:
            lines.append(f"rejects {share:.2%} of {kind}; the target is {least:.0%}")
    return lines


def draw_accepted(name: str, images: Sequence[Gray], path: Path) -> int:
    """Write a PNG of the first images that a model reads as a digit, with their labels; returns their count."""
    from matplotlib.figure import Figure  # takes a second

    found = Reader(Classifier(name)).decide_many(images)
    accepted = [place for place, status in enumerate(found.statuses) if status is Status.OK]
    figure = Figure(figsize=(0.62 * COLUMNS, 0.6 + 0.85 * ROWS), dpi=80, layout="constrained")
    figure.suptitle(f"{name}: {len(accepted)} of {len(images):,} non-digits are read as digits")
    places = iter(accepted)
    for axes in figure.subplots(ROWS, COLUMNS).flat:
        axes.set_axis_off()
        if (place := next(places, None)) is not None:
            axes.imshow(images[place], cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"{found.labels[place]}  {found.confidences[place]:.0%}", fontsize=7)
    figure.savefig(path)
    return len(accepted)


def _real(folder: Path) -> dict[str, tuple[list[Gray], NDArray[np.integer]]]:
    return {
        each.name: ([read_gray(path) for path in each.paths], np.array([int(label) for label in each.labels.values()]))
        for each in labelled(folder)
        if each.labels and all(len(label) == 1 for label in each.labels.values())
    }


def _kept(found: Decisions, labels: NDArray[np.integer]) -> dict[str, float]:
    """Return the share of digits that is accepted, and the error rate among these."""
    accepted = np.array([status is Status.OK for status in found.statuses])
    right = np.array([label == true for label, true in zip(found.labels, labels.tolist(), strict=True)])
    return {"kept": float(accepted.mean()), "error": float((~right[accepted]).mean()) if accepted.any() else 0.0}
