"""The one loop from gray pixels to decided digits, for every command and every caller.

Nothing else calls normalise, classify and decide one after the other.
"""

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from edge_runtime.backends import KINDS, notice
from edge_runtime.classifier import Classifier
from edge_runtime.decide import MIN_HEIGHT, decide, is_none
from edge_runtime.errors import UnsupportedModelError, UsageError
from edge_runtime.find.reading import Found, FoundDigit, find_digits
from edge_runtime.images.inputs import Channels, ImageLike, as_gray
from edge_runtime.lines.recogniser import LineReader, Spelling
from edge_runtime.normalise import normalise_all
from edge_runtime.page import Page
from edge_runtime.types import Box, Classification, Decisions, Digit, Gray, Images, Status

Expect = Literal["digit", "page"]


def read_page(image: ImageLike, reader: "Reader | None" = None, channels: Channels = "bgr") -> Page:
    """Find and read the digits of a page, any size and light, dark on light or light on dark.

        page = read_page("note.jpg")
        print(page.text, [digit.box for digit in page.digits])

    image: a path, bytes, a binary file, an array or a PIL image, see `as_gray`. reader: None for the default model,
    loaded once. channels: the order of an array's colours, "bgr" or "rgb". Threads may call it at the same time. Raises
    InputError for a file that cannot be read and UsageError for what is no image.
    """
    return (reader or _default_reader()).read(image, "page", channels)


def classify(image: ImageLike, reader: "Reader | None" = None, channels: Channels = "bgr") -> Digit:
    """Read the one digit of an image, anywhere in it, and decide whether the label is to be trusted.

        digit = classify("seven.png")
        print(digit.label, digit.confidence, digit.status, digit.reason)

    The arguments are those of `read_page`, and so are the errors.
    """
    return (reader or _default_reader()).read(image, "digit", channels).digits[0]


_default: "list[Reader]" = []
_default_lock = threading.Lock()


def _default_reader() -> "Reader":
    with _default_lock:
        if not _default:
            _default.append(Reader(Classifier()))
    return _default[0]


def open_lines(backend: str) -> LineReader | None:
    """Open the network for lines that ships with the package; None, with a notice, where a backend does not run it."""
    try:
        return LineReader(backend=backend)
    except UnsupportedModelError:
        notice(
            f"digits that touch are cut apart, as rows are not read as a whole: the backend {backend} does not run the "
            f"network for lines; {KINDS['litert'].install}"
        )
        return None


class Reader:
    """Reads images with one classifier. Threads may share one."""

    def __init__(self, classifier: Classifier, max_error: float | None = None, lines: LineReader | bool = True) -> None:
        """Choose what is accepted, and how pages are read.

        max_error: so strictly that at most this share of the accepted digits was wrong when the model was validated,
        over 0 and at most 1; None: the bundle's default. Raises UsageError where the bundle has nothing so strict.
        lines: what reads rows as a whole. True: the network that ships with the package, opened when the first row
        comes that is not certain, by the classifier's backend; where that does not run it, a notice says so, and rows
        are cut. False: rows are cut, and the classifier's confidence chooses.
        """
        bundle = classifier.bundle
        self._classifier = classifier
        self._min_confidence = (
            bundle.min_confidence if max_error is None else bundle.threshold(max_error).min_confidence
        )
        self._lines, self._max_error = lines, max_error
        self._opening = threading.Lock()

    def read(self, image: ImageLike, expect: Expect = "digit", channels: Channels = "bgr") -> Page:
        """Read one image with one digit or a page of them, any size and polarity; see `read_page` for the arguments."""
        return self.read_many([image], expect, channels)[0]

    def read_many(
        self, images: Iterable[ImageLike], expect: Expect = "digit", channels: Channels = "bgr"
    ) -> list[Page]:
        """Read images, single digits in one call of the interpreter; each is released before the next is taken."""
        if isinstance(images, (str, bytes, os.PathLike)):
            raise UsageError("read_many takes several images: call read for one")
        grays = (as_gray(image, channels) for image in images)
        if expect == "page":
            return [self.decided(self.find(gray)) for gray in grays]
        if expect != "digit":
            raise UsageError(f"expect is 'digit' or 'page', not {expect!r}")
        sizes: list[tuple[int, int]] = []
        found = self.decide_many(_measured(grays, sizes))
        columns = zip(
            sizes,
            found.labels,
            found.confidences,
            found.probabilities.tolist(),
            found.statuses,
            found.reasons,
            strict=True,
        )
        pages = []
        for (height, width), label, confidence, probabilities, status, reason in columns:
            shares = () if label is None else tuple(probabilities)
            digit = Digit(label, confidence, shares, Box(0, 0, width, height), status, reason)
            pages.append(Page((digit,), width, height))
        return pages

    def decide_many(self, grays: Iterable[Gray]) -> Decisions:
        """As `read_many` for gray images of one digit each, where only the decisions are wanted."""
        sizes: list[tuple[int, int]] = []
        crops = normalise_all(_measured(grays, sizes))
        blank = np.logical_not(crops.any((1, 2)))
        # What is in a larger picture may be as small, but that is seen where pages are read alone.
        small = np.fromiter((max(size) < MIN_HEIGHT for size in sizes), np.bool_, len(sizes))
        bundle = self._classifier.bundle
        return decide(blank, small, self._classifier.classify_normalised(crops), self._min_confidence, bundle.max_none)

    def find(self, gray: Gray) -> Found:
        """Find and read the digits of a page, and keep every step on the way; `decided` makes a Page of it."""
        return find_digits(gray, self._look, self._spell if self._lines else None)

    def decided(self, found: Found) -> Page:
        """Return what was found in a page, with the decision on each digit."""
        digits: list[Digit] = []
        if found.digits:
            readings, least, most = zip(*(self._chosen(each) for each in found.digits), strict=True)
            columns = (np.array(column) for column in zip(*readings, strict=True))
            blank = np.zeros(len(found.digits), np.bool_)
            small = np.array([max(each.box.width, each.box.height) < MIN_HEIGHT for each in found.digits], np.bool_)
            decisions = decide(blank, small, Classification(*columns), np.array(least), np.array(most))
            results = zip(decisions.labels, decisions.confidences, decisions.statuses, decisions.reasons, strict=True)
            for each, reading, (label, confidence, status, reason) in zip(found.digits, readings, results, strict=True):
                shares = tuple(reading.probabilities.tolist())
                digits.append(Digit(label, confidence, shares, each.box, status, reason, each.row))
        dropped = tuple(Digit(None, 0.0, (), box, Status.REJECTED, str(reason), None) for box, reason in found.dropped)
        return Page(tuple(digits), found.width, found.height, dropped)

    def _chosen(self, digit: FoundDigit) -> tuple[Classification, float, float]:
        """The reading that counts, and its thresholds.

        A digit that its row's network reads otherwise than the classifier, or that the classifier is not sure of, is
        what the row says.
        """
        alone, whole, max_none = digit.reading, digit.spelt, self._classifier.bundle.max_none
        sure = alone.confidence >= self._min_confidence and not is_none(alone, max_none)
        if whole is None or (sure and alone.label == whole.label):
            return alone, self._min_confidence, max_none
        return whole, *self._line_limits()

    def _line_limits(self) -> tuple[float, float]:
        """The thresholds for digits of rows that were read as a whole; over 1 where nothing is sure enough."""
        if not isinstance(self._lines, LineReader):
            return 0.0, 1.0
        bundle = self._lines.bundle
        if self._max_error is None:
            return bundle.min_confidence, bundle.max_none
        try:
            return bundle.threshold(self._max_error).min_confidence, bundle.max_none
        except UsageError:  # lines are never read so well
            return 2.0, bundle.max_none

    def _spell(self, lines: Images) -> list[Spelling] | None:
        if self._lines is True:
            with self._opening:
                if self._lines is True:
                    self._lines = open_lines(self._classifier.backend) or False
        return self._lines.read(lines) if isinstance(self._lines, LineReader) else None

    def _look(self, crops: Iterable[Gray]) -> tuple[Images, Classification]:
        images = normalise_all(crops)
        return images, self._classifier.classify_normalised(images)


def _measured(grays: Iterable[Gray], sizes: list[tuple[int, int]]) -> Iterator[Gray]:
    """Pass pictures on, one by one, and note their heights and widths."""
    for gray in grays:
        sizes.append(gray.shape)
        yield gray
        del gray  # or it would stay until the next one is there
