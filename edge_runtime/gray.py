"""Pixels of any depth, colour and transparency to gray of 8 bits; colour becomes luma."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import UsageError
from edge_runtime.resize import linear
from edge_runtime.types import Gray

ROWS = 256  # rows of an image that are computed on at once: bounds the memory beside the image's own


def to_gray(pixels: NDArray[np.generic]) -> Gray:
    """Return gray, colour (blue, green, red), or either with alpha, of any depth, as gray: uint8 (height, width).

    pixels: (height, width) or (height, width, 1..4). Raises UsageError for any other array.
    """
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype.kind not in "uif" or pixels.shape[2:] > (4,):
        raise UsageError(
            f"a picture is an array (height, width) or with 1 to 4 channels, not {pixels.dtype} {pixels.shape}"
        )
    if pixels.shape[2:] == (1,):
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return _to_bytes(pixels)
    channels = pixels.shape[2]
    if channels == 3:
        return np.asarray(cv2.cvtColor(_to_bytes(pixels), cv2.COLOR_BGR2GRAY), np.uint8)
    alpha = pixels[..., -1]
    opaque = alpha.max() == 0  # a BMP's unused fourth byte: nobody saves a picture of nothing
    if channels == 2:
        gray = _to_bytes(pixels[..., 0])
    else:
        gray = np.asarray(cv2.cvtColor(_to_bytes(pixels[..., :3]), cv2.COLOR_BGR2GRAY), np.uint8)
    if opaque:
        return gray
    cover = np.right_shift(np.asarray(alpha, np.uint16), 8) if alpha.dtype == np.uint16 else alpha
    return _on_paper(gray, cover.astype(np.uint8))


def _to_bytes(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale deeper samples by their range: many 16-bit files use 10 or 12 bits of the 16."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        whole = np.asarray(pixels, np.uint16)
        return np.right_shift(whole, max(0, int(whole.max()).bit_length() - 8)).astype(np.uint8)
    real = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    real -= real.min()
    real *= 255 / max(float(real.max()), 1e-30)
    return np.rint(real).astype(np.uint8)


def _on_paper(gray: Gray, alpha: NDArray[np.uint8]) -> Gray:
    """What is drawn on nothing is ink: dark ink goes on white, bright ink on black. A few rows at a time."""
    ink = float(np.average(linear(gray, 64, 64), weights=linear(alpha, 64, 64).astype(np.float64) + 1e-9))
    paper = np.uint16(255 if ink < 128 else 0)
    for top in range(0, len(gray), ROWS):
        rows = np.s_[top : top + ROWS]
        weight = alpha[rows].astype(np.uint16)
        gray[rows] = (gray[rows] * weight + paper * (255 - weight) + 127) // 255  # at most 65,152
    return gray


def upright(gray: Gray, orientation: int) -> Gray:
    """Turn and mirror as EXIF's orientation 1 to 8 asks for (Exif 2.32, tag 274)."""
    if orientation in (5, 6, 7, 8):
        gray = gray.T
    if orientation in (3, 4, 7, 8):
        gray = gray[::-1]
    if orientation in (2, 3, 6, 7):
        gray = gray[:, ::-1]
    return np.ascontiguousarray(gray)
