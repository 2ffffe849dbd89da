"""The values that flow between the modules. Imports nothing from the package."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # (height, width), 0 black to 255 white
Images = NDArray[np.uint8]  # (28, 28) or (N, 28, 28), normalised: ink bright on 0

NON_DIGIT = 10  # index of the non-digit class, after the ten digits


class Status(StrEnum):
    """The outcome for an image or a digit."""

    OK = "ok"
    REJECTED = "rejected"  # read, but not accepted
    FAILED = "failed"  # could not be read at all


class Classification(NamedTuple):
    """The result for one image or for N images; the leading shape of each array is () or (N,)."""

    label: NDArray[np.int64]  # (...), 0..9
    confidence: NDArray[np.float32]  # (...), 0..1, the label's probability
    probabilities: NDArray[np.float32]  # (..., 10), each 0..1; they sum to 1 minus the probability of a non-digit


class Box(NamedTuple):
    """A rectangle in image pixels; x to the right, y down."""

    x: int
    y: int
    width: int
    height: int

    def turn(self, width: int, height: int, turns: int) -> "Box":
        """Return the box in the image rotated counterclockwise by quarter turns. width, height: of the image before."""
        box = self
        for _ in range(turns % 4):
            box = Box(box.y, width - box.x - box.width, box.height, box.width)
            width, height = height, width
        return box


def bounding_box(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around one or more boxes."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


class Digit(NamedTuple):
    """One digit of an image, and the decision on it."""

    label: int | None  # 0..9, the best guess even if rejected; None without ink
    confidence: float  # 0..1
    probabilities: tuple[float, ...]  # ten, as in Classification; empty without ink
    box: Box
    status: Status  # ok or rejected
    reason: str = ""  # why it was rejected
    row: int | None = 0  # number of its row on the page, from 0 at the top; None if it is in no row
    trust: float = 1.0  # 0..1, the probability that it is right, from the map of the page; 1 without a map

    @property
    def text(self) -> str | None:
        """The label as JSON has it; None without one."""
        return str(self.label) if self.label is not None else None


class Mark(NamedTuple):
    """A mark of a number: point, comma, minus, slash or colon."""

    text: str  # one of .,-/:
    box: Box
    row: int  # number of its row on the page


class Decisions(NamedTuple):
    """The decisions on N digits, as columns: building one object per digit would take longer than deciding."""

    labels: list[int | None]  # 0..9, the best guess even if rejected; None without ink
    confidences: list[float]  # 0..1
    probabilities: NDArray[np.float32]  # (N, 10), as in Classification
    statuses: list[Status]  # ok or rejected
    reasons: list[str]  # why it was rejected, else empty
    notes: dict[int, str]  # what else was found, by index


class Frame(NamedTuple):
    """One image from a camera, a stream or a video."""

    image: Gray  # (height, width)
    time: float  # seconds of the monotonic clock (`time.monotonic`) when it was captured
    number: int  # counts the frames of the source from 0; a gap means dropped frames
    position: float | None = None  # seconds from the start of a video file; None for other sources


class Event(StrEnum):
    """What happened to the reading in front of a camera."""

    STABLE = "stable"  # a reading where there was none
    CHANGED = "changed"  # a different reading
    CORRECTED = "corrected"  # it breaks a meter's rule, but has enough support to replace the previous reading
    GONE = "gone"  # nothing is shown any more


class Reading(NamedTuple):
    """One event of a watch, as passed to every sink."""

    id: str  # unique across restarts; unchanged when the event is sent again
    event: Event
    text: str  # the digits, rows joined by newline; empty if the reading is gone
    confidence: float  # 0..1, the lowest of all digits; 0 if the reading is gone
    time: float  # seconds since 1970 (UTC): when the deciding frame was captured
    age: float  # seconds from that capture to the decision
    source: str  # the source as the user gave it, without credentials
    frame: int  # number of that frame
    position: float | None = None  # seconds from the start of a video file to that frame; else None


class Command(StrEnum):
    """A command to a running watch."""

    PAUSE = "pause"  # stop reading frames
    RESUME = "resume"
    SNAPSHOT = "snapshot"  # publish what the camera sees
    ACCEPT = "accept"  # accept the next reading even if it breaks the meter's rules: the meter was replaced


class FieldReading(NamedTuple):
    """The reading of one field of a form."""

    name: str
    text: str  # as the pattern writes it, else digits; empty if nothing fits
    value: float | int | None  # the number; None without one, or with a pattern
    trust: float  # 0..1, the probability that the text is right
    status: Status  # ok or rejected
    reason: str  # why it was rejected; empty if it was not
    box: Box  # of the field, pixels of the page
    digits: tuple[Digit, ...]  # of the first reading, pixels of the page; the text may have others
    crop: bytes = b""  # JPEG image of a rejected field for a report; empty without one


class Row(NamedTuple):
    """One line of output: the result for one page of one file; the pages of a file are consecutive."""

    path: str
    label: str  # empty if there is none
    confidence: float | None  # 0..1; None without a label
    status: Status
    error: str = ""  # why it was rejected or failed
    probabilities: tuple[float, ...] = ()  # ten, as in Classification; empty without a label
    page: int = 1  # number in the file, from 1
    note: str = ""  # what was not read, such as the later frames of an animation
    fields: tuple[FieldReading, ...] = ()  # of a form, in its order; empty without one, and of a page that failed
    alignment: float | None = None  # 0..1, the share of the template's print that the page shows; None without one
