"""Tracks: digits followed from frame to frame, with the votes of these frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.decide import Reason
from edge_runtime.types import Box, Digit, Status

MEMORY = 0.65  # factor of older votes per frame: two new votes that agree outweigh all others
NEAR = 0.35  # of a digit's height: a digit within this distance is the same one
CONFIDENT = 0.6  # probability in a frame below which a label is ambiguous
MISSES = 2  # consecutive frames in which a digit may be missing


@dataclass
class Track:
    """A digit over time."""

    box: Box
    row: int
    votes: NDArray[np.float64]  # (10,): weighted sum of the probabilities of all frames
    trust: float  # sum of the weights of frames in which it was accepted
    weight: float  # sum of the weights of all frames
    last: Digit | None = None  # from the last frame in which it was found
    missed: int = 0  # frames since it was last found

    @property
    def label(self) -> int:
        """The label with the most votes."""
        return int(self.votes.argmax())

    @property
    def confidence(self) -> float:
        """The label's mean probability, 0..1."""
        return float(self.votes.max() / self.weight)

    @property
    def is_trusted(self) -> bool:
        """Whether it was accepted in most frames."""
        return 2 * self.trust > self.weight

    @property
    def is_ambiguous(self) -> bool:
        """Whether it is likely a digit but ambiguous in the last frame."""
        assert self.last is not None
        return self.last.confidence < CONFIDENT if self.is_trusted else self.last.reason == Reason.LOW_CONFIDENCE


class Tracks:
    """The tracks of one camera."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []

    def follow(self, digits: tuple[Digit, ...]) -> list[Track]:
        """Update the tracks with the digits of a frame; returns the trusted tracks in reading order."""
        found = [each for each in digits if each.label is not None and each.row is not None]
        free = list(self._tracks)
        for digit, track in zip(found, self._match(found), strict=True):
            if track is None:
                self._tracks.append(_vote(Track(digit.box, 0, np.zeros(10), 0.0, 0.0), digit))
            else:
                free.remove(track)
                _vote(track, digit)
        for track in free:
            track.missed += 1
        self._tracks = [track for track in self._tracks if track.missed <= MISSES]
        self._tracks.sort(key=lambda track: (track.row, track.box.x))
        return [track for track in self._tracks if track.is_trusted]

    def ambiguous_tracks(self) -> list[Track]:
        """Return the ambiguous tracks of the last frame."""
        return [track for track in self._tracks if track.is_ambiguous and not track.missed]

    def forget(self) -> None:
        """Drop all tracks."""
        self._tracks = []

    def _match(self, found: list[Digit]) -> list[Track | None]:
        """Return the track of each digit, None for a new one."""
        seen = [track for track in self._tracks if not track.missed]
        if [digit.row for digit in found] == [track.row for track in seen]:  # the page may have moved
            return list(seen)
        left = list(self._tracks)
        same: list[Track | None] = []
        for digit in found:
            near = min(left, key=lambda track, box=digit.box: _distance(track.box, box), default=None)  # type: ignore[misc]
            if near is not None and _distance(near.box, digit.box) < NEAR * max(near.box.height, digit.box.height):
                left.remove(near)
                same.append(near)
            else:
                same.append(None)
        return same


def _vote(track: Track, digit: Digit) -> Track:
    track.votes = MEMORY * track.votes + np.asarray(digit.probabilities)
    track.trust = MEMORY * track.trust + (digit.status is Status.OK)
    track.weight = MEMORY * track.weight + 1
    track.box, track.row, track.last, track.missed = digit.box, digit.row or 0, digit, 0
    return track


def _distance(one: Box, other: Box) -> float:
    """Return the distance between the centres of two boxes in pixels."""
    across = one.x + one.width / 2 - other.x - other.width / 2
    down = one.y + one.height / 2 - other.y - other.height / 2
    return float(np.hypot(across, down))
