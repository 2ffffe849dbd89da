"""Turns the frames of one source into readings."""

import time
import uuid
from statistics import median
from typing import NamedTuple

from edge_runtime.find.reading import SIDE
from edge_runtime.limits import STABLE_FRAMES
from edge_runtime.page import Page
from edge_runtime.pipeline import Reader
from edge_runtime.types import Box, Event, Frame, Gray, Reading, Status
from edge_runtime.watch.meter import LastReading, MeterRules
from edge_runtime.watch.scene import Scene, SceneCheck, SceneObjects, overlap
from edge_runtime.watch.statistics import WatchStatistics
from edge_runtime.watch.tracks import Track, Tracks
from edge_runtime.watch.votes import Votes

REFRESH = 10.0  # seconds after which an unchanged page is read again
SWIFT = 0.04  # of a digit's height: larger shifts between frames are movement
MARGIN = 0.7  # of a digit's height: largest gap between neighbours in a row
PART = 0.15  # of the digits' height: smallest part of a digit cut off by the edge of the image
ALIGNED = 0.25  # of the digits' height: how far such a part may reach beyond the row
COVERED = 0.5  # share of a digit's box: the digit is covered
LONG = 2  # times --stable frames without a reading: the problem is reported
LIKELY = 0.6  # of the digits' height: smallest digit of a row
LIKE = 1.5  # times the digits' height: tallest digit of a row
EDGE_ITSELF = 0.9  # share of a digit's box: it is an outline, not a digit
OUTLINED = 0.05  # share of a digit's box: an outline crosses it
RESTS = 30.0  # seconds for which an object may cover digits while no other digit is read
SURE = 0.9  # confidence: below it, a digit crossed by an outline is ambiguous


class FrameResult(NamedTuple):
    """Result of a frame."""

    page: Page | None  # what was read; None if the frame was not read
    reading: Reading | None  # a new reading, if there is one


class FrameReader:
    """Turns the frames of one source, in order, into readings. Does no input or output: see WatchSession."""

    def __init__(
        self,
        reader: Reader,
        source: str,
        stable: int = STABLE_FRAMES,
        rules: MeterRules | None = None,
        last: LastReading | None = None,
    ) -> None:
        """source: its name in readings, without secrets. stable, rules, last: see Votes.

        Calls must not overlap, except that `accept` may be called from any thread.
        """
        self.statistics = WatchStatistics()
        self.votes = Votes(stable, rules, last)
        self._reader, self._source, self._stable = reader, source, stable
        self._digits = rules.digits if rules else None
        self._scene, self._tracks = Scene(), Tracks()
        self._shown: list[Track] = []  # tracks of the current reading
        self._where: list[Box] = []  # boxes of the digits in the frame before
        self._holds = False  # an object covers digits of the current reading
        self._seen_at = 0.0  # when a digit was last read
        self._ambiguous_frames = 0  # consecutive frames with an ambiguous digit
        self._cut_frames = 0  # consecutive frames with a digit at the edge of the image
        self._tracks_read: list[Track] = []  # tracks of the frame that was read last
        self._accept = False
        self._reads = 0  # how often the unchanged page was read
        self._read_at = 0.0

    def accept(self) -> None:
        """Accept the next stable text, whatever the rules say; may be called from any thread."""
        self._accept = True

    def process(self, frame: Frame) -> FrameResult:
        """Process a frame of any size."""
        if self._accept:
            self._accept = False
            self.votes.accept()
        check = self._scene.check(frame.image, frame.time, self._holds)
        page, event, confidence = None, None, 0.0
        if check.inked is None:
            self._tracks.forget()
            self._scene.keep()
            self._reads, self._where, self._holds = 0, [], False
            event, confidence = self._take([], frame.time)
        elif self._is_worth_reading(check, frame.time):
            self._reads = 1 if check.changed else self._reads + 1
            self._read_at = frame.time
            self._scene.keep()
            page = self._read(frame.image, check.inked)
            event, confidence = self._vote(page, self._scene.objects(), frame.time)
        else:
            event, confidence = self._apply_event(self.votes.repeat(frame.time), self._tracks_read)
        now = time.monotonic()
        self.statistics.add(frame.number, frame.time, now, page is not None)
        if event is None:
            return FrameResult(page, None)
        self.statistics.readings += 1
        age = now - frame.time
        return FrameResult(
            page,
            Reading(
                id=uuid.uuid4().hex,
                event=event,
                text=self.votes.text,
                confidence=confidence,
                time=time.time() - age,
                age=age,
                source=self._source,
                frame=frame.number,
                position=frame.position,
            ),
        )

    def _read(self, gray: Gray, part: Box) -> Page:
        """Read the part of a frame that has ink; returns a page of the size of the frame."""
        page = self._reader.read(gray[part.y : part.y + part.height, part.x : part.x + part.width], "page")
        return page.move(part, gray.shape[1], gray.shape[0])

    def _is_worth_reading(self, check: SceneCheck, now: float) -> bool:
        """An unchanged page is read until its text can be stable, and then every REFRESH seconds."""
        return check.changed or self._reads < 2 * self._stable or now - self._read_at >= REFRESH

    def _vote(self, page: Page, objects: SceneObjects, now: float) -> tuple[Event | None, float]:
        """Count the digits of a page; returns the event and its confidence."""
        tracks = _drop_objects(self._tracks.follow(page.digits), self._shown, objects)
        if self._has_ambiguous_digit(tracks, objects):
            self.votes.skip_frame()
            return None, 0.0
        if self._may_be_incomplete(page, tracks, objects):
            self.votes.skip_frame()
            return None, 0.0
        return self._take(tracks, now)

    def _take(self, tracks: list[Track], now: float) -> tuple[Event | None, float]:
        """Count the text of a frame; returns the event and its confidence."""
        rows: dict[int, str] = {}
        for track in tracks:
            rows[track.row] = rows.get(track.row, "") + str(track.label)
        self._tracks_read = tracks
        return self._apply_event(self.votes.take("\n".join(rows.values()), now), tracks)

    def _apply_event(self, event: Event | None, tracks: list[Track]) -> tuple[Event | None, float]:
        """At an event, make the frame the background; returns the event and its confidence."""
        if event is not None:
            self._scene.set_background()
            self._shown = tracks
        return event, min((track.confidence for track in tracks), default=0.0)

    def _has_ambiguous_digit(self, tracks: list[Track], objects: SceneObjects) -> bool:
        """Return whether a digit of the text is ambiguous; without it, the text would be wrong."""
        rows, tall = {track.row for track in tracks}, LIKELY * max((track.box.height for track in tracks), default=0)
        lacks = any(track.row in rows and track.box.height > tall for track in self._tracks.ambiguous_tracks()) or any(
            track.confidence < SURE and overlap(objects.outlines, track.box, objects.factor) > OUTLINED
            for track in tracks
        )
        self._ambiguous_frames = self._ambiguous_frames + 1 if lacks else 0
        if self._ambiguous_frames == LONG * self._stable:
            self.votes.refuse("ambiguous digit in the row: improve the light, or exclude it with --roi")
        return lacks

    def _may_be_incomplete(self, page: Page, tracks: list[Track], objects: SceneObjects) -> bool:
        """Return whether digits may be covered or cut off, or mixed with other objects."""
        before, self._where = self._where, [track.box for track in tracks]
        if tracks or not self._shown:
            self._seen_at = self._read_at
        whole = not any(_is_cut(track.box, page) for track in tracks)
        complete = len(tracks) == self._digits
        cut = not whole or (not complete and _has_part(tracks, page))
        self._cut_frames = self._cut_frames + 1 if cut else 0
        if self._cut_frames == LONG * self._stable:
            what, hint = ("something beside the digits", ", or set --digits") if whole else ("a digit", "")
            self.votes.refuse(f"{what} touches the edge of the image: make --roi larger, or move the camera{hint}")
        if cut:
            return True
        if _moves(before, self._where) and any(_is_near_edge(track.box, page) for track in tracks):
            return True
        came = objects.outlines & objects.covered
        if any(overlap(came, track.box, objects.factor) > OUTLINED for track in tracks):
            return True
        kept = [track for track in self._shown if any(track is other for other in tracks)]
        self._holds = False
        if len(kept) == len(tracks):
            lost = [track for track in self._shown if not any(track is other for other in kept)]
            over = [overlap(objects.covered, track.box, objects.factor) > COVERED for track in lost]
            # If none is read and all are covered, the whole page may be gone.
            self._holds = any(over) and (bool(tracks) or (not all(over) and self._read_at - self._seen_at < RESTS))
        return self._holds


def _drop_objects(tracks: list[Track], shown: list[Track], objects: SceneObjects) -> list[Track]:
    """Drop tracks in outlines of objects, unless they are in a row of digits or there are no other digits."""
    shares = [overlap(objects.outlines, track.box, objects.factor) for track in tracks]
    sure = [track for track, share in zip(tracks, shares, strict=True) if share <= OUTLINED]
    if not sure:
        return tracks
    rows, tall = {track.row for track in sure}, LIKE * median(track.box.height for track in sure)
    return [
        track
        for track, share in zip(tracks, shares, strict=True)
        if share <= OUTLINED
        or any(track is each for each in shown)
        or (share < EDGE_ITSELF and track.row in rows and track.box.height < tall)
    ]


def _is_cut(box: Box, page: Page) -> bool:
    """Return whether the edge of the image may cut off a digit. Boxes are rounded to a fortieth of the height."""
    right, bottom = page.width - box.x - box.width, page.height - box.y - box.height
    return min(box.x, box.y, right, bottom) <= 1 + box.height / SIDE


def _has_part(tracks: list[Track], page: Page) -> bool:
    """Return whether a mark at an end of a row may be part of a digit cut off by the edge of the image."""
    marks = [digit.box for digit in (*page.digits, *page.dropped) if digit.status is not Status.OK]
    marks = [box for box in marks if box.x <= 1 or box.x + box.width >= page.width - 1]
    for row in {track.row for track in tracks} if marks else ():
        boxes = [track.box for track in tracks if track.row == row]
        tall = max(box.height for box in boxes)
        for mark in marks:
            beside = [box for box in boxes if _is_beside(box, mark, ALIGNED * tall)]
            gaps = [max(mark.x - box.x - box.width, box.x - mark.x - mark.width) for box in beside]
            if max(mark.width, mark.height) >= PART * tall and any(0 <= gap < MARGIN * tall for gap in gaps):
                return True
    return False


def _is_beside(box: Box, mark: Box, more: float) -> bool:
    """Return whether a mark is in the row of a digit: not above, below or much taller."""
    return box.y - more <= mark.y and mark.y + mark.height <= box.y + box.height + more


def _is_near_edge(box: Box, page: Page) -> bool:
    """Return whether a neighbour may be outside the image."""
    return min(box.x, page.width - box.x - box.width) < MARGIN * box.height


def _moves(before: list[Box], now: list[Box]) -> bool:
    if not before or len(before) != len(now):
        return True
    return any(
        max(abs(one.x - other.x), abs(one.y - other.y)) > SWIFT * other.height
        for one, other in zip(before, now, strict=True)
    )
