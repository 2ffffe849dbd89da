"""Training digits, deformed afresh every epoch, as other writers, pens, scanners and cameras would have made them.

In: normalised digits, uint8 (N, 28, 28). Out: as many, each one bent, redrawn and dirtied at random and
then passed through the runtime's own `normalise`, so that a network trains on exactly what it will meet.

The elastic part follows P. Y. Simard, D. Steinkraus, J. C. Platt: "Best practices for convolutional neural
networks applied to visual document analysis", ICDAR 2003. Deformation works on strips of digits, one below the
other, since one OpenCV call for a thousand digits costs little more than one for ten.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.normalise import CENTRE, SIZE, is_blank, normalise

CANVAS = 36  # pixels: side of the picture a digit is deformed on; leaves room around an enlarged digit
CHUNK = 500  # digits in a strip: OpenCV takes at most 32,767 rows, and a strip should stay in the cache
MILD = 0.5  # of the drawn deformation: what is left of it for a mild one
INK = 96  # gray level: from here on a pixel belongs to a stroke
POOL = 640  # pixels: side of the random fields; each digit takes a window of its own out of them

Digits = NDArray[np.uint8]
Strip = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Deformation:
    """How far digits are deformed, and how often they get each kind of dirt.

    A pair is the range that a value is drawn from evenly, for each digit anew. A `..._share` is the
    probability of a kind of dirt, 0 to 1; the kinds are drawn independently of each other.
    """

    mild_share: float = 0.35  # of all digits: deformed half as far and left clean, so that neat ones stay certain
    # Shape: every digit
    rotation: float = 15.0  # degrees, at most, either way
    slant: float = 0.35  # columns a row moves for each row of height, at most, either way
    aspect: float = 0.22  # natural logarithm of width to height, at most, either way
    size: Span = (0.95, 1.35)  # of the digit's own size; `normalise` undoes it, the resampling remains
    ripple: Span = (0.0, 1.1)  # pixels: root mean square of the finer elastic displacement
    bend: Span = (0.0, 1.5)  # pixels: the same of the coarser one
    ripple_smoothness: float = 4.0  # pixels: Gaussian sigma of the finer displacement (Simard: 4)
    bend_smoothness: float = 9.0  # pixels: the same of the coarser one
    balance: float = 3.0  # pixels the middle moves against top and bottom, at most: a larger upper or lower half
    # Stroke: every digit
    width: Span = (-0.8, 1.0)  # pixels on either side of a stroke, about: below 0 is thinner
    sharpness: Span = (1.0, 2.2)  # slope of the edges: 1 leaves them, more makes them black and white
    # A stroke more, where the labels are known
    flag_share: float = 0.35  # of the ones: an upstroke, short or nearly as long as the stem
    foot_share: float = 0.2  # of the ones: a line below
    bar_share: float = 0.3  # of the sevens: a bar through the stem
    wave_share: float = 0.3  # of the sevens: the top drawn as a wave, mostly with a bar, too
    curl_share: float = 0.35  # of the nines: the tail bent to the left, as in a handwritten g
    # Dirt
    cut_share: float = 0.04  # one side of the digit left out of the crop
    cut: Span = (1.0, 4.0)  # pixels of it that are left out
    line_share: float = 0.13  # a straight or zigzag line across, whole, dashed or dotted
    border_share: float = 0.05  # rules along the crop's sides
    speck_share: float = 0.05  # a few dots beside the digit
    blot_share: float = 0.05  # gray blots as of spilt water
    salt_share: float = 0.06  # single pixels black or white
    salt: Span = (0.01, 0.2)  # of all pixels
    noise_share: float = 0.06  # sensor noise
    noise: Span = (3.0, 40.0)  # gray levels, standard deviation
    grain_share: float = 0.04  # ink that comes and goes, as of a dry pen or few photons
    blur_share: float = 0.08  # out of focus
    blur: Span = (0.5, 1.6)  # pixels, Gaussian sigma on the canvas
    motion_share: float = 0.05  # moved while taken
    motion: Span = (3.0, 11.0)  # pixels, length of the way
    frosted_share: float = 0.04  # as through frosted glass: every pixel from a place nearby
    frosted: Span = (0.6, 1.8)  # pixels, at most, either way
    outline_share: float = 0.05  # only the edges of the strokes
    paper_share: float = 0.06  # gray paper, pale ink
    contrast: Span = (0.2, 0.9)  # of full: ink against paper on such paper
    shade_share: float = 0.08  # paper brighter at one end, or cloudy
    shade: Span = (10.0, 110.0)  # gray levels from darkest to brightest, about
    band_share: float = 0.02  # vertical or horizontal bands with paper and ink exchanged
    negative_share: float = 0.1  # dark ink on bright paper


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
        deformation: Deformation | None = None,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIZE, SIZE):
            raise ValueError(f"digits must be uint8 (N, {SIZE}, {SIZE}), not {images.dtype} {images.shape}")
        if labels is not None and labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} digits need as many labels, not {labels.shape}")
        self.images = images
        self.seed = seed
        self.labels = labels
        self.deformation = deformation or Deformation()
        self._fields: _Fields | None = None

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

    def epochs(self, first: int, last: int, workers: int = 1) -> "Epochs":
        """Return an iterator over epoch(first) ... epoch(last), made ahead in worker processes."""
        return Epochs(self, first, last, workers)

    def pictures(self, number: int, count: int) -> Digits:
        """Return the first digits as `epoch` has them before `normalise`: uint8 (count, 36, 36)."""
        starts = range(0, min(count, len(self.images)), CHUNK)
        return np.concatenate([self._deform(slice(start, start + CHUNK), number) for start in starts])[:count]

    def _deform(self, part: slice, number: int) -> Digits:
        if self._fields is None:  # made where they are used: a worker makes its own, equal ones
            self._fields = _Fields(self.deformation, self.seed)
        # One stream of random numbers a stage, so that one stage's shares do not change the others.
        choose, draw, bend, redraw, dirty = np.random.default_rng((self.seed, number, part.start)).spawn(5)
        images = self.images[part]
        mild = choose.random(len(images)) < self.deformation.mild_share
        force = np.where(mild, MILD, 1).astype(np.float32)[:, None, None]
        if self.labels is not None:
            images = _with_strokes(images, self.labels[part], self.deformation, draw)
        strip = _bent(images, force, self.deformation, self._fields, bend)
        _redraw(strip, force, self.deformation, redraw)
        strip[~mild] = _dirty(strip[~mild], self.deformation, self._fields, dirty)
        return np.clip(strip, 0, 255).astype(np.uint8)


class Epochs(Iterator[Digits]):
    """Deformed epochs in turn, the next ones under way in other processes while one is trained on.

    Leaving its `with` block, the end, or the death of this process stops the workers. `waiting_share` tells how
    much of the time since the first epoch arrived was spent waiting for the next.
    """

    def __init__(self, deformer: Deformer, first: int, last: int, workers: int = 1) -> None:
        # Not fork: a process with TensorFlow's threads in it must not be forked.
        context = multiprocessing.get_context("spawn")
        self._shape = deformer.images.shape
        self._next, self._last, self._first = first, last, first
        self._pipes: list[Connection] = []
        self._processes = []
        self.waited = 0.0  # seconds, without the wait for the first epoch
        self._began = 0.0
        for worker in range(min(workers, last - first + 1)):
            ours, theirs = context.Pipe(duplex=False)
            numbers = range(first + worker, last + 1, workers)
            process = context.Process(target=_work, args=(deformer, numbers, theirs), daemon=True)
            process.start()
            theirs.close()  # so that a worker's death ends our read, and ours its write
            self._pipes.append(ours)
            self._processes.append(process)

    def __next__(self) -> Digits:
        if self._next > self._last or not self._pipes:
            self.close()
            raise StopIteration
        began = time.monotonic()
        digits = np.empty(self._shape, np.uint8)
        pipe = self._pipes[(self._next - self._first) % len(self._pipes)]
        try:
            pipe.recv_bytes_into(digits.reshape(-1).data)
        except EOFError:
            self.close()
            raise RuntimeError(f"the process that makes epoch {self._next} ended before its time") from None
        now = time.monotonic()
        if self._began:
            self.waited += now - began
        else:
            self._began = now
        self._next += 1
        return digits

    @property
    def waiting_share(self) -> float:
        """Share of the time since the first epoch that was spent waiting: 0 to 1."""
        return self.waited / max(1e-9, time.monotonic() - self._began) if self._began else 0.0

    def close(self) -> None:
        """Stop the workers. May be called twice."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.terminate()
            process.join()
        self._pipes, self._processes = [], []

    def __enter__(self) -> "Epochs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _work(deformer: Deformer, numbers: range, pipe: Connection) -> None:
    """A worker process: makes epochs and hands each one over when it is asked for."""
    cv2.setNumThreads(1)  # the other cores train
    try:
        for number in numbers:
            pipe.send_bytes(deformer.epoch(number).reshape(-1).data)
    except (BrokenPipeError, KeyboardInterrupt):
        pass  # nobody wants more


class _Fields:
    """Random fields as large pictures; a digit's own is a window at a random place, which costs only a copy."""

    def __init__(self, deformation: Deformation, seed: int) -> None:
        rng = np.random.default_rng((seed, 0))
        noise = rng.standard_normal((4, POOL, POOL), np.float32)
        self.ripple = [_smooth(field, deformation.ripple_smoothness) for field in noise[:2]]
        self.bend = [_smooth(field, deformation.bend_smoothness) for field in noise[2:]]
        self.clouds = _smooth(noise[0], 6.0)
        self.blots = _smooth(noise[1], 1.8)
        self.grain = _smooth(noise[2], 0.7)


def _smooth(noise: Strip, sigma: float) -> Strip:
    """Low-pass noise with a mean of 0 and a root mean square of 1."""
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    smooth -= smooth.mean()
    return smooth / smooth.std()


def _windows(field: Strip, count: int, rng: np.random.Generator) -> Strip:
    """Cut `count` random windows out of a field: float32 (count, 36, 36), with either sign."""
    view = np.lib.stride_tricks.sliding_window_view(field, (CANVAS, CANVAS))
    top, left = rng.integers(0, POOL - CANVAS, (2, count))
    sign = rng.choice(np.array([-1, 1], np.float32), (count, 1, 1))
    return view[top, left] * sign


def _draw(rng: np.random.Generator, span: Span, count: int) -> Strip:
    """One even random number a digit: float32 (count, 1, 1)."""
    return rng.uniform(*span, (count, 1, 1)).astype(np.float32)


def _some(rng: np.random.Generator, share: float, count: int) -> NDArray[np.intp]:
    """The places of the digits that get a kind of dirt."""
    return np.flatnonzero(rng.random(count) < share)


def _with_strokes(images: Digits, labels: NDArray[np.integer], how: Deformation, rng: np.random.Generator) -> Digits:
    """Give some ones, sevens and nines the strokes that much of Europe writes and MNIST's writers seldom did."""
    images = images.copy()
    for value, share, add in (
        (1, how.flag_share, _add_flag),
        (1, how.foot_share, _add_foot),
        (7, how.wave_share, _add_wave),
        (7, how.bar_share, _add_bar),
        (9, how.curl_share, _add_curl),
    ):
        chance = rng.random(len(images))
        for place in np.flatnonzero((labels == value) & (chance < share)):
            if np.count_nonzero(images[place] > INK) > 0:
                add(images[place], rng)
    return images


def _pen(image: Digits) -> int:
    """Stroke width in pixels, about: the ink's area against the length of its edge."""
    ink = image > INK
    edge = np.count_nonzero(ink[1:] != ink[:-1]) + np.count_nonzero(ink[:, 1:] != ink[:, :-1])
    return max(1, round(1.9 * np.count_nonzero(ink) / max(1, edge)))


def _line(image: Digits, points: Sequence[tuple[float, float]], pen: int) -> None:
    """Draw a stroke through points (x, y) in pixels; the brighter of stroke and picture wins."""
    stroke = np.zeros_like(image)
    # OpenCV takes whole numbers, of which the last 4 bits can stand after the point.
    whole = np.rint(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(stroke, [whole[:, None]], False, 255, pen, cv2.LINE_AA, 4)
    np.maximum(image, stroke, out=image)


def _add_flag(image: Digits, rng: np.random.Generator) -> None:
    """An upstroke from the left to the top of a one."""
    rows, columns = np.nonzero(image > INK)
    if np.ptp(columns) > 10:  # lies, or has a flag or foot already
        return
    top, height = rows.min(), np.ptp(rows)
    head = float(columns[rows == top].mean())
    length, steep = rng.uniform(0.15, 0.9) * height, np.deg2rad(rng.uniform(35, 70))
    end = (head - length * np.cos(steep), top + length * np.sin(steep))
    _line(image, [(head, top), end], _pen(image))


def _add_foot(image: Digits, rng: np.random.Generator) -> None:
    """A line below a one."""
    rows, columns = np.nonzero(image > INK)
    bottom = rows.max()
    foot = float(columns[rows == bottom].mean())
    left, right, tilt = rng.uniform(2.5, 8), rng.uniform(2.5, 8), rng.uniform(-0.2, 0.2)
    _line(image, [(foot - left, bottom + tilt * left), (foot + right, bottom - tilt * right)], _pen(image))


def _add_bar(image: Digits, rng: np.random.Generator) -> None:
    """A bar through the stem of a seven."""
    rows, columns = np.nonzero(image > INK)
    row = round(rows.min() + rng.uniform(0.4, 0.8) * np.ptp(rows))
    stem = columns[rows == row]
    if len(stem) == 0 or np.ptp(stem) > 8:  # the row crosses more than the stem
        return
    middle, left, right = float(stem.mean()), rng.uniform(2.5, 6), rng.uniform(2.5, 6)
    tilt = rng.uniform(-0.2, 0.4)
    _line(image, [(middle - left, row + tilt * left), (middle + right, row - tilt * right)], _pen(image))


def _add_wave(image: Digits, rng: np.random.Generator) -> None:
    """The top of a seven drawn anew: from a leg at the left over a dip to the corner."""
    rows, columns = np.nonzero(image > INK)
    top, height, pen = rows.min(), np.ptp(rows), _pen(image)
    upper = rows < top + 0.4 * height
    corner = columns[upper].argmax()
    right, row, left = int(columns[upper][corner]), int(rows[upper][corner]), int(columns[upper].min())
    if right - left < 7 or height < 10:  # no top to speak of
        return
    image[: round(top + 0.45 * height), : max(0, right - pen)] = 0
    leg, dip, peak = rng.uniform(0.1, 0.6) * height, rng.uniform(0.05, 0.55) * height, rng.uniform(0.15, 0.45)
    crest = left + peak * (right - left)
    low = crest + rng.uniform(0.3, 0.6) * (right - crest)
    start = (left + rng.uniform(-1, 0.5 * (crest - left)), top + leg)
    _line(image, [start, (crest, top + rng.uniform(0, 0.1) * height), (low, top + dip), (right, row)], pen)
    if rng.random() < 0.7:  # whoever writes the one writes the other
        _add_bar(image, rng)


def _add_curl(image: Digits, rng: np.random.Generator) -> None:
    """The stem of a nine bowed to the right, its tail bent to the left and up again."""
    rows, columns = np.nonzero(image > INK)
    bottom, height = rows.max(), np.ptp(rows)
    end = float(columns[rows == bottom].mean())
    if end < columns.min() + 0.3 * np.ptp(columns):  # bent already
        return
    bow, upper = rng.uniform(0, 6), rows.min() + 0.35 * height
    for row in range(round(upper), bottom + 1):
        image[row] = np.roll(image[row], round(bow * np.sin(np.pi * (row - upper) / (bottom + 1 - upper))))
    reach, depth, rise = rng.uniform(0.3, 0.9) * height, rng.uniform(0, 0.2) * height, rng.uniform(0, 0.45) * height
    way = np.linspace(0, 1, 7)[:, None]  # along a quadratic curve
    start, bend, stop = (end, bottom - 1), (end - 0.5 * reach, bottom + 2 * depth), (end - reach, bottom - rise)
    curve = (1 - way) ** 2 * start + 2 * way * (1 - way) * bend + way**2 * stop
    _line(image, curve.tolist(), _pen(image))


def _bent(images: Digits, force: Strip, how: Deformation, fields: _Fields, rng: np.random.Generator) -> Strip:
    """Turn, slant, stretch and bend each digit: float32 (n, 36, 36), ink bright on 0. force: 0 to 1 of the most."""
    count = len(images)
    angle = np.deg2rad(force * _draw(rng, (-how.rotation, how.rotation), count))
    slant = force * _draw(rng, (-how.slant, how.slant), count)
    aspect = np.exp(force * _draw(rng, (-how.aspect / 2, how.aspect / 2), count))
    size = _draw(rng, how.size, count)
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
    y += force * _draw(rng, (-how.balance, how.balance), count) * np.maximum(1 - (down / CENTRE) ** 2, 0)
    ripple, bend = force * _draw(rng, how.ripple, count), force * _draw(rng, how.bend, count)
    for axis, way_back in enumerate((x, y)):
        way_back += ripple * _windows(fields.ripple[axis], count, rng)
        way_back += bend * _windows(fields.bend[axis], count, rng)
    frosted = _some(rng, how.frosted_share, count)
    frosted = frosted[force[frosted, 0, 0] == 1]  # this dirt is a displacement, too
    if len(frosted):
        reach = _draw(rng, how.frosted, len(frosted))
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


def _filtered(strip: Strip, call: Callable[[Strip], Strip]) -> Strip:
    """Apply an OpenCV filter to all digits of a strip at once; OpenCV itself refuses an empty one."""
    return strip if strip.size == 0 else call(strip.reshape(-1, CANVAS)).reshape(strip.shape)


def _redraw(strip: Strip, force: Strip, how: Deformation, rng: np.random.Generator) -> None:
    """Change the width of the strokes and the steepness of their edges, in place."""
    count = len(strip)
    width = force * _draw(rng, how.width, count)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thicker = np.flatnonzero(width[:, 0, 0] > 0)
    part = strip[thicker]
    part += width[thicker] * (_filtered(part, lambda flat: cv2.dilate(flat, cross)) - part)
    strip[thicker] = part
    thinner = np.flatnonzero(width[:, 0, 0] < 0)
    part = strip[thinner]
    part += width[thinner] * (part - _filtered(part, lambda flat: cv2.erode(flat, cross)))
    # A thin stroke must not vanish: the brightest of what is left is full ink again.
    part *= 255 / np.maximum(part.max((1, 2), keepdims=True), 1)
    strip[thinner] = part
    slope = _draw(rng, how.sharpness, count)
    strip -= 127.5 * (1 - 1 / slope)
    strip *= slope
    np.clip(strip, 0, 255, out=strip)


def _dirty(strip: Strip, how: Deformation, fields: _Fields, rng: np.random.Generator) -> Strip:
    """Give some digits each kind of dirt, in place, in the order in which paper, pen and camera make them."""
    count = len(strip)
    for place in _some(rng, how.cut_share, count):
        _cut(strip[place], round(rng.uniform(*how.cut)), rng)
    some = _some(rng, how.outline_share, count)
    strip[some] = _outlined(strip[some])
    some = _some(rng, how.grain_share, count)
    strip[some] *= np.clip(1 + _draw(rng, (0.2, 0.8), len(some)) * _windows(fields.grain, len(some), rng), 0, 1.5)
    for place in _some(rng, how.line_share, count):
        _cross(strip[place], rng)
    for place in _some(rng, how.border_share, count):
        _rule(strip[place], rng)
    for place in _some(rng, how.speck_share, count):
        _speckle(strip[place], rng)
    some = _some(rng, how.blot_share, count)
    blots = _windows(fields.blots, len(some), rng) > _draw(rng, (0.7, 1.6), len(some))
    strip[some] = np.maximum(strip[some], blots * _draw(rng, (30, 110), len(some)))
    for place in _some(rng, how.blur_share, count):
        strip[place] = cv2.GaussianBlur(strip[place], (0, 0), rng.uniform(*how.blur))
    for place in _some(rng, how.motion_share, count):
        strip[place] = cv2.filter2D(strip[place], -1, _way(rng.uniform(*how.motion), rng.uniform(0, np.pi)))
    some = _some(rng, how.paper_share, count)
    contrast = _draw(rng, how.contrast, len(some))
    strip[some] = strip[some] * contrast + 255 * (1 - contrast) * _draw(rng, (0, 1), len(some))
    some = _some(rng, how.shade_share, count)
    strip[some] = _shaded(strip[some], how, fields, rng)
    some = _some(rng, how.noise_share, count)
    strip[some] += _draw(rng, how.noise, len(some)) * rng.standard_normal((len(some), CANVAS, CANVAS), np.float32)
    some = _some(rng, how.salt_share, count)
    part, level = strip[some], rng.random((len(some), CANVAS, CANVAS), np.float32)
    salt = _draw(rng, how.salt, len(some)) / 2
    part[level < salt] = 0
    part[level > 1 - salt] = 255
    strip[some] = part
    for place in _some(rng, how.band_share, count):
        _exchange(strip[place], rng)
    some = _some(rng, how.negative_share, count)
    strip[some] = 255 - strip[some]
    return strip


def _outlined(strip: Strip) -> Strip:
    """Only the edges of the strokes, one pixel wide."""
    square = np.ones((3, 3), np.uint8)
    ink = (strip > 100).astype(np.float32)
    return 255 * (_filtered(ink, lambda flat: cv2.dilate(flat, square)) - ink)


def _cut(picture: Strip, depth: int, rng: np.random.Generator) -> None:
    """Leave out one side of the digit, as a crop does that begins too late."""
    view = np.rot90(picture, rng.integers(4))
    rows = np.flatnonzero((view > INK).any(1))
    if len(rows):
        view[: rows[0] + depth] = 0


def _cross(picture: Strip, rng: np.random.Generator) -> None:
    """Draw a line from side to side: straight or zigzag, whole, dashed or dotted."""
    zigzag = rng.random() < 0.6
    steps = round((CANVAS + 4) / rng.uniform(2, 4.5)) if zigzag else int(rng.integers(2, 5))
    x = np.linspace(-2, CANVAS + 2, steps)
    y = np.linspace(rng.uniform(3, CANVAS - 3), rng.uniform(3, CANVAS - 3), steps)
    if zigzag:  # flatter than a straight line, often near the top or the bottom, and of full ink
        y = 0.3 * (y - y.mean()) + rng.uniform(5, CANVAS - 5)
        y[1::2] += rng.uniform(1.5, 6)
    if rng.random() < 0.2:  # downwards rather than across
        x, y = y, x
    ink = np.zeros((CANVAS, CANVAS), np.uint8)
    _line(ink, np.stack([x, y], 1).tolist(), 1 if rng.random() < 0.7 else 2)
    if rng.random() < (0.1 if zigzag else 0.4):
        dash, gap = rng.integers(1, 4), rng.integers(2, 4)
        ink[:, np.arange(CANVAS) % (dash + gap) >= dash] = 0
    np.maximum(picture, ink * np.float32(rng.uniform(0.4, 1) ** 0.5), out=picture)


def _rule(picture: Strip, rng: np.random.Generator) -> None:
    """Draw the printed frame of a cell where a crop has caught some of it: lines along one or two sides."""
    ink = np.zeros((CANVAS, CANVAS), np.uint8)
    sides = rng.permutation(4)[: rng.integers(1, 3)]
    for side in sides:
        near, far = rng.uniform(-0.5, 4, 2)
        if rng.random() < 0.8:  # nearly parallel to the side
            far = near + rng.uniform(-1, 1)
        ends = [(near, -1.0), (far, float(CANVAS))]
        if side & 1:
            ends = [(CANVAS - 1 - across, along) for across, along in ends]
        if side & 2:
            ends = [(along, across) for across, along in ends]
        _line(ink, ends, int(rng.integers(1, 4)))
    np.maximum(picture, ink * np.float32(rng.uniform(0.2, 1)), out=picture)


def _speckle(picture: Strip, rng: np.random.Generator) -> None:
    """Draw a few dots of one to three pixels."""
    for left, top, side in rng.integers((0, 0, 1), (CANVAS, CANVAS, 4), (rng.integers(1, 7), 3)):
        spot = picture[top : top + side, left : left + side]
        np.maximum(spot, np.float32(rng.uniform(60, 255)), out=spot)


def _way(length: float, angle: float) -> Strip:
    """The kernel of a straight movement: float32, odd sides, sum 1."""
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.uint8)
    middle, x, y = (side - 1) / 2, np.cos(angle) * (length - 1) / 2, np.sin(angle) * (length - 1) / 2
    _line(kernel, [(middle - x, middle - y), (middle + x, middle + y)], 1)
    return kernel.astype(np.float32) / kernel.sum()


def _shaded(strip: Strip, how: Deformation, fields: _Fields, rng: np.random.Generator) -> Strip:
    """Add a slope of light in any direction, or clouds; where the sum would leave the range, contrast goes."""
    count = len(strip)
    angle = _draw(rng, (0, 2 * np.pi), count)
    way = np.linspace(-0.5, 0.5, CANVAS, dtype=np.float32)
    slope = np.cos(angle) * way[None, None, :] + np.sin(angle) * way[None, :, None]
    cloudy = (rng.random((count, 1, 1)) < 0.5).astype(np.float32)
    light = (1 - cloudy) * slope + 0.25 * cloudy * _windows(fields.clouds, count, rng)
    light *= _draw(rng, how.shade, count)
    light -= light.min((1, 2), keepdims=True)
    return light + strip * (1 - np.minimum(light.max((1, 2), keepdims=True), 255) / 255)


def _exchange(picture: Strip, rng: np.random.Generator) -> None:
    """Exchange paper and ink left or right of a column or both (or above and below a row)."""
    view = picture if rng.random() < 0.7 else picture.T
    if rng.random() < 0.8:
        left = rng.integers(4, CANVAS // 2 - 4)
        view[:, :left] = 255 - view[:, :left]
    if rng.random() < 0.8:
        right = rng.integers(CANVAS // 2 + 4, CANVAS - 4)
        view[:, right:] = 255 - view[:, right:]
