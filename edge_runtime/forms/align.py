"""Align a page to the blank form that it was printed from, by what is printed on both.

Keypoints (ORB) of both are matched and give a homography (RANSAC). Where they do not suffice, as on a form of lines
without words, the images of the ink are correlated from each of the four turns (ECC). Either result is refined by the
displacement of the form's corners (pyramidal Lucas-Kanade), and counts only if the print of the form is on the page.

E. Rublee and others: "ORB: an efficient alternative to SIFT or SURF", 2011. G. Evangelidis and E. Psarakis: "Parametric
image alignment using enhanced correlation coefficient maximization", 2008.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import InputError
from edge_runtime.types import Box, Gray

WORK = 1200  # pixels: longer side of the images that are compared
STEPS = ((300, 5.0), (300, 1.7), (600, 1.2))  # longer sides of those that are correlated, and their blur, pixels
ALIKE = 0.2  # correlation from which a turn is followed to the next step
MOTION, UNTIL = cv2.MOTION_HOMOGRAPHY, (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-4)  # of ECC
KEYPOINTS = 1_200
LEVELS = 12  # of the pyramid of keypoints: the patches of the coarsest ones show how fields are laid out
RATIO = 0.8  # of the distances of the best and the second match (Lowe's test)
MATCHES = 12  # inliers from which a homography is considered
FAR = 4.0  # pixels of the work image: of an outlier
CORNERS = 300  # of the form, whose displacement refines the homography
WINDOW = (21, 21)  # pixels around a corner by which it is followed
FOUND = 0.85  # share of the print that a page must show, beyond what it would by chance
WORSE = 0.01  # share that a refined homography may lose: its corners are nearer to the truth
NEAR = 5  # pixels of the work image: sides of the square around a print's pixel in which the page must show ink
NOISE = 0.9  # pixels of the work image: standard deviation of the blur against noise
PAPER = 13  # quarter pixels of the work image: around each place, whose median is the level of the paper
INKED = 0.985  # quantile of the darkness of a page that is ink
BLACK, FAINT = 0.3, 0.03  # darkness to which faint ink is raised; what is fainter is not
CONTRAST = 0.1  # darkness of ink, raised
THICK = 25  # pixels of the form: lines and letters of the print that are thicker are taken for paper
SIGMA = 1.48  # standard deviations of a normal distribution that a median absolute deviation is
LEAST_SIDE = 64  # pixels: of a blank form
LEAST_PRINT = 200  # pixels of the work image
SHRINK = 3.0  # a page shows the form at most so many times larger or smaller than its whole size

Matrix = NDArray[np.float64]  # (3, 3): homography


class Alignment(NamedTuple):
    """Where a form is on a page."""

    matrix: Matrix  # from pixels of the form to pixels of the page
    found: float  # share of the form's print that is on the page, beyond what it would be by chance, 0 to 1

    def box(self, box: Box) -> Box:
        """Return the bounding box on the page of a box of the form."""
        x, y, width, height = box
        corners = np.array([[(x, y), (x + width, y), (x + width, y + height), (x, y + height)]], np.float64)
        points = cv2.perspectiveTransform(corners, self.matrix)[0]
        left, top = np.floor(points.min(0)).astype(int).tolist()
        right, bottom = np.ceil(points.max(0)).astype(int).tolist()
        return Box(left, top, right - left, bottom - top)

    def scale(self, box: Box) -> float:
        """Return how many pixels of the page one pixel of the form has at the middle of a box."""
        x, y = box.x + box.width / 2, box.y + box.height / 2
        depth = float(self.matrix[2] @ (x, y, 1))
        return float(np.sqrt(abs(np.linalg.det(self.matrix) / depth**3)))


def _find_print(gray: Gray) -> NDArray[np.uint8]:
    """Return where a blank form is printed, uint8 (height, width), 0 or 1: what is darker than the paper around it."""
    paper = cv2.morphologyEx(cv2.GaussianBlur(gray, (0, 0), 1), cv2.MORPH_CLOSE, np.ones((THICK, THICK), np.uint8))
    return np.asarray(gray < (1 - CONTRAST) * paper.astype(np.float32), np.uint8)


class _Work(NamedTuple):
    """An image at the size in which forms and pages are compared."""

    flat: Gray  # without light and shadow: paper is white
    ink: NDArray[np.uint8]  # 0 or 1
    scale: NDArray[np.float64]  # (3, 3): from pixels of the original


class Template:
    """A blank form, uint8 (height, width), to which pages are aligned."""

    def __init__(self, gray: Gray) -> None:
        """Raises InputError for an image on which too little is printed."""
        if min(gray.shape) < LEAST_SIDE:
            raise InputError(f"the template is {gray.shape[1]} x {gray.shape[0]}: it needs {LEAST_SIDE} pixels a side")
        self._work = _prepare(gray)
        if self._work.ink.sum() < LEAST_PRINT:
            raise InputError("the template shows too little print to align pages by: it must be the blank form")
        self.printed = _find_print(gray)  # uint8 (height, width), 0 or 1
        self._orb = cv2.ORB_create(KEYPOINTS, nlevels=LEVELS, fastThreshold=10)  # type: ignore[attr-defined]
        self._keypoints, self._descriptors = self._orb.detectAndCompute(self._work.flat, None)
        corners = cv2.goodFeaturesToTrack(self._work.flat, CORNERS, 0.02, 8)
        self._corners = corners if corners is not None else np.zeros((0, 1, 2), np.float32)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.printed.shape[1], self.printed.shape[0]

    def align(self, page: Gray) -> Alignment:
        """Return where the form is on a page, uint8 (height, width); raises InputError if the page does not show it."""
        work = _prepare(page)
        best = self._refine(work, self._match(work))
        if best.found < FOUND:
            others = [self._refine(work, matrix) for matrix in self._correlate(work)]
            best = max((best, *others), key=lambda each: each.found)
        if best.found < FOUND:
            raise InputError(
                f"the page does not match the template: {max(0, best.found):.0%} of its print was found, "
                f"{FOUND:.0%} is needed"
            )
        matrix = np.linalg.inv(work.scale) @ best.matrix @ self._work.scale
        return Alignment(matrix / matrix[2, 2], best.found)

    def _match(self, page: _Work) -> Matrix | None:
        """Return the homography from the form to a page by their keypoints, in pixels of the work images."""
        keypoints, descriptors = self._orb.detectAndCompute(page.flat, None)
        if not self._keypoints or len(keypoints) < 2:
            return None
        pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(self._descriptors, descriptors, 2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance]
        if len(good) < MATCHES:
            return None
        ours = np.array([self._keypoints[each.queryIdx].pt for each in good], np.float32)
        theirs = np.array([keypoints[each.trainIdx].pt for each in good], np.float32)
        matrix, inliers = cv2.findHomography(ours, theirs, cv2.USAC_MAGSAC, FAR, maxIters=5_000, confidence=0.999)
        return np.asarray(matrix, np.float64) if matrix is not None and inliers.sum() >= MATCHES else None

    def _correlate(self, page: _Work) -> list[Matrix]:
        """Return the homographies of the four turns that correlate the ink of the form and of a page."""
        found = []
        steps = [(_blur(self._work, *step), _blur(page, *step)) for step in STEPS]
        for turns in range(4):
            matrix = _fit(self._work.ink.shape, page.ink.shape, turns)
            for (own, own_scale), (other, scale) in steps:
                begin = (scale @ matrix @ np.linalg.inv(own_scale)).astype(np.float32)
                everywhere = np.ones(other.shape, np.uint8)
                try:
                    likeness, better = cv2.findTransformECC(own, other, begin, MOTION, UNTIL, everywhere, 1)
                except cv2.error:  # it does not converge
                    break
                matrix = np.linalg.inv(scale) @ np.asarray(better, np.float64) @ own_scale
                if likeness < ALIKE:
                    break
            found.append(matrix)
        return found

    def _refine(self, page: _Work, matrix: Matrix | None) -> Alignment:
        """Return the alignment of the work images that is best after the corners of the form were followed."""
        best = Alignment(np.eye(3), -1.0)
        for _ in range(3):
            if not (matrix is not None and _is_plausible(matrix, self._work.flat.shape, page.flat.shape)):
                break
            known = Alignment(matrix, self._share(page, matrix))
            if known.found < best.found - WORSE:
                break
            best, matrix = known, self._follow(page, matrix)
        return best

    def _follow(self, page: _Work, matrix: Matrix) -> Matrix | None:
        """Return the homography that the displacement of the form's corners gives."""
        if len(self._corners) < MATCHES:
            return None
        warped = _warp(page.flat, matrix, self._work.flat.shape, 255)
        moved, seen, _ = cv2.calcOpticalFlowPyrLK(
            self._work.flat, warped, self._corners, self._corners.copy(), winSize=WINDOW
        )
        kept = seen[:, 0] == 1
        if kept.sum() < MATCHES:
            return None
        places = cv2.perspectiveTransform(moved[kept].astype(np.float64), matrix)
        better, inliers = cv2.findHomography(self._corners[kept], places, cv2.RANSAC, FAR / 2)
        return np.asarray(better, np.float64) if better is not None and inliers.sum() >= MATCHES else None

    def _share(self, page: _Work, matrix: Matrix) -> float:
        """Return the share of the form's print at whose place the page shows ink, beyond what it would by chance."""
        shape = self._work.flat.shape
        ink = cv2.dilate(_warp(page.ink, matrix, shape, 0, cv2.INTER_NEAREST), np.ones((NEAR, NEAR), np.uint8))
        inside = _warp(np.ones(page.ink.shape, np.uint8), matrix, shape, 0, cv2.INTER_NEAREST) > 0
        ours = (self._work.ink > 0) & inside
        if ours.sum() < max(LEAST_PRINT, 0.5 * self._work.ink.sum()):
            return -1.0
        shown, chance = float(ink[ours].mean()), float(ink[inside].mean())
        return (shown - chance) / max(1e-6, 1 - chance)


def _prepare(gray: Gray) -> _Work:
    """Return an image at the work size, without its light."""
    longest = max(gray.shape)
    scale = WORK / longest
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    small = cv2.GaussianBlur(small, (0, 0), NOISE)
    paper = cv2.medianBlur(cv2.resize(small, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), PAPER)
    light = cv2.GaussianBlur(cv2.resize(paper, size, interpolation=cv2.INTER_LINEAR), (0, 0), 4)
    dark = 1 - small.astype(np.float32) / np.maximum(light, 1)  # share of the light that is missing
    noise = SIGMA * float(np.median(np.abs(dark)))
    full = max(float(np.quantile(dark[::4, ::4], INKED)), FAINT, 2 * noise)
    flat = np.clip(255 * (1 - dark * max(1.0, BLACK / full)), 0, 255).astype(np.uint8)
    ink = (flat < 255 * (1 - CONTRAST)).astype(np.uint8)
    return _Work(np.asarray(flat, np.uint8), ink, _scaling(gray.shape, small.shape))


def _blur(work: _Work, side: int, sigma: float) -> tuple[NDArray[np.float32], Matrix]:
    """Return the ink of a work image as it is correlated, `side` pixels long and blurred, and the scale."""
    scale = side / max(work.ink.shape)
    small = cv2.resize(work.ink.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), sigma), np.float32), _scaling(work.ink.shape, small.shape)


def _scaling(before: tuple[int, ...], after: tuple[int, ...]) -> Matrix:
    """Return the homography of an image that was resized; the centre of a pixel is at a whole number."""
    across, down = after[1] / before[1], after[0] / before[0]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def _fit(ours: tuple[int, ...], theirs: tuple[int, ...], turns: int) -> Matrix:
    """Return the homography that places a whole form, turned by quarter turns, on a whole page."""
    height, width = ours[:2]
    high, wide = theirs[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    places = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, np.roll(places, turns, 0)), np.float64)


def _is_plausible(matrix: Matrix, ours: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Return whether a homography shows the form from its front, convex, and not far from the page's size."""
    height, width = ours[:2]
    corners = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64)
    depths = np.column_stack([corners[0], np.ones(4)]) @ matrix[2]
    if not np.isfinite(matrix).all() or depths.min() <= 0:
        return False
    points = cv2.perspectiveTransform(corners, matrix)[0].astype(np.float32)
    edges = np.roll(points, -1, 0) - points
    after = np.roll(edges, -1, 0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    area = cv2.contourArea(points) / (theirs[0] * theirs[1])
    return bool((turns > 0).all() and 1 / SHRINK**2 < area < SHRINK**2)


def _warp(
    image: NDArray[np.uint8], matrix: Matrix, shape: tuple[int, ...], border: int, how: int = cv2.INTER_LINEAR
) -> NDArray[np.uint8]:
    """Return an image of a page as the form sees it."""
    size = (shape[1], shape[0])
    flags = how | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(image, matrix, size, flags=flags, borderValue=(border,)), np.uint8)
