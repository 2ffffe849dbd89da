"""Files that are written to take a decoder's memory or time, or to show it another image than was checked."""

import subprocess
import sys
import zlib

import pytest

from tests.conftest import ROOT
from tests.image_files import ATTACKS, blank_png, gray_tiff, tiff
from tests.image_probe import MEBIBYTES, Probe, read_within_limits

# What a user sees of each: the number of images that are read, or a part of the message; either with some OpenCVs.
OUTCOMES = {
    "png_length_of_4_gib": "a chunk is longer than the file",
    "png_length_of_1_gib_in_a_text": "a chunk is longer than the file",
    "png_bomb_of_2500_megapixels": "at most 50,000,000 are decoded",
    "png_rgba_of_16_bits_and_50_megapixels": "takes 748 MiB; the limit is 150 MiB",
    "png_rgba_of_16_bits_and_8_megapixels": 1,
    "png_rgb_of_16_bits_and_24_megapixels": 1,
    "png_rgb_of_50_megapixels": 1,
    "png_rgb_of_50_megapixels_interlaced": 1,
    "png_palette_with_alpha_of_25_megapixels": "takes 191 MiB",
    "png_one_pixel_wide": "65,535 a side",
    "png_one_pixel_wide_and_50_million_high": "65,535 a side",
    "png_of_a_million_empty_idats": "more than 65,536 chunks",
    "png_of_60000_empty_idats": 1,
    "png_with_compressed_text_bombs": 1,
    "png_of_60000_texts": 1,
    "png_of_60000_exif_chunks": 1,
    "png_animation_of_a_large_canvas": 1,
    "png_of_slow_deflate_in_a_small_image": "more data than its pixels need",
    "png_of_slow_deflate_in_12_megapixels": (1, "takes too long"),
    "png_of_slow_deflate_below_the_limit": 1,
    "png_with_two_headers": "unknown critical chunk",
    "png_palette_too_long": "its palette is invalid",
    "png_without_its_palette": "not in order",
    "jpeg_of_65535_x_65535": "at most 50,000,000 are decoded",
    "jpeg_height_in_a_dnl": "its frame header is invalid",
    "jpeg_of_50_megapixels_and_no_data": 1,
    "jpeg_of_500_empty_scans": "more than 32 scans",
    "jpeg_of_30_empty_scans": 1,
    "jpeg_of_30_full_scans": 1,
    "jpeg_progressive_of_4_components_and_50_megapixels": "takes 428 MiB",
    "jpeg_in_scans_of_a_component_each": "takes 162 MiB",
    "jpeg_progressive_noise_of_12_megapixels": 1,
    "jpeg_noise_of_12_megapixels": 1,
    "jpeg_with_two_frames": "two frame headers",
    "jpeg_with_a_frame_after_the_scan": "two frame headers",
    "jpeg_with_arithmetic_coding": "save it as plain JPEG",
    "jpeg_of_12_bits": "save it with 8 bits",
    "jpeg_restart_after_every_block": 1,
    "jpeg_restart_without_markers": 1,
    "jpeg_of_odd_sampling": 1,
    "jpeg_of_a_million_tables": "more than 10,000 segments",
    "jpeg_of_a_million_comments": "more than 10,000 segments",
    "jpeg_of_fill_bytes": 1,
    "jpeg_with_a_hostile_exif": 1,
    "bmp_of_50_megapixels_and_no_data": 1,
    "bmp_rle_of_nothing": "broken",
    "bmp_rle_4_of_nothing": "broken",
    "bmp_of_32_bits_and_50_megapixels": "truncated",
    "bmp_of_the_smallest_height": "its header is invalid",
    "bmp_palette_of_4_billion": "its palette is invalid",
    "bmp_header_of_2_gib": "its header is invalid",
    "tiff_with_two_widths": "tag 256 is repeated",
    "tiff_width_of_a_signed_type": "tag 256 has 1 values of type 9",
    "tiff_of_a_tile_of_268_megapixels": "tiles of 16,368 x 16,368",
    "tiff_tag_of_30_million_values": "tag 273 has 7,000,000 values",
    "tiff_of_250_copies_of_a_long_tag": "tag 320 has 20,000 values",
    "tiff_of_65535_entries": "65,535 entries",
    "tiff_of_overlapping_directories": "65,535 entries",
    "tiff_jpeg_of_many_segments": "more than 16 segments",
    "tiff_loop_of_pages": "page 3: the TIFF is broken: its pages form a loop",
    "tiff_of_pages_that_share_their_pixels": "its pages share their pixels",
    "tiff_of_100000_pages": "page 1: the TIFF is broken: it has no size",
    "tiff_deflate_bomb": "at most 50,000,000 are decoded",
    "tiff_of_4_doubles_and_50_megapixels": "takes 3,028 MiB",
    "tiff_rgb_in_one_strip_of_20_megapixels": "takes 153 MiB",
    "tiff_gray_in_one_strip_of_24_megapixels": 1,
    "tiff_not_compressed_in_one_strip_of_30_megapixels": 1,
    "tiff_16_bits_of_24_megapixels": 1,
    "tiff_of_slow_deflate": (1, "takes too long"),  # within the limit on a fast processor
    "tiff_lzw_of_clear_codes": (1, "takes too long"),
    "tiff_jpeg_of_another_size": "does not match its header",
    "tiff_jpeg_of_the_old_kind": "save it again",
    "tiff_of_overlapping_strips": "overlap",
    "tiff_of_65536_strips": 1,
    "tiff_fax_of_50_megapixels": "takes 243 MiB",
    "tiff_fax_3_of_noise": 1,
    "tiff_fax_4_of_noise": 1,
    "tiff_strips_of_no_rows": "its strips have no rows",
    "webp_of_many_codes": "broken",
    "webp_alpha_of_many_codes": "broken",
    "webp_canvas_of_280_terapixels": "differ in its size",
    "webp_animation_on_a_giant_canvas": 1,
    "webp_of_16383_x_16383": "at most 50,000,000 are decoded",
    "webp_of_a_million_chunks": "more than 10,000 chunks",
    "webp_of_two_images": "exactly one image",
    "gif_canvas_of_65535_x_65535": "fewer pixels",
    "gif_of_65535_x_65535": "at most 50,000,000 are decoded",
    "gif_of_clear_codes": "more than 2,000,000 codes",
    "gif_of_one_long_run": 1,
    "gif_of_blocks_of_one_byte": "more than 300,000 blocks",
    "gif_of_100000_frames": "fewer pixels",
    "pnm_of_25_gigapixels": "truncated",
    "pnm_plain_of_16_million_numbers": "takes 245 MiB",
    "pnm_of_long_comments": "its header is invalid",
    "pnm_of_many_comments": "its header is invalid",
    "jpeg_2000_of_4_billion_x_4_billion": "at most 50,000,000 are decoded",
    "jpeg_2000_of_tiles_of_one_pixel": "JPEG 2000",
    "pdf_page_of_a_square_kilometre": 1,
    "pdf_page_of_no_size": 1,
    "pdf_of_5000_pages": 1000,
    "pdf_of_forms_that_draw_each_other": "PDF",
    "pdf_with_an_image_of_268_megapixels": 1,
    "pdf_of_a_million_curves": "PDF",
    "pdf_of_500_pages_that_each_take_long": "takes too long",
    "jpeg_xl": "save it as PNG or JPEG",
}


@pytest.fixture(scope="module")
def probe():
    with Probe() as probe:
        yield probe


def test_every_attack_has_an_outcome():
    assert OUTCOMES.keys() == ATTACKS.keys()


@pytest.mark.long("hostile files of every format, each within its limits")
@pytest.mark.parametrize("name", OUTCOMES)
def test_an_attack_costs_little_and_ends_in_an_image_or_one_clear_line(name, probe):
    found, cheap = read_within_limits(probe, ATTACKS[name]())
    assert cheap, found
    assert found["error"] in ("", "InputError"), found
    outcome = OUTCOMES[name]
    counts = [each for each in (outcome if isinstance(outcome, tuple) else (outcome,)) if isinstance(each, int)]
    texts = [each for each in (outcome if isinstance(outcome, tuple) else (outcome,)) if isinstance(each, str)]
    if found["error"]:
        assert any(text in found["text"] for text in texts), found["text"]
    else:
        assert len(found["images"]) in counts


READ = """
import sys
from edge_runtime.bench.memory import peak_mib
from edge_runtime.cli.commands import edge_digits
from edge_runtime.cli.run import finish
code = finish(edge_digits, "edge-digits", ["read", *sys.argv[1:]])
print(peak_mib())  # os.wait4 would count the memory of the process that started this one, too
sys.exit(code)
"""


def read_in_a_process(*arguments):
    """Return the most memory that `edge-digits read` takes, in MiB."""
    command = [sys.executable, "-c", READ, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


@pytest.mark.long("large images in processes of their own")
def test_a_large_page_is_released_before_the_next_one_is_decoded(tmp_path):
    side, pixels = 4900, zlib.compress(bytes(range(0, 250, 10)) * (4900 * 4900 // 25), 1)
    path = tmp_path / "pages.tif"
    path.write_bytes(tiff(*[gray_tiff(side, side, pixels, t259=8)] * 3))
    assert read_in_a_process(path) <= MEBIBYTES


@pytest.mark.long("large images in processes of their own")
@pytest.mark.parametrize("size", [(7000, 7000), (1, 65_535)])
def test_images_of_a_large_page_cost_no_more_than_reading_it(size, tmp_path):
    (tmp_path / "page.png").write_bytes(blank_png(*size))
    folders = "--annotate", tmp_path / "seen", "--explain", tmp_path / "why"
    assert read_in_a_process(*folders, tmp_path / "page.png") <= MEBIBYTES
    assert [len([*folder.iterdir()]) for folder in folders[1::2]] == [1, 1]
