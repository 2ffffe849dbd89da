"""A cheap check of each frame: whether there is ink, whether anything has changed, and which objects are new.

It uses a much reduced image. A median filter over every third pixel removes ink and keeps paper and objects larger than
strokes. The image divided by that shows ink independently of the light.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.images.light import divide_by_paper
from edge_runtime.images.resize import resize_area, resize_linear
from edge_runtime.types import Box, Gray

SIDE = 160  # pixels: the longer side of the reduced image
STEP = 3  # the paper is every third pixel of the reduced image; not averaged, as ink would darken it
WINDOW = 7  # pixels of the paper: the median's window; strokes fill less than half of it
LEVEL = 128  # level of paper after the division
LEAST = 6.0  # levels: smaller differences are ignored even without noise
STEPS = 4.0  # gray levels: the same limit in the dark, where levels are coarse
NOISES = 6.0  # standard deviations of the noise: larger differences are signal
PIXELS = 3  # minimum number of pixels that differ
DARK = 8  # gray levels: added to image and paper, so that noise in black areas is not ink
AROUND = 0.1  # of the frame's longer side: margin of paper that is read around the ink
MOST = 0.6  # of the frame: if ink and margin cover more, the whole frame is read
FOREIGN = 0.12  # of paper's light: a larger difference from the background is an object
AREA = 0.01  # of the image: the smallest object
EDGE = 0.15  # of paper's light: a step of this size is an outline
BRIGHTEST = 0.75  # quantile that estimates the change of light on bright paper: objects on it are darker
SETTLED = 15.0  # seconds: objects that stay still this long become part of the background
AGAIN = 0.5  # seconds between two tests for movement
MAD = 1.4826  # from the median absolute deviation of normal noise to its standard deviation


class SceneCheck(NamedTuple):
    """Result of the check of a frame."""

    inked: Box | None  # part of the frame that may have digits, in pixels; None: no part
    changed: bool  # whether it differs from the kept frame


class SceneObjects(NamedTuple):
    """Objects larger than strokes in a frame."""

    outlines: NDArray[np.bool_]  # (height, width) of the paper: edges of objects
    covered: NDArray[np.bool_]  # (height, width) of the paper: areas of new objects
    factor: float  # pixels of the frame per pixel of the paper


class Scene:
    """Checks the frames of one source, in order."""

    def __init__(self) -> None:
        self._kept: tuple[Gray, Gray] | None = None  # ink and paper of the kept frame
        self._shape: tuple[int, ...] = ()  # of the frames
        self._factor = 1.0  # pixels of the frame per pixel of the paper
        self._now: tuple[Gray, Gray] | None = None
        self._background: Gray | None = None  # paper without new objects
        self._still_since: tuple[Gray, float] | None = None
        self._settled_at = 0.0  # when movement was last checked

    def check(self, gray: Gray, time: float, hold: bool = False) -> SceneCheck:
        """Check a frame: uint8 (height, width). time: monotonic seconds of its capture.

        hold: do not let new objects become background.
        """
        height, width = gray.shape
        factor = max(1.0, max(height, width) / SIDE)
        size = (max(1, round(width / factor)), max(1, round(height / factor)))
        small = resize_area(gray, *size)
        every = np.ascontiguousarray(small[STEP // 2 :: STEP, STEP // 2 :: STEP]) if min(size) > STEP else small
        paper = np.asarray(cv2.medianBlur(every, WINDOW), np.uint8)
        ink = divide_by_paper(small, resize_linear(paper, *size), DARK, LEVEL)
        if self._background is None or gray.shape != self._shape:  # the first, or of another size
            self._background, self._kept, self._still_since, self._shape = paper, None, None, gray.shape
        self._now = (ink, paper)
        least = max(LEAST, STEPS * LEVEL / (float(paper.mean()) + DARK))
        inked = self._find_ink(cv2.absdiff(ink, np.full_like(ink, LEVEL)), least, gray.shape[1], gray.shape[0], factor)
        changed = (
            self._kept is None
            or _differs(cv2.absdiff(ink, self._kept[0]), least)
            or self._absorb_still_objects(paper, time, hold)
        )
        self._factor = factor * STEP
        return SceneCheck(inked, changed)

    def objects(self) -> SceneObjects:
        """Return the objects in the last frame."""
        if self._now is None or self._background is None:
            raise UsageError("objects() comes after check()")
        return SceneObjects(_find_outlines(self._now[1]), _find_objects(self._now[1], self._background), self._factor)

    @staticmethod
    def _find_ink(difference: cv2.typing.MatLike, least: float, width: int, height: int, factor: float) -> Box | None:
        """Return the part with ink and a margin; the whole frame if that covers most of it."""
        limit = _limit(difference, least)
        if limit is None:
            return None
        inked = np.asarray(difference) > limit
        ys, xs = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
        edge = AROUND * max(width, height)
        left, top = max(0, round(xs[0] * factor - edge)), max(0, round(ys[0] * factor - edge))
        right, bottom = round((xs[-1] + 1) * factor + edge), round((ys[-1] + 1) * factor + edge)
        box = Box(left, top, min(width, right) - left, min(height, bottom) - top)
        return box if box.width * box.height < MOST * width * height else Box(0, 0, width, height)

    def keep(self) -> None:
        """Keep the last frame, to compare later frames with it."""
        self._kept = self._now

    def set_background(self) -> None:
        """Make the last frame the background."""
        if self._now is not None:
            self._background = self._now[1]

    def _absorb_still_objects(self, paper: Gray, time: float, hold: bool) -> bool:
        """Let objects that have been still for SETTLED seconds become background; True when that happens."""
        if not hold and self._still_since is not None and time - self._settled_at < AGAIN:
            return False
        self._settled_at = time
        if hold or self._still_since is None or _find_objects(paper, self._still_since[0]).any():
            self._still_since = (paper, time)
        if time - self._still_since[1] < SETTLED:
            return False
        self._still_since = (paper, time)
        was, self._background = self._background, paper
        return was is not None and bool(_find_objects(paper, was).any())


def overlap(mask: NDArray[np.bool_], box: Box, factor: float) -> float:
    """Return the share of a box (pixels of the frame) that a mask of the paper covers, 0..1."""
    left, top = int(box.x / factor), int(box.y / factor)
    right, bottom = int(np.ceil((box.x + box.width) / factor)), int(np.ceil((box.y + box.height) / factor))
    part = mask[max(0, top) : max(bottom, top + 1), max(0, left) : max(right, left + 1)]
    return float(part.mean()) if part.size else 0.0


def _differs(difference: cv2.typing.MatLike, least: float) -> bool:
    return _limit(difference, least) is not None


def _limit(difference: cv2.typing.MatLike, least: float) -> int | None:
    """Return a level above the noise and above `least`; None if fewer than PIXELS pixels exceed it."""
    counts = np.bincount(np.asarray(difference, np.uint8).ravel(), minlength=256)
    total = counts.cumsum()
    # Interpolated, as a weak noise would otherwise be 0 or 1 level.
    half = total[-1] / 2
    middle = int(total.searchsorted(half))
    noise = MAD * max(0.0, middle - 0.5 + (half - (total[middle] - counts[middle])) / max(1, counts[middle]))
    limit = int(max(least, NOISES * noise))
    return limit if total[-1] - total[min(255, limit)] >= PIXELS else None


def _find_objects(paper: Gray, usual: Gray) -> NDArray[np.bool_]:
    """Return where paper differs from the background, apart from a change of light; empty if the area is small."""
    share = (paper.astype(np.float32) + DARK) / (usual.astype(np.float32) + DARK)
    place = int((BRIGHTEST if usual.mean() > LEVEL else 1 - BRIGHTEST) * (share.size - 1))
    share /= max(1e-3, float(np.partition(share.ravel(), place)[place]))
    mask = (np.abs(share - 1) > FOREIGN).astype(np.uint8)
    if np.count_nonzero(mask) < AREA * mask.size:
        return np.zeros(mask.shape, np.bool_)
    return np.asarray(mask, np.bool_)


def _find_outlines(paper: Gray) -> NDArray[np.bool_]:
    """Return the edges of objects larger than strokes, widened by one pixel."""
    around = np.ones((3, 3), np.uint8)
    low, high = (np.asarray(of(paper, around), np.float32) for of in (cv2.erode, cv2.dilate))
    return np.asarray(high - low > EDGE * (high + DARK))
