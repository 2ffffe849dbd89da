"""Augments training digits: random changes as other writers, pens, scanners and cameras would make them.

In: normalised digits, uint8 (N, 28, 28). Out: as many, each warped, with other strokes and degraded at random, then
passed through the runtime's own `normalise`, so that a network trains on exactly what it will be given.

The elastic part follows P. Y. Simard, D. Steinkraus, J. C. Platt: "Best practices for convolutional neural
networks applied to visual document analysis", ICDAR 2003. Augmentation works on strips of digits, one below the
other, since one OpenCV call for a thousand digits costs little more than one for ten.
"""

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime import normalise as normalisation
from edge_runtime.normalise import CENTRE, SIZE, is_blank, normalise
from edge_runtime.types import Images
from train.augmentation import chance, degrade, settings, strokes
from train.augmentation.chance import CANVAS, Fields, Strip, draw, places, windows
from train.augmentation.settings import STRONG, Augmentation
from train.data.pool import ArrayFiles, fingerprint

CHUNK = 500  # digits in a strip: OpenCV takes at most 32,767 rows, and a strip should stay in the cache
HALF = 0.5  # factor of all changes of a mildly augmented digit
MODULES = (normalisation, chance, degrade, settings, strokes)  # with this one: what the images depend on


class Augmenter(ArrayFiles):
    """Augments a set of digits, differently in each epoch; the same for the same seed and epoch.

    images: uint8 (N, 28, 28), normalised: ink bright on 0.
    seed: any int of at least 0.
    labels: uint8 or int (N,), the digits' values; without them no stroke is added.
    """

    def __init__(
        self,
        images: Images,
        seed: int,
        labels: NDArray[np.integer] | None = None,
        augmentation: Augmentation = STRONG,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIZE, SIZE):
            raise ValueError(f"digits must be uint8 (N, {SIZE}, {SIZE}), not {images.dtype} {images.shape}")
        if labels is not None and labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} digits need as many labels, not {labels.shape}")
        self.images = images
        self.seed = seed
        self.labels = labels
        self.augmentation = augmentation
        self.size = len(images)
        self._fields: Fields | None = None

    @property
    def key(self) -> str:
        """Name of the folder for these digits, labels, seed and settings, made by this version of the code."""
        labels = b"" if self.labels is None else np.asarray(self.labels, np.uint8).tobytes()
        data = (self.images.tobytes(), labels)
        return fingerprint(data, (self.seed, self.augmentation), (*MODULES, sys.modules[__name__]))

    def epoch(self, number: int) -> Images:
        """Return every digit augmented afresh, in the order of `images`: uint8 (N, 28, 28), normalised."""
        augmented = np.empty_like(self.images)
        for start in range(0, len(self.images), CHUNK):
            part = slice(start, start + CHUNK)
            for place, image in enumerate(self._augment(part, number), start):
                digit = normalise(image)
                # A digit that a degradation has erased is left as it was: its label would teach a blank image.
                augmented[place] = normalise(self.images[place]) if is_blank(digit) else digit
        return augmented

    def raw_images(self, number: int, count: int) -> Images:
        """Return the first digits of an epoch before `normalise`: uint8 (count, 36, 36)."""
        starts = range(0, min(count, len(self.images)), CHUNK)
        return np.concatenate([self._augment(slice(start, start + CHUNK), number) for start in starts])[:count]

    def _augment(self, part: slice, number: int) -> Images:
        if self._fields is None:  # not pickled: the process that draws makes equal ones
            self._fields = Fields(self.augmentation, self.seed)
        # One stream of random numbers for each stage, so that the shares of one stage do not change the others.
        choose, add, warp, redraw, spoil = np.random.default_rng((self.seed, number, part.start)).spawn(5)
        images, how = self.images[part], self.augmentation
        mild = choose.random(len(images)) < how.mild_share
        force = np.where(mild, HALF, 1).astype(np.float32)[:, None, None]
        if self.labels is not None:
            images = strokes.with_strokes(images, self.labels[part], how, add)
        strip = _warp(images, force, how, self._fields, warp)
        _redraw(strip, force, how, redraw)
        strip[~mild] = degrade.degrade(strip[~mild], how, self._fields, spoil)
        return np.clip(strip, 0, 255).astype(np.uint8)


def _warp(images: Images, force: Strip, how: Augmentation, fields: Fields, rng: np.random.Generator) -> Strip:
    """Rotate, slant, stretch and warp each digit: float32 (n, 36, 36), ink bright on 0.

    force: 0 to 1, the factor of each change.
    """
    count = len(images)
    angle = np.deg2rad(force * draw(rng, (-how.rotation, how.rotation), count))
    slant = force * draw(rng, (-how.slant, how.slant), count)
    aspect = np.exp(force * draw(rng, (-how.aspect / 2, how.aspect / 2), count))
    size = draw(rng, how.size, count)
    # From a pixel of the result back to its place in the source; slant before the turn, as in handwriting.
    wide, high = 1 / (size * aspect), aspect / size
    cos, sin = np.cos(angle), np.sin(angle)
    xx, xy = wide * (cos - slant * sin), wide * (sin + slant * cos)
    yx, yy = -high * sin, high * cos
    way = np.arange(CANVAS, dtype=np.float32) - (CANVAS - 1) / 2
    across, down = way[None, None, :], way[None, :, None]
    middle = CENTRE - 0.5
    x = (xx * across + middle) + xy * down
    y = (yx * across + middle) + yy * down
    y += force * draw(rng, (-how.balance, how.balance), count) * np.maximum(1 - (down / CENTRE) ** 2, 0)
    ripple, bend = force * draw(rng, how.ripple, count), force * draw(rng, how.bend, count)
    for axis, way_back in enumerate((x, y)):
        way_back += ripple * windows(fields.ripple[axis], count, rng)
        way_back += bend * windows(fields.bend[axis], count, rng)
    frosted = places(rng, how.frosted_share, count)
    frosted = frosted[force[frosted, 0, 0] == 1]  # a degradation that is a displacement
    if len(frosted):
        reach = draw(rng, how.frosted, len(frosted))
        for way_back in (x, y):
            way_back[frosted] += reach * rng.uniform(-1, 1, (len(frosted), CANVAS, CANVAS)).astype(np.float32)
    # A digit must not sample its neighbours in the strip: the border between them is blank, as MNIST's is.
    np.clip(y, 0, SIZE - 1, out=y)
    y += (SIZE * np.arange(count, dtype=np.float32))[:, None, None]
    strip = cv2.remap(
        images.reshape(-1, SIZE),
        x.reshape(-1, CANVAS),
        y.reshape(-1, CANVAS),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return strip.reshape(count, CANVAS, CANVAS).astype(np.float32)


def _redraw(strip: Strip, force: Strip, how: Augmentation, rng: np.random.Generator) -> None:
    """Change the width of the strokes and the steepness of their edges, in place."""
    count = len(strip)
    width: Strip = force * draw(rng, how.width, count)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thicker = np.flatnonzero(width[:, 0, 0] > 0)
    part = strip[thicker]
    part += width[thicker] * (degrade.filtered(part, lambda flat: cv2.dilate(flat, cross)) - part)
    strip[thicker] = part
    thinner = np.flatnonzero(width[:, 0, 0] < 0)
    part = strip[thinner]
    part += width[thinner] * (part - degrade.filtered(part, lambda flat: cv2.erode(flat, cross)))
    # A thin stroke must not vanish: the brightest pixel that is left becomes full ink again.
    part *= 255 / np.maximum(part.max((1, 2), keepdims=True), 1)
    strip[thinner] = part
    slope = draw(rng, how.sharpness, count)
    strip -= 127.5 * (1 - 1 / slope)
    strip *= slope
    np.clip(strip, 0, 255, out=strip)
