"""From gray pixels to decisions: the one place that normalises, classifies and decides."""

import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from edge_runtime.backends import KINDS, notice
from edge_runtime.classifier import Classifier
from edge_runtime.decide import LARGER, MIN_HEIGHT, Reason, decide, is_non_digit
from edge_runtime.errors import UnsupportedModelError, UsageError
from edge_runtime.find.ink import Ink, may_be_crop
from edge_runtime.find.reading import Found, FoundDigit, find_digits
from edge_runtime.images.inputs import Channels, ImageLike, as_gray
from edge_runtime.lines.recognizer import LineReading, LineRecognizer
from edge_runtime.normalise import normalise_all
from edge_runtime.page import Page
from edge_runtime.types import Box, Classification, Decisions, Digit, Gray, Images, Mark, Status

if TYPE_CHECKING:
    from edge_runtime.page_check import Reading
    from edge_runtime.segmentation.maps import PageMap
    from edge_runtime.segmentation.network import PageNetwork

EXPECTED = 0.65  # trust of the only digit that is found in an image of one digit

Expect = Literal["digit", "page"]


def read_page(image: ImageLike, reader: "Reader | None" = None, channels: Channels = "bgr") -> Page:
    """Find and read the digits of a page of any size and light, dark on light or light on dark.

        page = read_page("note.jpg")
        print(page.text, [digit.box for digit in page.digits])

    image: a path, bytes, a binary file, an array or a PIL image, see `as_gray`. reader: None for the default model,
    which is loaded once. channels: the colour order of an array, "bgr" or "rgb". Thread-safe. Raises InputError for a
    file that cannot be read and UsageError for an object that is not an image.
    """
    return (reader or _default_reader()).read(image, "page", channels)


def classify(image: ImageLike, reader: "Reader | None" = None, channels: Channels = "bgr") -> Digit:
    """Read the one digit of an image, wherever it is, and decide whether to accept it.

        digit = classify("seven.png")
        print(digit.label, digit.confidence, digit.status, digit.reason)

    Takes the arguments of `read_page` and raises the same errors.
    """
    return (reader or _default_reader()).read(image, "digit", channels).digits[0]


_default: "list[Reader]" = []
_default_lock = threading.Lock()


def _default_reader() -> "Reader":
    with _default_lock:
        if not _default:
            _default.append(Reader(Classifier()))
    return _default[0]


def open_line_recognizer(backend: str) -> LineRecognizer | None:
    """Open the line recogniser of the package; None, with a notice, if the backend cannot run it."""
    try:
        return LineRecognizer(backend=backend)
    except UnsupportedModelError:
        notice(
            f"no line recognition, so touching digits are cut apart: the backend {backend} cannot run the line "
            f"recogniser; {KINDS['litert'].install}"
        )
        return None


class Reader:
    """Reads images with one classifier. Thread-safe."""

    def __init__(
        self,
        classifier: Classifier,
        max_error: float | None = None,
        lines: LineRecognizer | bool = True,
        pages: "PageNetwork | bool" = True,
    ) -> None:
        """Set the target error rate and the line recogniser.

        max_error: target error rate among accepted digits, measured on validation data, over 0 and at most 1; None: the
        default of the bundle. Raises UsageError if the bundle has no threshold that strict. lines: the line recogniser.
        True: the one of the package, opened at the first row with low confidence, on the backend of the classifier; if
        that backend cannot run it, a notice says so and rows are only cut. False: rows are only cut, and the confidence
        of the classifier decides. pages: the page network, in the same way; False: pages are not compared with a map.
        """
        bundle = classifier.bundle
        self._classifier = classifier
        self._min_confidence = (
            bundle.min_confidence if max_error is None else bundle.threshold(max_error).min_confidence
        )
        self._lines, self._pages, self._max_error = lines, pages, max_error
        self._opening = threading.Lock()

    def read(self, image: ImageLike, expect: Expect = "digit", channels: Channels = "bgr") -> Page:
        """Read one image of one digit or of a page, of any size and polarity; see `read_page` for the arguments."""
        return self.read_many([image], expect, channels)[0]

    def read_many(
        self, images: Iterable[ImageLike], expect: Expect = "digit", channels: Channels = "bgr"
    ) -> list[Page]:
        """Read several images, single digits in one batch; each image is released before the next one is loaded."""
        if isinstance(images, (str, bytes, os.PathLike)):
            raise UsageError("read_many takes several images: call read for one image")
        grays = (as_gray(image, channels) for image in images)
        if expect == "page":
            return [self.decide(self.find(gray)) for gray in grays]
        if expect != "digit":
            raise UsageError(f"expect is 'digit' or 'page', not {expect!r}")
        sizes: list[tuple[int, int]] = []
        found = self.decide_many(_record_sizes(grays, sizes))
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
        """Decide on gray images of one digit each: `read_many` without Page objects.

        The page network looks at each image of more than 48 pixels: whether it shows one digit and nothing beside it.
        """
        larger: dict[int, tuple[Decisions, str]] = {}

        def small_ones() -> Iterator[Gray]:
            for index, gray in enumerate(grays):
                if max(gray.shape) > LARGER and self._pages is not False:
                    larger[index] = self._decide_larger(gray)
                else:
                    yield gray
                del gray  # frees it before the next one is loaded

        found = self._decide_directly(small_ones())
        return _merge(found, larger) if larger else found

    def _decide_directly(self, grays: Iterable[Gray]) -> Decisions:
        """Decide on images of one digit each, from what the classifier makes of the whole image."""
        sizes: list[tuple[int, int]] = []
        return self._decide_classified(*self._classify_crops(_record_sizes(grays, sizes)), sizes)

    def _decide_classified(self, crops: Images, result: Classification, sizes: list[tuple[int, int]]) -> Decisions:
        """Decide on images of one digit each. crops: normalised; sizes: heights and widths of the images."""
        blank = np.logical_not(crops.any((1, 2)))
        # A digit in a larger image may be as small, but only reading pages finds its size.
        small = np.fromiter((max(size) < MIN_HEIGHT for size in sizes), np.bool_, len(sizes))
        return decide(blank, small, result, self._min_confidence, self._classifier.bundle.max_non_digit)

    def _decide_larger(self, gray: Gray) -> tuple[Decisions, str]:
        """Decide on the digit of one image, in which there may be more; returns the decision and a note."""
        from edge_runtime.one_digit import describe, describe_several
        from edge_runtime.segmentation.maps import map_page

        direct = self._decide_directly([gray])
        network = self._open_pages()
        if not network:
            return direct, ""
        page = map_page(gray, network.run)
        is_accepted, sight = direct.statuses[0] is Status.OK, describe(page)
        if is_accepted and sight.shows_one:
            return direct, ""
        found = self.find(gray, page)
        digits, alone = self.decide(found).digits, self._decide(found)
        if len(sight.places) > 1 and sum(digit.status is Status.OK for digit in digits) > 1:
            return _reject(direct, Reason.SEVERAL), describe_several(len(digits))
        if len(alone) == 1 and alone[0].status is Status.OK and (found.trust or (1.0,))[0] >= EXPECTED:
            return _decisions_of(alone[0]), ""
        if is_accepted and sight.is_empty and not digits:
            return _reject(direct, Reason.BLANK), ""
        return (_reject(direct, Reason.LOW_CONFIDENCE) if is_accepted and sight.shows_other else direct), ""

    def find(self, gray: Gray, page: "PageMap | None" = None) -> Found:
        """Find and read the digits of a page and keep all intermediate results; `decide` makes a Page of them.

        With a page network, they are read from the ink that the map of the page selects and, where that reading is
        doubtful, from all of its ink as well. page: the map, if it is known.
        """
        network = self._open_pages()
        if not network:
            return self._find(gray)
        from edge_runtime.page_check import read_page

        return self._with_one_digit(gray, read_page(gray, network, self._find, self._decide, page).found)

    def _with_one_digit(self, gray: Gray, found: Found) -> Found:
        """Return what was found; if it may be a single digit, as `classify` reads it."""
        may_be_one = len(found.digits) == 1 or may_be_crop(gray)
        return self._find_one(gray, found) if may_be_one and not found.turns else found

    def _find_one(self, gray: Gray, found: Found) -> Found:
        """Return a page of one digit alone with the digit that the classifier sees in it, as `classify` reads it."""
        from edge_runtime.one_digit import describe

        if not found.page:
            return found
        sight, is_small = describe(found.page), max(gray.shape) <= LARGER
        if not is_small and not sight.shows_one:
            return found
        images, result = self._classify_crops([gray])
        direct = self._decide_classified(images, result, [gray.shape])
        if direct.statuses[0] is not Status.OK:
            return found
        boxes = [*sight.places, *(digit.box for digit in found.digits), Box(0, 0, found.width, found.height)]
        digit = FoundDigit(boxes[0], 0, images[0], Classification(*(column[0] for column in result)), None)
        return found._replace(digits=[digit], trust=(direct.confidences[0],), missed=())

    def compare(self, gray: Gray) -> "list[Reading]":
        """Return all readings of a page that `find` may choose from: alone, and compared with one or all others.

        Raises UsageError for a Reader without a page network.
        """
        network = self._open_pages()
        if network is None:
            raise UsageError("there is no page network to compare with")
        from edge_runtime.page_check import look, read_again, with_features

        view = look(gray, network, self._find, self._decide)
        readings = read_again(view, network, self._find, self._decide)
        return [view.reading, *with_features(readings[:2]), *readings]

    @property
    def least_field_trust(self) -> float:
        """The trust that fields of forms need for the target error rate, 0 to 1; over 1 if none is enough."""
        network = self._open_pages()
        return network.least_field_trust(self._max_error) if network else self._min_confidence

    def read_all(self, gray: Gray) -> tuple[Page, list[list[Digit]]]:
        """Return a page, and the digits of each of its readings with their trust, the best reading first.

        Without a page network, the trust of a digit is its confidence.
        """
        network = self._open_pages()
        if not network:
            page = self.decide(self._find(gray))
            return page, [[digit._replace(trust=digit.confidence) for digit in page.digits]]
        from edge_runtime.page_check import read_upright

        readings = read_upright(gray, network, self._find, self._decide)
        first = readings.found
        found = self._with_one_digit(gray, first)
        page = self.decide(found)
        return page, readings.digits if found is first else [list(page.digits)]

    def _find(self, gray: Gray, ink: Ink | None = None, page: "PageMap | None" = None) -> Found:
        return find_digits(gray, self._classify_crops, self._read_lines if self._lines else None, ink=ink, page=page)

    def decide(self, found: Found) -> Page:
        """Decide on each digit that was found, and return the Page."""
        digits, dropped, least_trust = self._decide(found), found.dropped, 0.0
        marks: tuple[Mark, ...] = ()
        network = self._open_pages()
        if found.trust is not None and network is not None:
            from edge_runtime.page_check import apply

            digits, marks, left_out = apply(digits, found)
            dropped, least_trust = dropped + left_out, network.least_trust(self._max_error)
        others = tuple(Digit(None, 0.0, (), box, Status.REJECTED, str(reason), None) for box, reason in dropped)
        page = Page(tuple(digits), found.width, found.height, others, marks=marks, least_trust=least_trust)
        return page.turn(found.turns)

    def _decide(self, found: Found) -> list[Digit]:
        """Decide on each digit of one reading."""
        digits: list[Digit] = []
        if found.digits:
            readings, least, most = zip(*(self._choose(each) for each in found.digits), strict=True)
            columns = (np.array(column) for column in zip(*readings, strict=True))
            blank = np.zeros(len(found.digits), np.bool_)
            small = np.array([max(each.box.width, each.box.height) < MIN_HEIGHT for each in found.digits], np.bool_)
            decisions = decide(blank, small, Classification(*columns), np.array(least), np.array(most))
            results = zip(decisions.labels, decisions.confidences, decisions.statuses, decisions.reasons, strict=True)
            for each, reading, (label, confidence, status, reason) in zip(found.digits, readings, results, strict=True):
                shares = tuple(reading.probabilities.tolist())
                digits.append(Digit(label, confidence, shares, each.box, status, reason, each.row))
        return digits

    def _choose(self, digit: FoundDigit) -> tuple[Classification, float, float]:
        """Return the classification that counts, and its thresholds.

        The line recogniser counts where the classifier is not sure or the two disagree.
        """
        alone, whole, max_non_digit = digit.reading, digit.from_line, self._classifier.bundle.max_non_digit
        sure = alone.confidence >= self._min_confidence and not is_non_digit(alone, max_non_digit)
        if whole is None or (sure and alone.label == whole.label):
            return alone, self._min_confidence, max_non_digit
        return whole, *self._line_limits()

    def _line_limits(self) -> tuple[float, float]:
        """Return the thresholds for digits read by the line recogniser; over 1 if no confidence is enough."""
        if not isinstance(self._lines, LineRecognizer):
            return 0.0, 1.0
        bundle = self._lines.bundle
        if self._max_error is None:
            return bundle.min_confidence, bundle.max_non_digit
        try:
            return bundle.threshold(self._max_error).min_confidence, bundle.max_non_digit
        except UsageError:  # line recognition never reaches this error rate
            return 2.0, bundle.max_non_digit

    def _open_pages(self) -> "PageNetwork | None":
        """Return the page network, which is opened at the first page; None without one."""
        if self._pages is True:
            from edge_runtime.page_check import open_page_network

            with self._opening:
                if self._pages is True:
                    self._pages = open_page_network(self._classifier.backend) or False
        return None if isinstance(self._pages, bool) else self._pages

    def _read_lines(self, lines: Images) -> list[LineReading] | None:
        if self._lines is True:
            with self._opening:
                if self._lines is True:
                    self._lines = open_line_recognizer(self._classifier.backend) or False
        return self._lines.read(lines) if isinstance(self._lines, LineRecognizer) else None

    def _classify_crops(self, crops: Iterable[Gray]) -> tuple[Images, Classification]:
        images = normalise_all(crops)
        return images, self._classifier.classify_normalised(images)


def _decisions_of(digit: Digit) -> Decisions:
    shares = np.array([digit.probabilities], np.float32)
    return Decisions([digit.label], [digit.confidence], shares, [digit.status], [digit.reason], {})


def _reject(found: Decisions, reason: Reason) -> Decisions:
    """Reject the only one of these decisions."""
    rejected = found._replace(statuses=[Status.REJECTED], reasons=[reason.value])
    return rejected if reason is Reason.LOW_CONFIDENCE else rejected._replace(labels=[None], confidences=[0.0])


def _merge(found: Decisions, others: dict[int, tuple[Decisions, str]]) -> Decisions:
    """Return decisions with others, of one image each, at their places."""
    labels, confidences, shares = [*found.labels], [*found.confidences], [*found.probabilities]
    statuses, reasons = [*found.statuses], [*found.reasons]
    for index, (decision, _) in sorted(others.items()):
        labels.insert(index, decision.labels[0])
        confidences.insert(index, decision.confidences[0])
        shares.insert(index, decision.probabilities[0])
        statuses.insert(index, decision.statuses[0])
        reasons.insert(index, decision.reasons[0])
    notes = {index: note for index, (_, note) in others.items() if note}
    return Decisions(labels, confidences, np.stack(shares), statuses, reasons, notes)


def _record_sizes(grays: Iterable[Gray], sizes: list[tuple[int, int]]) -> Iterator[Gray]:
    """Yield the images one by one and record their heights and widths."""
    for gray in grays:
        sizes.append(gray.shape)
        yield gray
        del gray  # frees it before the next one is loaded
