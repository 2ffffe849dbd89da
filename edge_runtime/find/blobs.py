"""Group connected ink into blobs: possible digits or parts of digits, and dropped blobs with their reasons."""

from enum import StrEnum
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.ink import Ink
from edge_runtime.find.rules import may_hold_rules, remove_rules
from edge_runtime.types import Box, Gray

LEAST = 9  # pixels: the height of the smallest digit, below 12 because the threshold shortens strokes
SPECK = 3  # pixels: a blob smaller than this in both directions is not part of a digit
SURE = 3  # pixels: a stroke has at least this many pixels above the higher threshold
MOST = 2000  # blobs: of more, only the largest are read; more blobs of digit size than this are a texture
LISTED = 1000  # dropped blobs: the largest are listed one by one, all others as one box
BORDER = 0.5  # share of the page's side: a longer blob along the border is not writing
LEAST_SHARE, MOST_SHARE = 0.3, 3.5  # times the typical height of the page's ink: the range of digits


class DropReason(StrEnum):
    """Why a candidate was not read as a digit."""

    SMALL = "too-small"
    LARGE = "too-large"
    BORDER = "border"
    FAINT = "faint"
    CROWDED = "too-many"  # the page has more candidates than are read
    TEXTURE = "texture"  # the page has too many marks for writing: nothing on it is read
    SEPARATOR = "separator"
    NON_DIGIT = "non-digit"
    UNREAD = "unread"  # the page network shows a digit here, on a page without accepted digits


UNREAD = (DropReason.CROWDED, DropReason.TEXTURE)  # reasons that leave possible digits unread


Dropped = tuple[Box, DropReason]


class Blob(NamedTuple):
    """Connected ink."""

    box: Box  # at working scale
    area: int  # pixels
    label: int  # its value in `Blobs.labels`

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


def find_blobs(ink: Ink, with_rules: bool = True) -> Blobs:
    """Return the blobs that may be digits or parts of digits; none on a texture.

    with_rules: whether printed rules may be part of the ink; they are removed.
    """
    mask, rules = ink.mask, np.zeros_like(ink.mask)
    labels, stats = _label_components(mask)
    if with_rules and may_hold_rules(
        int(stats[:, cv2.CC_STAT_WIDTH].max()), int(stats[:, cv2.CC_STAT_HEIGHT].max()), mask.size
    ):
        mask, rules = remove_rules(mask, ink.strength)
        labels, stats = _label_components(mask)
    reasons = _reasons(stats, np.bincount(labels[ink.sure > 0], minlength=len(stats)), mask.shape)
    kept = np.flatnonzero(reasons == KEPT)[1:]
    if len(kept) > MOST:
        if _count_typical(stats[kept]) > MOST:
            return Blobs([], [texture(mask.shape)], labels, rules)
        order = kept[np.argsort(-stats[kept, cv2.CC_STAT_AREA], kind="stable")]
        reasons[order[MOST:]] = REASONS.index(DropReason.CROWDED)
        kept = np.sort(order[:MOST])
    boxes, areas = stats[kept, :4].tolist(), stats[kept, cv2.CC_STAT_AREA].tolist()
    blobs = [Blob(Box(*box), *rest) for box, *rest in zip(boxes, areas, kept.tolist(), strict=True)]
    return Blobs(blobs, _list_dropped(stats, reasons), labels, rules)


def texture(shape: tuple[int, ...]) -> Dropped:
    """Return the dropped candidate for a page with too many marks: its whole area. shape: (height, width)."""
    return Box(0, 0, shape[1], shape[0]), DropReason.TEXTURE


def typical_height(blobs: list[Blob]) -> float:
    """Return the median height of blobs, weighted by their ink; 0 without blobs."""
    sizes = np.array([(blob.box.height, blob.area) for blob in blobs], np.int64).reshape(-1, 2)
    return _typical(sizes[:, 0], sizes[:, 1]) if blobs else 0.0


def _typical(heights: NDArray[np.integer[Any]], areas: NDArray[np.integer[Any]]) -> float:
    order = np.argsort(heights)
    ink = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(ink, ink[-1] / 2)])


REASONS = tuple(DropReason)
KEPT = len(REASONS)  # the value for blobs without a reason


def _reasons(stats: NDArray[np.int32], sure: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return for each blob, and for paper as number 0, the index of its reason in `REASONS` or `KEPT`: (n,)."""
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


def _count_typical(stats: NDArray[np.int32]) -> int:
    """Return how many blobs are about as high as is typical of their ink."""
    heights = stats[:, cv2.CC_STAT_HEIGHT]
    typical = _typical(heights, stats[:, cv2.CC_STAT_AREA])
    return int(np.count_nonzero((heights >= LEAST_SHARE * typical) & (heights <= MOST_SHARE * typical)))


def _list_dropped(stats: NDArray[np.int32], reasons: NDArray[np.uint8]) -> list[Dropped]:
    """Return the largest dropped blobs and one box around all others."""
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


def _label_components(mask: Gray) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label the blobs: labels (height, width), 0 for paper; stats (n, 5): left, top, width, height and area."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    stats[0] = 0
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32)
