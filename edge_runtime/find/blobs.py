"""Connected ink to blobs: what may be a digit or a part of one, and what is dropped with the reason."""

from enum import StrEnum
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.ink import Ink
from edge_runtime.find.rules import may_hold_rules, without_rules
from edge_runtime.types import Box, Gray

LEAST = 9  # pixels: the height of the smallest digit, a little less than 12 as a threshold cuts strokes' ends
SPECK = 3  # pixels: a blob that is smaller both ways is no part of a digit
SURE = 3  # pixels: a stroke has at least as many that are surely ink
MOST = 2000  # blobs: only the largest of more are read; more of a digit's size are a texture
LISTED = 1000  # dropped blobs that are listed one by one, the largest; one box around all others is listed with them
BORDER = 0.5  # of the page's side: a longer blob along the border belongs to the border
LEAST_SHARE, MOST_SHARE = 0.3, 3.5  # of the height that is typical of the page's ink: digits are within these


class DropReason(StrEnum):
    """Why a candidate was not read as a digit."""

    SMALL = "too-small"
    LARGE = "too-large"
    BORDER = "border"
    FAINT = "faint"
    CROWDED = "too-many"  # the page has more of them than are read
    TEXTURE = "texture"  # the page has more marks than writing has: nothing on it is read
    SEPARATOR = "separator"
    NON_DIGIT = "non-digit"


UNREAD = (DropReason.CROWDED, DropReason.TEXTURE)  # for what nothing was read, though there may be digits


Dropped = tuple[Box, DropReason]


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
    dropped: list[Dropped]
    labels: NDArray[np.int32]  # (height, width)
    rules: Gray  # (height, width), 255 where printed rules were


def find_blobs(ink: Ink) -> Blobs:
    """Return what may be digits or parts of them; nothing of a texture."""
    mask, rules = ink.mask, np.zeros_like(ink.mask)
    labels, stats = _connected(mask)
    if may_hold_rules(int(stats[:, cv2.CC_STAT_WIDTH].max()), int(stats[:, cv2.CC_STAT_HEIGHT].max()), mask.size):
        mask, rules = without_rules(mask, ink.strength)
        labels, stats = _connected(mask)
    reasons = _reasons(stats, np.bincount(labels[ink.sure > 0], minlength=len(stats)), mask.shape)
    kept = np.flatnonzero(reasons == KEPT)[1:]
    if len(kept) > MOST:
        if _like_digits(stats[kept]) > MOST:
            return Blobs([], [texture(mask.shape)], labels, rules)
        order = kept[np.argsort(-stats[kept, cv2.CC_STAT_AREA], kind="stable")]
        reasons[order[MOST:]] = REASONS.index(DropReason.CROWDED)
        kept = np.sort(order[:MOST])
    boxes, areas = stats[kept, :4].tolist(), stats[kept, cv2.CC_STAT_AREA].tolist()
    blobs = [Blob(Box(*box), *rest) for box, *rest in zip(boxes, areas, kept.tolist(), strict=True)]
    return Blobs(blobs, _listed(stats, reasons), labels, rules)


def texture(shape: tuple[int, ...]) -> Dropped:
    """Return the mark of a page that has more on it than is read: its whole area. shape: (height, width)."""
    return Box(0, 0, shape[1], shape[0]), DropReason.TEXTURE


def typical_height(blobs: list[Blob]) -> float:
    """Return the height that half of the ink is in blobs of, or lower ones; 0 without blobs."""
    sizes = np.array([(blob.box.height, blob.area) for blob in blobs], np.int64).reshape(-1, 2)
    return _typical(sizes[:, 0], sizes[:, 1]) if blobs else 0.0


def _typical(heights: NDArray[np.integer[Any]], areas: NDArray[np.integer[Any]]) -> float:
    order = np.argsort(heights)
    ink = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])


REASONS = tuple(DropReason)
KEPT = len(REASONS)  # in place of a reason


def _reasons(stats: NDArray[np.int32], sure: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the number of the reason in `REASONS` that drops each blob, or `KEPT`: (n,), of paper too."""
    left, top, width, height, _ = stats.T
    page_height, page_width = shape
    at_edge = (left == 0) | (top == 0) | (left + width == page_width) | (top + height == page_height)
    level = (width > BORDER * page_width) & (height < 0.25 * width)
    upright = (height > BORDER * page_height) & (width < 0.1 * height)
    reasons = np.full(len(stats), KEPT, np.uint8)
    reasons[np.maximum(width, height) < SPECK] = REASONS.index(DropReason.SMALL)
    reasons[at_edge & (level | upright)] = REASONS.index(DropReason.BORDER)
    reasons[sure < SURE] = REASONS.index(DropReason.FAINT)
    reasons[0] = KEPT
    return reasons


def _like_digits(stats: NDArray[np.int32]) -> int:
    """Return how many blobs have the size that is typical of all their ink."""
    heights = stats[:, cv2.CC_STAT_HEIGHT]
    typical = _typical(heights, stats[:, cv2.CC_STAT_AREA])
    return int(np.count_nonzero((heights >= LEAST_SHARE * typical) & (heights <= MOST_SHARE * typical)))


def _listed(stats: NDArray[np.int32], reasons: NDArray[np.uint8]) -> list[Dropped]:
    """Return the largest dropped blobs, and one box around all others."""
    out = np.flatnonzero(reasons != KEPT)
    out = out[np.argsort(-stats[out, cv2.CC_STAT_AREA], kind="stable")]
    dropped = [
        (Box(*box), REASONS[reason])
        for box, reason in zip(stats[out[:LISTED], :4].tolist(), reasons[out[:LISTED]].tolist(), strict=True)
    ]
    if len(out) > LISTED:
        left, top, width, height = stats[out[LISTED:], :4].T
        x, y = int(left.min()), int(top.min())
        around = Box(x, y, int((left + width).max()) - x, int((top + height).max()) - y)
        dropped.append((around, DropReason.CROWDED))
    return dropped


def _connected(mask: Gray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Number the blobs: labels (height, width), 0 for paper, and by label left, top, width, height and area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats[0] = 0
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)
