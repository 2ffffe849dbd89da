"""Connected ink to blobs: what may be a digit or a part of one, and what is dropped with the reason."""

from enum import StrEnum
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.ink import Ink
from edge_runtime.find.rules import may_hold_rules, without_rules
from edge_runtime.types import Box, Gray

LEAST = 9  # pixels: the height of the smallest digit, a little less than 12 as a threshold cuts strokes' ends
SPECK = 3  # pixels: what is smaller both ways is no part of a digit either
SURE = 3  # pixels: a stroke has at least as many that are surely ink
MOST = 2000  # blobs: more are no writing, and only the largest are looked at
TOLD = 1000  # blobs dropped: the largest are told of
BORDER = 0.5  # of the page's side: a blob along the border with more is the border's


class Drop(StrEnum):
    """Why a blob was dropped before anything was read."""

    SMALL = "too-small"
    LARGE = "too-large"
    BORDER = "border"
    FAINT = "faint"
    CROWDED = "too-many"


class Blob(NamedTuple):
    """Connected ink."""

    box: Box  # at working scale
    area: int  # pixels
    label: int  # its number in `Blobs.labels`

    @property
    def right(self) -> int:
        return self.box.x + self.box.width

    @property
    def bottom(self) -> int:
        return self.box.y + self.box.height


class Blobs(NamedTuple):
    """The blobs of a page."""

    kept: list[Blob]
    dropped: list[tuple[Box, str]]
    labels: NDArray[np.int32]  # (height, width)
    rules: Gray  # (height, width), 255 where printed rules were


def find_blobs(ink: Ink) -> Blobs:
    """Return what may be digits or parts of them."""
    mask, rules = ink.mask, np.zeros_like(ink.mask)
    labels, stats = _connected(mask)
    if may_hold_rules(int(stats[:, cv2.CC_STAT_WIDTH].max()), int(stats[:, cv2.CC_STAT_HEIGHT].max()), mask.size):
        mask, rules = without_rules(mask, ink.strength)
        labels, stats = _connected(mask)
    count = len(stats)
    left, top, width, height, area = stats.T
    page_height, page_width = mask.shape
    reasons = np.full(count, "", object)
    reasons[np.maximum(width, height) < SPECK] = Drop.SMALL
    at_edge = (left == 0) | (top == 0) | (left + width == page_width) | (top + height == page_height)
    level = (width > BORDER * page_width) & (height < 0.25 * width)
    upright = (height > BORDER * page_height) & (width < 0.1 * height)
    reasons[at_edge & (level | upright)] = Drop.BORDER
    reasons[np.bincount(labels[ink.sure > 0], minlength=count) < SURE] = Drop.FAINT
    reasons[0] = ""
    kept = np.flatnonzero(reasons == "")[1:]
    if len(kept) > MOST:
        order = kept[np.argsort(-area[kept], kind="stable")]
        reasons[order[MOST:]] = Drop.CROWDED
        kept = np.sort(order[:MOST])
    out = np.flatnonzero(reasons != "")
    out = out[np.argsort(-area[out], kind="stable")][:TOLD]
    dropped = [(Box(*map(int, stats[index, :4])), str(reasons[index])) for index in out]
    blobs = [Blob(Box(*map(int, stats[index, :4])), int(area[index]), int(index)) for index in kept]
    return Blobs(blobs, dropped, labels, rules)


def _connected(mask: Gray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Number the blobs: labels (height, width), 0 for paper, and by label left, top, width, height and area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats[0] = 0
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)
