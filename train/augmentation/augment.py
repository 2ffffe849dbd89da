"""Training digits, deformed afresh every epoch, as other writers, pens, scanners and cameras would have made them.

In: normalised digits, uint8 (N, 28, 28). Out: as many, each one bent, redrawn and dirtied at random and
then passed through the runtime's own `normalise`, so that a network trains on exactly what it will meet.

The elastic part follows P. Y. Simard, D. Steinkraus, J. C. Platt: "Best practices for convolutional neural
networks applied to visual document analysis", ICDAR 2003. Deformation works on strips of digits, one below the
other, since one OpenCV call for a thousand digits costs little more than one for ten.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.normalise import CENTRE, SIZE, is_blank, normalise
from train.augmentation.chance import CANVAS, Fields, Strip, draw, places, windows
from train.augmentation.dirt import dirty, filtered
from train.augmentation.settings import STRONG, Deformation
from train.augmentation.strokes import with_strokes

CHUNK = 500  # digits in a strip: OpenCV takes at most 32,767 rows, and a strip should stay in the cache
HALF = 0.5  # of the drawn deformation: what is left of it for a mild one

Digits = NDArray[np.uint8]


class Deformer:
    """Deforms a set of digits, differently in each epoch; the same for the same seed and epoch.

    images: uint8 (N, 28, 28), normalised: ink bright on 0.
    seed: any int of at least 0.
    labels: uint8 or int (N,), the digits' values; without them no stroke is added.
    """

    def __init__(
        self,
        images: Digits,
        seed: int,
        labels: NDArray[np.integer] | None = None,
        deformation: Deformation = STRONG,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIZE, SIZE):
            raise ValueError(f"digits must be uint8 (N, {SIZE}, {SIZE}), not {images.dtype} {images.shape}")
        if labels is not None and labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} digits need as many labels, not {labels.shape}")
        self.images = images
        self.seed = seed
        self.labels = labels
        self.deformation = deformation
        self._fields: Fields | None = None

    def epoch(self, number: int) -> Digits:
        """Return every digit deformed afresh, in the order of `images`: uint8 (N, 28, 28), normalised."""
        deformed = np.empty_like(self.images)
        for start in range(0, len(self.images), CHUNK):
            part = slice(start, start + CHUNK)
            strip = self._deform(part, number)
            for place, picture in enumerate(strip, start):
                digit = normalise(picture)
                # Where the dirt has swallowed the digit, the label would teach a blank.
                deformed[place] = normalise(self.images[place]) if is_blank(digit) else digit
        return deformed

    def pictures(self, number: int, count: int) -> Digits:
        """Return the first digits as `epoch` has them before `normalise`: uint8 (count, 36, 36)."""
        starts = range(0, min(count, len(self.images)), CHUNK)
        return np.concatenate([self._deform(slice(start, start + CHUNK), number) for start in starts])[:count]

    def _deform(self, part: slice, number: int) -> Digits:
        if self._fields is None:  # made where they are used: a worker makes its own, equal ones
            self._fields = Fields(self.deformation, self.seed)
        # One stream of random numbers a stage, so that one stage's shares do not change the others.
        choose, draw, bend, redraw, spoil = np.random.default_rng((self.seed, number, part.start)).spawn(5)
        images = self.images[part]
        mild = choose.random(len(images)) < self.deformation.mild_share
        force = np.where(mild, HALF, 1).astype(np.float32)[:, None, None]
        if self.labels is not None:
            images = with_strokes(images, self.labels[part], self.deformation, draw)
        strip = _bent(images, force, self.deformation, self._fields, bend)
        _redraw(strip, force, self.deformation, redraw)
        strip[~mild] = dirty(strip[~mild], self.deformation, self._fields, spoil)
        return np.clip(strip, 0, 255).astype(np.uint8)


def _bent(images: Digits, force: Strip, how: Deformation, fields: Fields, rng: np.random.Generator) -> Strip:
    """Turn, slant, stretch and bend each digit: float32 (n, 36, 36), ink bright on 0. force: 0 to 1 of the most."""
    count = len(images)
    angle = np.deg2rad(force * draw(rng, (-how.rotation, how.rotation), count))
    slant = force * draw(rng, (-how.slant, how.slant), count)
    aspect = np.exp(force * draw(rng, (-how.aspect / 2, how.aspect / 2), count))
    size = draw(rng, how.size, count)
    # From a pixel of the result back to its place in the source; slant before the turn, as a hand does.
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
    frosted = frosted[force[frosted, 0, 0] == 1]  # this dirt is a displacement, too
    if len(frosted):
        reach = draw(rng, how.frosted, len(frosted))
        for way_back in (x, y):
            way_back[frosted] += reach * rng.uniform(-1, 1, (len(frosted), CANVAS, CANVAS)).astype(np.float32)
    # A digit must not read its neighbours in the strip: their common border is blank, as MNIST's is.
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


def _redraw(strip: Strip, force: Strip, how: Deformation, rng: np.random.Generator) -> None:
    """Change the width of the strokes and the steepness of their edges, in place."""
    count = len(strip)
    width = force * draw(rng, how.width, count)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thicker = np.flatnonzero(width[:, 0, 0] > 0)
    part = strip[thicker]
    part += width[thicker] * (filtered(part, lambda flat: cv2.dilate(flat, cross)) - part)
    strip[thicker] = part
    thinner = np.flatnonzero(width[:, 0, 0] < 0)
    part = strip[thinner]
    part += width[thinner] * (part - filtered(part, lambda flat: cv2.erode(flat, cross)))
    # A thin stroke must not vanish: the brightest of what is left is full ink again.
    part *= 255 / np.maximum(part.max((1, 2), keepdims=True), 1)
    strip[thinner] = part
    slope = draw(rng, how.sharpness, count)
    strip -= 127.5 * (1 - 1 / slope)
    strip *= slope
    np.clip(strip, 0, 255, out=strip)
