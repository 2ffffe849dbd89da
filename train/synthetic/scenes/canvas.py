"""The image that a scene is drawn on: gray levels, and for each pixel what it shows.

Paths are given in page coordinates. A mapping places them in the image, where they are drawn at three times its
resolution. Drawing has two steps: `path`, `paths` and `polygon` add to the coverage, and `ink` applies it to the image.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.outputs import Kind
from train.synthetic.scenes.types import Level, Mask, Points

FINE = 3  # drawn pixels along one pixel of the image
SHIFT = 4  # fractional bits of coordinates in OpenCV's drawing functions

Part = tuple[slice, slice]  # rows and columns of the image
PixelBox = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are exclusive


class Mapping:
    """Maps page coordinates to image coordinates: waves, as of a page that is not flat, then a homography."""

    def __init__(self, matrix: NDArray[np.float64] | None = None, waves: Sequence[tuple[float, ...]] = ()) -> None:
        """matrix: the homography, (3, 3), by default the identity.

        waves: (amplitude, frequency along x, frequency along y, phase, direction) each, in pixels and radians.
        """
        self.matrix = np.eye(3) if matrix is None else matrix
        self.waves = tuple(waves)
        self._determinant = float(np.linalg.det(self.matrix))

    def __call__(self, points: NDArray[np.floating]) -> Points:
        """Return points (n, 2) of the page in image coordinates."""
        found = np.asarray(points)
        for amplitude, across, down, phase, direction in self.waves:
            shift = amplitude * np.sin(across * found[:, 0] + down * found[:, 1] + phase)
            found = found + shift[:, None] * (np.cos(direction), np.sin(direction))
        homogeneous = found @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:], np.float32)

    def scale(self, point: tuple[float, float]) -> float:
        """Return how many pixels of the image one pixel of the page has near a point.

        It is the square root of the determinant of the homography's Jacobian; waves have little effect on it.
        """
        x, y = point
        c = self.matrix[2]
        w = c[0] * x + c[1] * y + c[2]
        return float(np.sqrt(abs(self._determinant / w**3)))


class Canvas:
    """An image that is being drawn, and the truth about its pixels.

    gray: float32 (height, width), 0 to 255. kinds: uint8 (height, width), `Kind`. owners: uint16 (height, width), the
    number of the digit or mark, from 1, or 0.
    """

    def __init__(self, gray: Level, mapping: Mapping | None = None) -> None:
        """gray: float32 (height, width), 0 to 255, which is drawn on. mapping: by default the identity."""
        self.gray = gray
        self.height, self.width = gray.shape
        self.kinds: Mask = np.zeros(gray.shape, np.uint8)
        self.owners: NDArray[np.uint16] = np.zeros(gray.shape, np.uint16)
        self.mapping = mapping or Mapping()
        self._coverage = np.zeros((self.height * FINE, self.width * FINE), np.uint8)
        self._drawn: list[tuple[float, float, float, float]] = []  # boxes of what was drawn since the last `ink`

    def path(
        self,
        points: NDArray[np.floating],
        radius: float,
        kind: Kind = Kind.OTHER,
        owner: int = 0,
        widths: NDArray[np.floating] | None = None,
        mapped: bool = True,
    ) -> None:
        """Draw one line with round ends. points: (n, 2). widths: None or (n,). Otherwise as `paths`."""
        self.paths([points], radius, kind, owner, None if widths is None else [widths], mapped)

    def paths(
        self,
        lines: Sequence[NDArray[np.floating]],
        radius: float,
        kind: Kind = Kind.OTHER,
        owner: int = 0,
        widths: Sequence[NDArray[np.floating] | None] | None = None,
        mapped: bool = True,
    ) -> None:
        """Draw lines with round ends with one pen.

        lines: (n, 2) each, in page coordinates, or in image coordinates if `mapped` is False. radius: half of the
        stroke width, pixels of the page. kind, owner: see `Canvas`; of the background, only the gray levels change.
        widths: for each line None or (n,), factors of the stroke width at its points.
        """
        points = np.concatenate(lines)
        if mapped:
            radius *= self.mapping.scale((float(points[0, 0]), float(points[0, 1])))
            points = self.mapping(points)
        box = self._place(points, radius)
        if box is None:
            return
        ends = np.cumsum([len(line) for line in lines])[:-1]
        self._cover_lines(np.split(_fixed_point(points), ends), max(1, round(2 * radius * FINE)), widths)
        if kind == Kind.BACKGROUND or box[2] <= box[0] or box[3] <= box[1]:
            return
        mask, moved = self._mask(points, box)
        for part in np.split(moved, ends):
            part = np.concatenate([part, part]) if len(part) == 1 else part
            cv2.polylines(mask, [part[:, None]], False, (1,), max(1, round(2 * radius)), cv2.LINE_8, SHIFT)
        self._label(mask, box, kind, owner)

    def _cover_lines(
        self, lines: Sequence[NDArray[np.int32]], pen: int, widths: Sequence[NDArray[np.floating] | None] | None
    ) -> None:
        """Add lines in fixed-point coordinates to the coverage. pen: stroke width, drawn pixels."""
        for number, line in enumerate(lines):
            line = np.concatenate([line, line + 1]) if len(line) == 1 else line
            factors = widths[number] if widths is not None else None
            if factors is None or len(line) != len(factors):
                cv2.polylines(self._coverage, [line[:, None]], False, (255,), pen, cv2.LINE_AA, SHIFT)
                continue
            pens = np.maximum(1, np.rint(pen * (factors[1:] + factors[:-1]) / 2)).astype(int).tolist()
            places = line.tolist()
            for start, stop, each in zip(places, places[1:], pens, strict=False):
                cv2.line(self._coverage, start, stop, (255,), each, cv2.LINE_AA, SHIFT)

    def polygon(
        self,
        contours: Sequence[NDArray[np.floating]],
        kind: Kind = Kind.OTHER,
        owner: int = 0,
        mapped: bool = True,
    ) -> None:
        """Fill contours, (n, 2) each, by the even-odd rule. Otherwise as `paths`."""
        points = np.concatenate(contours)
        points = self.mapping(points) if mapped else np.asarray(points, np.float32)
        box = self._place(points)
        if box is None:
            return
        ends = np.cumsum([len(each) for each in contours])[:-1]
        cv2.fillPoly(self._coverage, np.split(_fixed_point(points)[:, None], ends), (255,), cv2.LINE_AA, SHIFT)
        if kind == Kind.BACKGROUND or box[2] <= box[0] or box[3] <= box[1]:
            return
        mask, moved = self._mask(points, box)
        cv2.fillPoly(mask, np.split(moved[:, None], ends), (1,), cv2.LINE_8, SHIFT)
        self._label(mask, box, kind, owner)

    def _place(self, points: NDArray[np.floating], radius: float = 0) -> PixelBox | None:
        """Note where a pen draws, or a polygon; returns the box in the image, or None if nothing is inside."""
        low, high = points.min(0) - radius - 1, points.max(0) + radius + 1
        if min(high) < 0 or low[0] > self.width or low[1] > self.height:
            return None
        if radius > max(self.width, self.height):  # far outside the page, near the horizon of its perspective
            return None
        self._drawn.append((low[0], low[1], high[0], high[1]))
        return self._clip(*low, *high)

    def _mask(self, points: NDArray[np.floating], box: PixelBox) -> tuple[Mask, NDArray[np.int32]]:
        """Return an empty mask of a box, and points of the image in its fixed-point coordinates."""
        left, top, right, bottom = box
        origin = np.array((left + 0.5, top + 0.5), np.float32)
        moved = np.rint((points - origin) * (1 << SHIFT)).astype(np.int32)
        return np.zeros((bottom - top, right - left), np.uint8), moved

    def _label(self, mask: Mask, box: PixelBox, kind: Kind, owner: int) -> None:
        """Set the kind and owner of the pixels of a mask that do not show a higher kind."""
        left, top, right, bottom = box
        part = np.s_[top:bottom, left:right]
        mine = (mask > 0) & (self.kinds[part] <= kind)
        self.kinds[part][mine] = kind
        self.owners[part][mine] = owner

    def take_coverage(self) -> tuple[Level, Part] | None:
        """Return the coverage of what was drawn since the last call and start again.

        The coverage is float32 (h, w), 0 to 1, and belongs to the returned part of the image. None if nothing was drawn
        in the image.
        """
        if not self._drawn:
            return None
        boxes = np.array(self._drawn)
        self._drawn = []
        left, top, right, bottom = self._clip(*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
        if right <= left or bottom <= top:
            return None
        fine = self._coverage[top * FINE : bottom * FINE, left * FINE : right * FINE]
        small = cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        fine[:] = 0
        return np.asarray(small, np.float32) / np.float32(255), np.s_[top:bottom, left:right]

    def ink(self, level: float, opacity: float = 1.0, grain: Level | None = None) -> None:
        """Apply what was drawn to the image: each pixel moves toward `level`, 0 to 255.

        How far, 0 to 1, is its coverage times opacity, 0 to 1, times grain, (height, width) of the image, 0 to 1.
        """
        found = self.take_coverage()
        if found is None:
            return
        coverage, part = found
        coverage *= np.float32(opacity)
        if grain is not None:
            coverage *= grain[part]
        self.gray[part] += coverage * (np.float32(level) - self.gray[part])

    def hide(self, coverage: Level, part: Part) -> None:
        """Make the pixels below an opaque object background. coverage, part: as `take_coverage` returns them."""
        hidden = coverage > 0.5
        self.kinds[part][hidden] = Kind.BACKGROUND
        self.owners[part][hidden] = 0

    def _clip(self, left: float, top: float, right: float, bottom: float) -> PixelBox:
        return (
            max(0, int(np.floor(left))),
            max(0, int(np.floor(top))),
            min(self.width, int(np.ceil(right)) + 1),
            min(self.height, int(np.ceil(bottom)) + 1),
        )


def _fixed_point(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Return points of the image in OpenCV's fixed-point coordinates of the drawn image.

    The centre of a pixel is at 0.5 here and at a whole number for OpenCV.
    """
    return np.asarray(np.rint((points * FINE - 0.5) * (1 << SHIFT)), np.int32)
