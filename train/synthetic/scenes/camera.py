"""Simulates a camera: light, shadows, glare, contrast, blur, noise and compression."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic.scenes.fields import Fields, soften
from train.synthetic.scenes.types import Level, Mask, Random


@dataclass(frozen=True)
class Light:
    """The probability of each effect, 0 to 1."""

    fall: float = 0.5  # light from one side, or dark corners
    shadow: float = 0.2  # one or two shadows with an edge: of a phone, a head, a hand
    glare: float = 0.08
    blur: float = 0.6
    motion: float = 0.06  # motion blur
    noise: float = 0.6
    compression: float = 0.5  # JPEG
    faded: float = 0.2  # less contrast
    negative: float = 0.0  # dark and light exchanged


def photograph(gray: Level, light: Light, fields: Fields, random: Random, size: float) -> NDArray[np.uint8]:
    """Return the camera's image of a drawn scene: uint8 (height, width).

    gray: float32 (height, width), 0 to 255, changed in place. size: a digit's height, pixels.
    """
    _illuminate(gray, light, random)
    if random.random() < light.blur:
        # Little blur for small digits, which would become illegible; as much as a camera out of focus for large ones.
        sigma = random.uniform(0.3, max(0.7, min(2.5, 0.045 * size)))
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.float32)
    if random.random() < light.motion:
        kernel = _motion_kernel(random.uniform(1.5, max(2, min(7, 0.12 * size))), random)
        gray = np.asarray(cv2.filter2D(gray, -1, kernel), np.float32)
    if random.random() < light.noise:
        grain = fields.window(gray.shape, 0 if random.random() < 0.7 else 1, random)
        gray += np.float32(random.uniform(0.5, 4) if random.random() < 0.7 else random.uniform(4, 13)) * grain
    if random.random() < light.negative:
        gray = 255 - gray
    image = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    if random.random() < light.compression:
        quality = int(random.integers(30, 96))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image


def _illuminate(gray: Level, light: Light, random: Random) -> None:
    """Apply light, shadows, glare, contrast and gamma to gray levels in place."""
    if random.random() < light.fall:
        gray *= _fall(gray.shape, random)
    if random.random() < light.shadow:
        for _ in range(1 if random.random() < 0.7 else 2):
            gray *= _shadow(gray.shape, random)
    if random.random() < light.glare:
        _add_glare(gray, random)
    if random.random() < light.faded:
        contrast = random.uniform(0.25, 0.9)
        gray *= np.float32(contrast)
        gray += np.float32((1 - contrast) * random.uniform(0, 255))
    if random.random() < 0.3:
        np.clip(gray, 0, 255, out=gray)
        gray[:] = 255 * (gray / 255) ** np.float32(random.uniform(0.6, 1.6))


def _fall(shape: tuple[int, ...], random: Random) -> Level:
    """Return light that falls off to one side and, in some cases, to the corners: factors."""
    height, width = shape
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle, depth = random.uniform(0, 6.2832), random.uniform(0.05, 0.55)
    light = 1 - np.float32(depth / 2) * (1 + (np.cos(angle) * across + np.sin(angle) * down) / np.float32(1.42))
    if random.random() < 0.4:
        light = light * (1 - np.float32(random.uniform(0.05, 0.4) / 2) * (across**2 + down**2))
    return np.asarray(np.maximum(light, 0.1), np.float32)


def _shadow(shape: tuple[int, ...], random: Random) -> Level:
    """Return the light that an object between lamp and page leaves: factors."""
    side = float(max(shape))
    mask = _shadow_mask(shape, side, random)
    soft = random.choice(
        [random.uniform(0.4, 1.5), random.uniform(1.5, 0.03 * side + 2), random.uniform(0.03, 0.12) * side]
    )
    coverage = soften(mask, float(soft))
    return np.asarray(1 - np.float32(random.uniform(0.2, 0.85)) * coverage, np.float32)


def _shadow_mask(shape: tuple[int, ...], side: float, random: Random) -> Mask:
    """Return the outline of an object, filled with 255. side: the longer side of the image, pixels."""
    height, width = shape
    mask = np.zeros(shape, np.uint8)
    centre = random.uniform((-0.1, -0.1), (1.1, 1.1)) * (width, height)
    kind = random.random()
    degrees = random.uniform(0, 180)
    if kind < 0.4:  # a phone
        size = np.array((1, random.uniform(1.6, 2.2))) * random.uniform(0.2, 0.7) * side
        corners = cv2.boxPoints((tuple(centre), tuple(size), degrees))
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], (255,))
    elif kind < 0.7:  # a head, in some cases with a shoulder or an arm
        axes = random.uniform(0.15, 0.6, 2) * side
        cv2.ellipse(mask, (tuple(centre), tuple(axes), degrees), (255,), -1)
        if random.random() < 0.6:
            angle = np.deg2rad(random.uniform(0, 360))
            end = centre + side * np.array((np.cos(angle), np.sin(angle)))
            cv2.line(mask, _pixel(centre), _pixel(end), (255,), int(random.uniform(0.1, 0.5) * side) + 1)
    elif kind < 0.85:  # all on one side of a line
        along = np.array((np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))))
        across = np.array((-along[1], along[0]))
        ends = [centre - 3 * side * along, centre + 3 * side * along]
        far = [centre + side * (3 * along + 3 * across), centre + side * (3 * across - 3 * along)]
        cv2.fillPoly(mask, [np.rint(np.array([*ends, *far])).astype(np.int32)], (255,))
    else:  # fingers, bars
        for _ in range(int(random.integers(1, 5))):
            angle = np.deg2rad(degrees + random.normal(0, 12))
            end = centre + random.uniform(0.4, 1.2) * side * np.array((np.cos(angle), np.sin(angle)))
            cv2.line(mask, _pixel(centre), _pixel(end), (255,), int(random.uniform(0.03, 0.15) * side) + 1)
            centre = centre + random.normal(0, 0.12, 2) * side
    return mask


def _pixel(place: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))


def _add_glare(gray: Level, random: Random) -> None:
    """Brighten a soft ellipse of gray levels in place."""
    height, width = gray.shape
    mask = np.zeros(gray.shape, np.uint8)
    centre = random.uniform((0, 0), (width, height))
    axes = random.uniform(0.05, 0.5, 2) * max(gray.shape)
    cv2.ellipse(mask, (tuple(centre), tuple(axes), random.uniform(0, 180)), (255,), -1)
    coverage = soften(mask, random.uniform(0.02, 0.1) * max(gray.shape))
    gray += np.float32(random.uniform(0.3, 1.0)) * coverage * (255 - gray)


def _motion_kernel(length: float, random: Random) -> Level:
    """Return the kernel of motion blur over `length` pixels in a random direction; it sums to 1."""
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    angle, middle = random.uniform(0, np.pi), (side - 1) / 2
    x, y = np.cos(angle) * (length - 1) / 2, np.sin(angle) * (length - 1) / 2
    ends = np.rint(np.array([[middle - x, middle - y], [middle + x, middle + y]]) * 16).astype(np.int32)
    cv2.line(kernel, tuple(ends[0].tolist()), tuple(ends[1].tolist()), (1.0,), 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / max(1e-6, float(kernel.sum())), np.float32)
