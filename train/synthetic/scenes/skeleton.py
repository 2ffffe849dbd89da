"""Converts MNIST digits to strokes: the centre lines of the ink, to be drawn again with any pen at any size.

The ink is enlarged four times and thinned by the method of T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for
thinning digital patterns", 1984 (doi:10.1145/357994.358023). Strokes are the paths between ends and branches of the
result.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes.types import Mask, Points

ZOOM = 4  # pixels of the enlarged image along one pixel of MNIST's
SIDE = 28 * ZOOM
TILES = 24  # digits along each side of the mosaic that is thinned at once
SPUR = 1.1  # radii of the ink: a shorter branch with a free end is an artefact of the outline
STEP = 2  # pixels of the enlarged image between two points of a stroke
SMOOTH = 2.5  # pixels of the enlarged image: standard deviation of the smoothing along a stroke
AHEAD = 8  # pixels of the enlarged image over which the direction of a path at its end is measured
LEAST_STRAIGHT = -0.5  # cosine: two paths that turn more sharply where they meet are not joined

Pixel = tuple[int, int]  # row and column
PixelPath = list[Pixel]
Links = dict[Pixel, list[Pixel]]


class Strokes(NamedTuple):
    """The centre lines of one digit, in pixels of MNIST's image."""

    paths: list[Points]  # float32 (n, 2) each, n >= 1; a dot has one point
    radius: float  # pixels: half of the mean stroke width


def strokes_of(images: NDArray[np.uint8], share: float = 0.45) -> list[Strokes]:
    """Return the strokes of N digits: uint8 (N, 28, 28), ink bright on 0.

    share: of the brightest pixel; brighter ones are ink.
    """
    found: list[Strokes] = []
    step = TILES * TILES
    for start in range(0, len(images), step):
        part = images[start : start + step]
        inked = np.stack([_enlarge(image, share) for image in part])
        found += [_trace(ink, line) for ink, line in zip(inked, _thin(inked), strict=True)]
    return found


def _enlarge(image: Mask, share: float) -> Mask:
    """Return the ink of a digit, 1 on 0, enlarged; the outermost pixels are 0."""
    large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), 0.6 * ZOOM)
    ink = np.asarray(large > share * max(1, int(large.max())), np.uint8)
    ink[[0, -1], :] = 0
    ink[:, [0, -1]] = 0
    return ink


def _tables() -> tuple[Mask, Mask]:
    """Return which pixels the two sub-iterations of the thinning keep, by the code of their eight neighbours."""
    keep = np.ones((2, 256), np.uint8)
    for code in range(256):
        ring = [code >> bit & 1 for bit in range(8)]  # p2 to p9 of the paper: the upper neighbour, then clockwise
        count = sum(ring)
        rises = sum(not a and b for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        p2, p4, p6, p8 = ring[0], ring[2], ring[4], ring[6]
        if 2 <= count <= 6 and rises == 1:
            if not (p2 and p4 and p6) and not (p4 and p6 and p8):
                keep[0, code] = 0
            if not (p2 and p4 and p8) and not (p2 and p6 and p8):
                keep[1, code] = 0
    return keep[0], keep[1]


_KEEP = _tables()
_RING = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)  # p9 p2 p3, p8 p1 p4, p7 p6 p5


def _thin(inked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Thin N images, uint8 (N, SIDE, SIDE), to lines of one pixel, side by side in one mosaic."""
    count = len(inked)
    across = min(TILES, count)
    rows = -(-count // across)
    tiles = np.zeros((rows * across, SIDE, SIDE), np.uint8)
    tiles[:count] = inked
    mosaic = tiles.reshape(rows, across, SIDE, SIDE).swapaxes(1, 2).reshape(rows * SIDE, across * SIDE).copy()
    while True:
        before = int(np.count_nonzero(mosaic))
        for keep in _KEEP:
            codes = np.asarray(cv2.filter2D(mosaic, cv2.CV_8U, _RING, borderType=cv2.BORDER_CONSTANT), np.uint8)
            mosaic &= np.asarray(cv2.LUT(codes, keep), np.uint8)
        if int(np.count_nonzero(mosaic)) == before:
            break
    tiles = mosaic.reshape(rows, SIDE, across, SIDE).swapaxes(1, 2).reshape(rows * across, SIDE, SIDE)
    return np.ascontiguousarray(tiles[:count])


_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def _trace(ink: Mask, line: Mask) -> Strokes:
    """Return the strokes of a digit from its ink and its thinned line."""
    pixels = {(int(y), int(x)) for y, x in np.argwhere(line)}
    if not pixels:
        return Strokes([], 1.0)
    depth = cv2.distanceTransform(ink, cv2.DIST_L2, 3)
    radius = float(np.mean([depth[place] for place in pixels]))
    links = {place: _links(place, pixels) for place in pixels}
    paths = _join(_remove_spurs(_paths(links), SPUR * radius))
    strokes = [_smooth(path) / np.float32(ZOOM) - np.float32(0.5 - 0.5 / ZOOM) for path in paths]
    return Strokes(strokes, radius / ZOOM)


def _links(place: Pixel, pixels: set[Pixel]) -> list[Pixel]:
    """Return the neighbours along the line, without diagonal ones that a straight step reaches as well."""
    y, x = place
    near = [(y + dy, x + dx) for dy, dx in _AROUND if (y + dy, x + dx) in pixels]
    straight = {each for each in near if each[0] == y or each[1] == x}
    return [each for each in near if each in straight or not ({(each[0], x), (y, each[1])} & straight)]


def _paths(links: Links) -> list[PixelPath]:
    """Follow every link from the ends and branches, then the closed loops that remain."""
    nodes = [place for place, near in links.items() if len(near) != 2]
    walked: set[tuple[Pixel, Pixel]] = set()
    paths = []
    for node in nodes:
        if not links[node]:
            paths.append([node])
        for first in links[node]:
            if (node, first) in walked:
                continue
            path = [node, first]
            while len(links[path[-1]]) == 2:
                _follow(path, links)
            walked |= {(path[0], path[1]), (path[-1], path[-2])}
            paths.append(path)
    seen = {place for path in paths for place in path}
    for start in links:
        if start in seen or len(links[start]) != 2:
            continue
        path = [start, links[start][0]]
        while path[-1] != start:
            _follow(path, links)
        seen |= set(path)
        paths.append(path)
    return paths


def _follow(path: PixelPath, links: Links) -> None:
    """Extend a path by one pixel; its last one has two neighbours."""
    a, b = links[path[-1]]
    path.append(b if a == path[-2] else a)


def _remove_spurs(paths: list[PixelPath], least: float) -> list[PixelPath]:
    """Return the paths without those that have a free end and at most `least` pixels, but at least one path."""
    ends: dict[Pixel, int] = {}
    for path in paths:
        for end in (path[0], path[-1]):
            ends[end] = ends.get(end, 0) + 1
    kept = [
        path
        for path in paths
        if len(path) > least or path[0] == path[-1] or not any(ends[end] == 1 for end in (path[0], path[-1]))
    ]
    return kept or [max(paths, key=len)]


def _join(paths: list[PixelPath]) -> list[PixelPath]:
    """Join paths that meet: the only two at a place, and at a branch the two that form the straightest line."""
    paths = [list(path) for path in paths]
    while True:
        ends: dict[Pixel, list[tuple[int, bool]]] = {}
        for number, path in enumerate(paths):
            if len(path) > 1 and path[0] != path[-1]:
                ends.setdefault(path[0], []).append((number, True))
                ends.setdefault(path[-1], []).append((number, False))
        best, pair = LEAST_STRAIGHT, None
        for place, here in ends.items():
            directions = [_direction(paths[number], place, first) for number, first in here]
            for a in range(len(here)):
                for b in range(a):
                    straight = -float(directions[a] @ directions[b])
                    if len(here) == 2:
                        straight += 2
                    if here[a][0] != here[b][0] and straight > best:
                        best, pair = straight, (here[a], here[b])
        if pair is None:
            return paths
        (one, one_first), (other, other_first) = pair
        head = paths[one][::-1] if one_first else paths[one]
        tail = paths[other] if other_first else paths[other][::-1]
        paths[one] = head + tail[1:]
        del paths[other]


def _direction(path: PixelPath, end: Pixel, first: bool) -> NDArray[np.float64]:
    """Return the unit vector (2,) from an end of a path into the path. first: whether the path begins at this end."""
    inner = path[min(AHEAD, len(path) - 1)] if first else path[max(-AHEAD - 1, -len(path))]
    vector = np.subtract(inner, end, dtype=np.float64)
    return np.asarray(vector / max(1e-6, float(np.hypot(*vector))), np.float64)


def _smooth(path: PixelPath) -> Points:
    """Return a path of pixels as smoothed points, every `STEP`-th of them."""
    points = np.asarray(path, np.float32)[:, ::-1] + np.float32(0.5)
    if len(points) < 5:
        return points
    reach = int(3 * SMOOTH)
    if path[0] == path[-1]:
        padded = points
        if len(points) > reach + 1:
            padded = np.vstack([points[-reach - 1 : -1], points, points[1 : reach + 1]])
    else:  # mirrored about its ends, which keep their places
        reach = min(reach, len(points) - 1)
        before, after = points[reach:0:-1], points[-2 : -reach - 2 : -1]
        padded = np.vstack([2 * points[0] - before, points, 2 * points[-1] - after])
    weights = cv2.getGaussianKernel(2 * reach + 1, SMOOTH, cv2.CV_32F)[:, 0]
    smooth = np.stack([np.convolve(padded[:, axis], weights, "valid") for axis in (0, 1)], 1).astype(np.float32)
    if len(smooth) != len(points):
        smooth = points
    return np.vstack([smooth[:-1:STEP], smooth[-1:]])
