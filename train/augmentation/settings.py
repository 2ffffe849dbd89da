"""The settings of augmentation, as data: recipes name them and `augment` applies them."""

from dataclasses import dataclass, fields, replace

Span = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """How strongly digits are changed, and how often each kind of degradation occurs.

    A pair is the range of a uniform distribution, drawn again for each digit. A `..._share` is the probability of a
    kind of degradation, 0 to 1; the kinds are drawn independently of each other.
    """

    mild_share: float = 0.35  # of all digits: changed half as much and not degraded, so that neat ones stay certain
    # Shape: every digit
    rotation: float = 15.0  # degrees, at most, either way
    slant: float = 0.35  # at most: columns by which a row of pixels moves for each row above it, to either side
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
    foot_share: float = 0.2  # of the ones: a stroke below
    bar_share: float = 0.3  # of the sevens: a bar through the stem
    wave_share: float = 0.3  # of the sevens: the top drawn as a wave, mostly with a bar, too
    curl_share: float = 0.35  # of the nines: the tail bent to the left, as in a handwritten g
    # Degradation
    cut_share: float = 0.04  # one side of the digit cut off by the crop
    cut: Span = (1.0, 4.0)  # pixels of it that are cut off
    line_share: float = 0.13  # a straight or zigzag stroke across, solid, dashed or dotted
    border_share: float = 0.05  # rules along the crop's sides
    speck_share: float = 0.05  # a few dots beside the digit
    blot_share: float = 0.05  # gray blots, as of spilt water
    salt_share: float = 0.06  # single pixels black or white
    salt: Span = (0.01, 0.2)  # of all pixels
    noise_share: float = 0.06  # sensor noise
    noise: Span = (3.0, 40.0)  # gray levels, standard deviation
    grain_share: float = 0.04  # uneven ink, as of a dry pen or few photons
    blur_share: float = 0.08  # out of focus
    blur: Span = (0.5, 1.6)  # pixels, Gaussian sigma on the canvas
    motion_share: float = 0.05  # moved during the exposure
    motion: Span = (3.0, 11.0)  # pixels, length of the movement
    frosted_share: float = 0.04  # as through frosted glass: every pixel from a place nearby
    frosted: Span = (0.6, 1.8)  # pixels, at most, either way
    outline_share: float = 0.05  # only the edges of the strokes
    paper_share: float = 0.06  # gray paper, pale ink
    contrast: Span = (0.2, 0.9)  # of full: ink against paper on such paper
    shade_share: float = 0.08  # paper brighter at one end, or cloudy
    shade: Span = (10.0, 110.0)  # gray levels from darkest to brightest, about
    band_share: float = 0.02  # inverted vertical or horizontal bands
    negative_share: float = 0.1  # dark ink on bright paper


STRONG = Augmentation()  # other writers, pens, scanners and cameras: for networks with weights to spare

# For small networks, which strong augmentation overtaxes. Shares of strokes are set, those of degradation scaled down.
_DEGRADATION = {
    name.name: 0.15 * getattr(STRONG, name.name) for name in fields(Augmentation) if name.name.endswith("_share")
}
_STROKES = {"flag_share": 0.1, "foot_share": 0.05, "bar_share": 0.1, "wave_share": 0.03, "curl_share": 0.05}
MILD = replace(
    STRONG,
    rotation=9.0,
    slant=0.18,
    aspect=0.14,
    ripple=(0.0, 0.8),
    bend=(0.0, 0.9),
    width=(-0.5, 0.6),
    balance=1.2,
    **(_DEGRADATION | _STROKES | {"mild_share": 0.0, "negative_share": 0.0}),
)
