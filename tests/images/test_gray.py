"""Gray of 8 bits from pixels of any depth: what is black and what is white, and when faint ink is stretched."""

import cv2
import numpy as np
import pytest

from edge_runtime.classifier import Classifier
from edge_runtime.decide import Reason
from edge_runtime.errors import UsageError
from edge_runtime.images.files import decode_gray
from edge_runtime.images.gray import stretch, to_gray
from edge_runtime.pipeline import Reader
from edge_runtime.synthetic.digits import draw_digit
from tests.image_files import encoded, gray_tiff, tiff

INK = draw_digit(7, seed=3, size=60).astype(np.float64)


@pytest.fixture(scope="module")
def reader():
    return Reader(Classifier())


def read(reader, gray):
    """The label of a digit, or why there is none."""
    (digit,) = reader.read(gray, "digit").digits
    return digit.reason or digit.label


@pytest.mark.parametrize(
    "pixels",
    [
        (30_000 + INK * 4).astype(np.uint16),
        (65_535 - INK * 4).astype(np.uint16),
        (INK / 64).astype(np.uint16),
        (INK > 128).astype(np.uint16),
        (INK - 100).astype(np.int16),
        (INK * 1e6 - 1e7).astype(np.int32),
        (INK * 1e5).astype(np.uint32),
        (INK / 255).astype(np.float32),
        (INK * 1e36).astype(np.float32),
        INK * 1e305 - 1e307,
        INK * 1e-310,
        -INK,
    ],
)
def test_a_narrow_or_a_huge_range_is_scaled(pixels, reader):
    assert read(reader, to_gray(pixels)) == 7
    assert read(reader, to_gray(np.dstack([pixels] * 3))) == 7


@pytest.mark.parametrize("count", [1, 2, 4, 12])
def test_hot_and_dead_pixels_do_not_say_what_is_white_and_black(count, reader):
    pixels = (1000 + INK * 8).astype(np.uint16)
    places = np.random.default_rng(count).integers(0, 60, (2, 2, count))
    pixels[tuple(places[0])] = 65_535
    pixels[tuple(places[1])] = 0
    assert read(reader, to_gray(pixels)) == 7


def test_infinite_values_and_those_that_are_no_numbers_are_left_out(reader):
    pixels = INK.astype(np.float32)
    pixels[0, :3] = np.nan, np.inf, -np.inf
    gray = to_gray(pixels)
    assert gray[0, :3].tolist() == [0, 255, 0]
    assert read(reader, gray) == 7
    for value in (np.nan, np.inf, -np.inf):
        assert len(np.unique(to_gray(np.full((20, 20), value)))) == 1


def test_a_float_tiff_of_the_largest_numbers_gives_no_warning(reader):
    largest = np.finfo(np.float32).max
    pixels = np.where(INK > 128, largest, -largest).astype("<f4").tobytes()
    entries, pixels = gray_tiff(60, 60, pixels, t258=32, t339=3)
    assert read(reader, decode_gray(tiff((dict(sorted(entries.items())), pixels)))) == 7


@pytest.mark.parametrize(("level", "sigma"), [(2_000, 1), (2_000, 20), (2_000, 100), (40_000, 20), (40_000, 3000)])
def test_blank_paper_of_16_bits_stays_blank(level, sigma, reader):
    noise = np.random.default_rng(1).normal(level, sigma, (120, 90))
    assert read(reader, to_gray(np.clip(noise, 0, 65_535).astype(np.uint16))) == Reason.BLANK.value


@pytest.mark.parametrize("sigma", [1, 10, 40])
def test_noise_with_a_digit_of_16_bits_is_read(sigma, reader):
    noise = np.random.default_rng(1).normal(0, sigma, INK.shape)
    assert read(reader, to_gray((30_000 + INK * 2 + noise).astype(np.uint16))) == 7


@pytest.mark.parametrize(("low", "high"), [(0, 1), (1, 0), (0, 7), (254, 255), (100, 112), (10, 0)])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".pgm"])
def test_a_mask_of_8_bits_is_read(low, high, suffix, reader):
    mask = np.where(INK > 100, high, low).astype(np.uint8)
    assert read(reader, decode_gray(encoded(suffix, mask))) == 7


@pytest.mark.parametrize("hot", [[(0, 0)], [(3, 4), (50, 9)]])
def test_hot_pixels_do_not_hide_a_mask_of_8_bits(hot, reader):
    mask = np.where(INK > 100, 1, 0).astype(np.uint8)
    for place in hot:
        mask[place] = 255
    assert read(reader, decode_gray(encoded(".png", mask))) == 7


def test_a_few_dark_pixels_on_clean_paper_stay_as_they_are():
    paper = np.random.default_rng(1).integers(250, 256, (2000, 2000), dtype=np.uint8)
    paper[1000:1020, 1000] = 30
    assert (decode_gray(encoded(".png", paper)) == paper).all()


def test_faint_ink_with_soft_edges_is_read(reader):
    assert read(reader, stretch(np.rint(200 - INK / 25).astype(np.uint8))) == 7


def blanks(count):
    """Paper without ink and with little contrast, in ways that cameras, scanners and encoders make it."""
    chance = np.random.default_rng(2)
    for index in range(count):
        height, width = chance.choice([28, 60, 160], 2)
        level, sigma = chance.uniform(16, 238), chance.uniform(0.15, 1.5)
        paper = chance.normal(level, sigma, (height, width))
        if index % 4 == 1:  # light from one side
            paper = paper + np.linspace(0, chance.uniform(1, 10), width)
        elif index % 4 == 2:  # dust and dead pixels
            paper = level + (chance.random((height, width)) < chance.uniform(0.001, 0.4)) * chance.uniform(1, 12)
        elif index % 4 == 3:
            paper = np.full((height, width), level)
            paper[chance.integers(height), chance.integers(width)] += 12
        yield np.clip(np.rint(paper), 0, 255).astype(np.uint8)


def test_blank_paper_is_not_stretched():
    changed = [gray for gray in blanks(400) if stretch(gray) is not gray]
    assert not changed


def test_what_lossy_compression_leaves_on_blank_paper_is_not_stretched():
    for gray in blanks(100):
        data = encoded(".jpg", gray, cv2.IMWRITE_JPEG_QUALITY, 70)
        np.testing.assert_array_equal(
            decode_gray(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        )


def test_an_image_with_contrast_is_left_as_it_is():
    for low, high in ((0, 255), (100, 116), (255, 0), (30, 10)):
        gray = np.where(INK > 100, high, low).astype(np.uint8)
        assert stretch(gray) is gray


def test_alpha_of_every_depth_covers(reader):
    shape = INK / 255
    for kind, most in ((np.uint8, 255), (np.uint16, 65_535), (np.float32, 1.0)):
        pixels = np.dstack([np.zeros_like(shape)] * 3 + [shape * most]).astype(kind)
        gray = to_gray(pixels)
        assert gray[0, 0] == 255
        assert read(reader, gray) == 7


def test_a_large_faint_page_is_looked_at_a_few_rows_at_a_time():
    page = np.zeros((3000, 2000), np.uint8)
    page[1000:1900, 500:1100] = cv2.resize(INK, (600, 900)) > 100
    assert stretch(page).max() == 255


@pytest.mark.parametrize("shape", [(3,), (3, 3, 5), (0, 4), (2, 2, 2, 2)])
def test_other_arrays_are_refused(shape):
    with pytest.raises(UsageError, match="an image is an array"):
        to_gray(np.zeros(shape, np.uint8))
