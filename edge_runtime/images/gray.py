"""Convert pixels of any depth, colour and transparency to 8-bit gray; colour is converted to luma."""

import math
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.images.resize import resize_linear
from edge_runtime.types import Gray

VALUES = 1 << 18  # values processed at once, which bounds the memory beside the image itself
SAMPLE = 500_000  # values, approximately: sample for the range of a deep image
# Values at each end of the range that may be hot or dead pixels: a constant, one for every ONE_MORE_IN values up to
# MORE_OUTLIERS, and one for every ONE_OUTLIER_IN values.
OUTLIERS, MORE_OUTLIERS = 4, 16
ONE_MORE_IN, ONE_OUTLIER_IN = 250, 50_000  # values

FAINT = 16  # gray levels: an 8-bit image with less contrast has faint ink, is a mask, or is blank
# Limits between faint ink and noise, measured on drawn masks and on blanks with noise, gradients and JPEG artefacts:
TWO_LEVELS = 0.85  # share of the variance explained by two levels; 0.64 for Gaussian noise
MIDDLE = 128  # the limit between the two levels
LEAST_INK = 20  # pixels
MOST_INK = 0.4  # share of all pixels
SPECKS = 0.06  # pieces of ink and of paper per pixel of ink


def to_gray(pixels: NDArray[np.generic]) -> Gray:
    """Convert gray or colour (blue, green, red) pixels, with or without alpha, of any depth to gray.

    pixels: (height, width) or (height, width, 1..4), integers or floats. Other depths than 8 bits are scaled: by the
    range of values without a few outliers if they show ink, else by the depth in use. Returns uint8 (height, width).
    Raises UsageError for any other array.
    """
    if pixels.ndim == 2 and pixels.dtype == np.uint8 and pixels.size:
        return cast(Gray, pixels if pixels.flags.c_contiguous else np.ascontiguousarray(pixels))
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype.kind not in "uif" or pixels.shape[2:] > (4,):
        raise UsageError(
            f"an image is an array (height, width) or with 1 to 4 channels, not {pixels.dtype} {pixels.shape}"
        )
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    planes = pixels.reshape(*pixels.shape[:2], channels)
    gray = _luma(planes[..., :3] if channels > 2 else planes[..., :1])
    if channels % 2:
        return gray
    alpha = planes[..., -1]
    if alpha.max() == 0:  # the unused fourth byte of a BMP: an image is not fully transparent
        return gray
    return _on_paper(gray, alpha)


def stretch(gray: Gray) -> Gray:
    """Stretch faint ink, such as a mask of values 0 and 1, to full contrast; return any other image unchanged."""
    # A faster check that is enough for most images.
    first = gray.item(0)
    near = cv2.countNonZero(cv2.inRange(gray, first - FAINT + 1, first + FAINT - 1))
    if 2 * OUTLIERS < near < gray.size - 2 * OUTLIERS:
        return gray
    # The range without a few outliers.
    counts = np.cumsum(cv2.calcHist([gray], [0], None, [256], [0, 256]), dtype=np.float64)
    low, high = np.searchsorted(counts, (OUTLIERS, gray.size - 1 - OUTLIERS), "right").tolist()
    if not 0 < high - low < FAINT:
        return gray
    table = np.clip((np.arange(256) - low) * 255 / (high - low), 0, 255).astype(np.uint8)
    clear = np.asarray(cv2.LUT(gray, table), np.uint8)
    return clear if _shows_ink(clear) else gray


def rotate_upright(gray: Gray, orientation: int) -> Gray:
    """Rotate and mirror according to the EXIF orientation 1 to 8 (Exif 2.32, tag 274)."""
    if orientation == 1:
        return gray
    if orientation in (5, 6, 7, 8):
        gray = gray.T
    if orientation in (3, 4, 7, 8):
        gray = gray[::-1]
    if orientation in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    return np.ascontiguousarray(gray)


def _luma(planes: NDArray[np.generic]) -> Gray:
    """Convert one channel, or blue, green and red, of any depth to gray."""
    if planes.dtype == np.uint8:
        return np.ascontiguousarray(planes[..., 0], np.uint8) if planes.shape[2] == 1 else _scale(planes, 0, 255)
    low, high = _range(planes)
    clear = _scale(planes, low, high)
    if _shows_ink(clear):
        return clear
    # Do not stretch noise: black is 0, white the next power of two, because many files use 10 or 12 of 16 bits.
    top = max(high, 0.0)
    share, power = math.frexp(top)
    if 0.5 < share < 1 and power < 1024:
        top = math.ldexp(1.0, power)
    return _scale(planes, min(low, 0.0), top)


def _range(planes: NDArray[np.generic]) -> tuple[float, float]:
    """Return the darkest and the brightest value without outliers."""
    step = max(1, round((planes.size / SAMPLE) ** 0.5))
    values = planes[::step, ::step].flatten()
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    left_out = OUTLIERS + min(MORE_OUTLIERS, len(values) // ONE_MORE_IN) + len(values) // ONE_OUTLIER_IN
    if len(values) > 2 * left_out:
        values.partition((left_out, len(values) - 1 - left_out))
        low, high = float(values[left_out]), float(values[-1 - left_out])
        if low < high:
            return low, high
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def _scale(planes: NDArray[np.generic], low: float, high: float) -> Gray:
    """Scale to gray with `low` as 0 and `high` as 255, some rows at a time."""
    height, width, channels = planes.shape
    gray = np.empty((height, width), np.uint8)
    size, table = planes.dtype.itemsize, None
    if planes.dtype.kind in "ui" and size <= 2 and planes.dtype != np.uint8:
        table = _levels(np.arange(256**size).astype(f"u{size}").view(planes.dtype), low, high)
    for rows in _bands(height, width * channels):
        band = planes[rows]
        if planes.dtype != np.uint8:
            band = _levels(band, low, high) if table is None else table[band.view(f"u{size}")]
        if channels == 1:
            gray[rows] = band[..., 0]
        else:
            gray[rows] = cv2.cvtColor(np.ascontiguousarray(band), cv2.COLOR_BGR2GRAY)
    return gray


def _levels(values: NDArray[np.generic], low: float, high: float) -> Gray:
    """Scale values of any dtype to 0..255; NaN becomes 0."""
    with np.errstate(all="ignore"):
        real = (values.astype(np.float64) / 2 - low / 2) / (high / 2 - low / 2) * 255
    return np.rint(np.clip(np.nan_to_num(real, nan=0.0), 0, 255)).astype(np.uint8)


def _shows_ink(clear: Gray) -> bool:
    """Return whether a stretched image shows ink, not noise: two levels in few pieces."""
    counts = np.zeros(256, np.int64)
    for rows in _bands(*clear.shape):
        counts += np.bincount(clear[rows].ravel(), minlength=256)
    bright, levels = int(counts[MIDDLE:].sum()), np.arange(256)
    ink = min(bright, clear.size - bright)
    if not LEAST_INK <= ink < MOST_INK * clear.size:
        return False
    mean, upper = float(counts @ levels / clear.size), float(counts[MIDDLE:] @ levels[MIDDLE:] / bright)
    variance, share = float(counts @ (levels - mean) ** 2 / clear.size), bright / clear.size
    if (upper - mean) ** 2 * share / (1 - share) < TWO_LEVELS * variance:
        return False
    pieces = 0
    for rows in _bands(*clear.shape):
        inked = ((clear[rows] >= MIDDLE) == (bright == ink)).astype(np.uint8)
        pieces += cv2.connectedComponents(inked, connectivity=8)[0] - 1
        pieces += cv2.connectedComponents(1 - inked, connectivity=4)[0] - 1
    return pieces <= SPECKS * ink


def _on_paper(gray: Gray, alpha: NDArray[np.generic]) -> Gray:
    """Put transparent ink on paper: dark ink on white, bright ink on black. Some rows at a time."""
    cover = _cover(alpha)
    ink = float(np.average(resize_linear(gray, 64, 64), weights=resize_linear(cover, 64, 64).astype(np.float64) + 1e-9))
    paper = np.uint16(255 if ink < 128 else 0)
    for rows in _bands(*gray.shape):
        weight = cover[rows].astype(np.uint16)
        gray[rows] = (gray[rows] * weight + paper * (255 - weight) + 127) // 255  # at most 65,152
    return gray


def _cover(alpha: NDArray[np.generic]) -> Gray:
    """Scale alpha to 0..255: integers by the range of their dtype, floats from 0..1."""
    if alpha.dtype == np.uint8:
        return np.ascontiguousarray(alpha, np.uint8)
    top = 1.0 if alpha.dtype.kind == "f" else 2.0 ** (8 * alpha.dtype.itemsize) - 1
    return _scale(alpha[..., None], 0.0, top)


def _bands(height: int, width: int) -> Iterator[slice]:
    """Return slices of rows with about `VALUES` values each."""
    step = max(1, VALUES // width)
    return (slice(top, top + step) for top in range(0, height, step))
