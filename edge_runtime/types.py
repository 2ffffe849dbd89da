"""The values that flow between the modules. Imports nothing from the package."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # (height, width), 0 black to 255 white
Images = NDArray[np.uint8]  # (28, 28) or (N, 28, 28), normalised: ink bright on 0

NONE = 10  # the place behind those of the ten digits: of what is none


class Status(StrEnum):
    """What became of a picture or a digit."""

    OK = "ok"
    REJECTED = "rejected"  # read, and not trusted
    FAILED = "failed"  # could not be read at all


class Classification(NamedTuple):
    """What a classifier says of one image or of N; each array's leading shape is that of the images, () or (N,)."""

    label: NDArray[np.int64]  # (...), 0..9
    confidence: NDArray[np.float32]  # (...), 0..1, the label's probability
    probabilities: NDArray[np.float32]  # (..., 10), each 0..1; what their sum lacks to 1 is the probability of no digit


class Box(NamedTuple):
    """A rectangle in pixels of the picture; x to the right, y downward."""

    x: int
    y: int
    width: int
    height: int


class Digit(NamedTuple):
    """One digit of a picture, and the decision on it."""

    label: int | None  # 0..9, the best guess even if rejected; None where there is no ink
    confidence: float  # 0..1
    probabilities: tuple[float, ...]  # ten of them, as in Classification; empty where there is no ink
    box: Box
    status: Status  # ok or rejected
    reason: str = ""  # why it was rejected
    row: int | None = 0  # which row of the page it is in, from the top; None for what is in none


class Decisions(NamedTuple):
    """What was decided on N digits, by column: an object for each would take longer than to find it out."""

    labels: list[int | None]  # 0..9, the best guess even if rejected; None where there is no ink
    confidences: list[float]  # 0..1
    probabilities: NDArray[np.float32]  # (N, 10), as in Classification
    statuses: list[Status]  # ok or rejected
    reasons: list[str]  # why one was rejected, else empty


class Frame(NamedTuple):
    """One picture of a source that goes on."""

    image: Gray  # (height, width)
    time: float  # seconds of the monotonic clock (`time.monotonic`) when it was captured
    number: int  # counts the source's frames from 0; a gap is frames that were dropped
    position: float | None = None  # seconds from the beginning of a video file; None where there is no such time


class Event(StrEnum):
    """What happened to the reading in front of a camera."""

    STABLE = "stable"  # there was none, and now there is one
    CHANGED = "changed"  # another one than before
    CORRECTED = "corrected"  # it breaks a meter's rule, and so much speaks for it that it replaces the one before
    GONE = "gone"  # nothing is shown any more


class Reading(NamedTuple):
    """One event of a watch, as every sink gets it."""

    id: str  # unique over restarts; the same when it is sent again
    event: Event
    text: str  # the digits, rows joined by newline; empty where it is gone
    confidence: float  # 0..1, of the least sure digit; 0 where it is gone
    time: float  # seconds since 1970 (UTC) when the frame that decided was captured
    age: float  # seconds from that capture to the decision
    source: str  # the source as the user named it, without secrets
    frame: int  # number of that frame
    position: float | None = None  # seconds from the beginning of a video file to that frame; else None


class Command(StrEnum):
    """What somebody asks of a watch while it runs."""

    PAUSE = "pause"  # read no more frames
    RESUME = "resume"
    SNAPSHOT = "snapshot"  # show what the camera sees
    ACCEPT = "accept"  # take the next reading whatever a meter's rules say of it: the meter is another one


class Row(NamedTuple):
    """One line of output: what became of one page of one file; the pages of a file follow one another."""

    path: str
    label: str  # empty where there is none
    confidence: float | None  # 0..1; None where there is no label
    status: Status
    error: str = ""  # why it was rejected or failed
    probabilities: tuple[float, ...] = ()  # ten of them, as in Classification; empty where there is no label
    page: int = 1  # number in the file, from 1
    note: str = ""  # what was left out of the file, such as the further frames of an animation
