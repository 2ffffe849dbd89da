"""Whole pages through the public doors: generated ones with exact truth, and pictures that are none."""

import io
import json

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_runtime import Classifier, Reader, read_page
from edge_runtime.errors import InputError, UsageError
from edge_runtime.images.files import to_gray
from edge_runtime.sources.fake import Fake, parse_plan
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Status
from tests.conftest import ROOT

READER = Reader(Classifier())
ROWS = ["2074", "63058"]  # each drawn digit reads well by itself


def page(rows=ROWS, size=(640, 400), height=60, seed=3, **look):
    return draw_page(rows, size, height, seed, Appearance(**look))


def text(picture):
    return read_page(picture, READER).text


LOOKS = {
    "plain": {},
    "chalk on a board": {"ink": (235, 235, 235), "paper": (45, 60, 40)},
    "red pen on yellow": {"ink": (50, 40, 200), "paper": (150, 235, 245)},
    "blue pen on blue": {"ink": (150, 60, 40), "paper": (240, 210, 180)},
    "pencil": {"ink": (150, 150, 150)},
    "dark corner": {"fall": 0.7, "noise": 2.0},
    "shadow": {"shadow": 0.5, "noise": 2.0},
    "ruled": {"ruling": "lines"},
    "squared": {"ruling": "squares"},
    "squared, in dark print": {"ruling": "squares", "rule": (125, 110, 100)},
    "printed texture": {"texture": 40.0, "noise": 3.0},
    "rising": {"slope": -0.12},
    "falling": {"slope": 0.12},
    "specks": {"specks": 400},
    "border": {"border": 12},
    "blurred and noisy": {"blur": 1.5, "noise": 8.0},
    "tilted": {"perspective": 0.03},
    "separators": {"separators": 1.0},
}


@pytest.mark.parametrize("name", LOOKS)
def test_pages_of_many_looks_are_read(name):
    drawn = page(**LOOKS[name])
    read = read_page(drawn.image, READER)
    assert read.digits_text == drawn.text
    if name not in ("separators", "specks"):  # dirt between digits may resemble a point
        assert read.text == drawn.text


@pytest.mark.parametrize(
    ("height", "size"), [(14, (640, 400)), (24, (1920, 1080)), (130, (900, 420)), (360, (1600, 1080))]
)
def test_small_and_large_digits_are_read(height, size):
    rows = ["2074", "63058"] if height < 300 else ["207"]
    drawn = draw_page(rows, size, height, 5, Appearance(gap=(0.3, 0.6)))
    assert text(drawn.image) == drawn.text


def test_neighbours_that_touch_are_cut_apart():
    right = total = 0
    for seed in range(12):
        drawn = page(["36", "52"], (400, 300), 56, seed, touching=1.0)
        read = read_page(drawn.image, READER).text.split("\n")
        right += sum(a == b for a, b in zip(read, drawn.text.split("\n"), strict=False))
        total += 2
    assert right >= 0.6 * total, f"{right} of {total}"


def strip(digits, width, height, seed, pen=0.09):
    """Digits, each with its left upper corner and height, on a strip of paper."""
    paper = np.full((height, width), 240, np.uint8)
    for label, x, y, high in digits:
        drawn = draw_digit(label, seed, round(high / 0.76), pen)  # a digit fills so much of its square
        edge = round(0.12 * len(drawn))
        window = paper[y - edge : y - edge + len(drawn), x - edge : x - edge + len(drawn)]
        np.minimum(window, 255 - drawn[: window.shape[0], : window.shape[1]], out=window)
    return paper


def test_digits_stand_on_a_rule():
    right = 0
    for seed in range(20):
        paper = strip([(int(label), 10 + 52 * place, 8, 40) for place, label in enumerate("3985")], 208, 64, seed, 0.11)
        below = int(np.flatnonzero((paper < 128).any(1)).max()) + 1
        cv2.line(paper, (0, below), (207, below), 60, 3)
        right += text(paper) == "3985"
    assert right >= 12, f"{right} of 20"


def test_a_stroke_from_rule_to_rule_is_no_wall():
    right = 0
    for seed in range(20):
        drawn = page(["8517"], (260, 90), 50, seed, gap=(0.05, 0.3), ink=(60, 40, 40))
        seven = drawn.boxes[0][-1]
        for row in (seven.y + 1, max(box.y + box.height for box in drawn.boxes[0]) - 2):
            cv2.line(drawn.image, (0, row), (259, row), (150, 150, 150), 1)
        right += read_page(drawn.image, READER).digits_text == drawn.text
    assert right >= 17, f"{right} of 20"


def test_dirt_between_digits_parts_no_row():
    for seed in range(5):
        paper = strip([(1, 20, 24, 34), (4, 85, 32, 33), (6, 150, 25, 57)], 260, 110, seed)
        cv2.line(paper, (125, 40), (131, 53), 60, 5)
        assert "\n" not in text(paper)


def test_a_hand_is_no_digit():
    fake = Fake(parse_plan("digits=20746,fault=hand@0+30"))
    for second in range(2, 20):
        found = read_page(fake.image(fake.started + second, 10 * second), READER)
        assert found.digits_text in ("", "20") or found.status is Status.REJECTED  # what it leaves free, or doubt


def test_a_digit_knows_where_it_is():
    drawn = page()
    found = read_page(drawn.image, READER)
    assert (found.width, found.height) == (640, 400)
    boxes = [(row, box) for row, line in enumerate(drawn.boxes) for box in line]
    for digit, (row, box) in zip(found.digits, boxes, strict=True):
        assert digit.row == row
        assert np.abs(np.subtract(digit.box, box)).max() <= 6
        assert digit.status is Status.OK
        assert len(digit.probabilities) == 10


def test_what_is_dropped_has_a_place_and_a_reason():
    drawn = page(separators=1.0, specks=200)
    dropped = read_page(drawn.image, READER).dropped
    assert dropped
    assert all(each.reason and each.label is None and each.status is Status.REJECTED for each in dropped)
    assert {"separator", "too-small"} & {each.reason for each in dropped}


# The same examples in each run: a network misses one page of several hundred.
EXAMPLES = settings(max_examples=15, deadline=None, derandomize=True)


def check_same(one, other):
    """Check that both are read alike; a page with a digit between two shapes is no example."""
    pages = [read_page(picture, READER) for picture in (one, other)]
    assume(all(digit.confidence > 0.8 for page in pages for digit in page.digits))
    assert pages[0].text == pages[1].text


@pytest.mark.parametrize(("height", "axes"), [(18, (60, 80)), (18, (120, 140)), (24, (90, 110)), (30, (120, 140))])
def test_a_large_dark_shape_does_not_hide_faint_digits(height, axes):
    page = 0.35 * to_gray(draw_page(["46"], (640, 480), height, 0).image) + 110
    shaded = cv2.ellipse(np.uint8(page), (320, 60), axes, 0, 0, 360, 70, -1)
    assert read_page(shaded, READER).text == "46"


@pytest.mark.parametrize("seed", [2, 228, 370, 5555])
def test_a_digit_that_the_map_takes_for_other_ink_is_read(seed):
    drawn = page(seed=seed, gap=(0.3, 0.6))
    assert read_page(drawn.image, READER).text == drawn.text


@EXAMPLES
@given(seed=st.integers(0, 10_000), scale=st.floats(0.6, 2.5))
def test_scaling_changes_no_text(seed, scale):
    drawn = page(seed=seed, gap=(0.3, 0.6))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    check_same(cv2.resize(drawn.image, None, fx=scale, fy=scale, interpolation=how), drawn.image)


@EXAMPLES
@given(seed=st.integers(0, 10_000))
def test_inverting_changes_no_text(seed):
    drawn = page(seed=seed, gap=(0.3, 0.6))
    check_same(255 - drawn.image, drawn.image)


@EXAMPLES
@given(seed=st.integers(0, 10_000), edge=st.integers(1, 120))
def test_more_paper_around_changes_no_text(seed, edge):
    drawn = page(seed=seed, gap=(0.3, 0.6))
    wider = cv2.copyMakeBorder(drawn.image, *(edge,) * 4, cv2.BORDER_CONSTANT, value=Appearance().paper)
    check_same(wider, drawn.image)


@EXAMPLES
@given(seed=st.integers(0, 10_000), light=st.floats(0.4, 1.0), fall=st.floats(0, 0.6))
def test_light_changes_no_text(seed, light, fall):
    drawn = page(seed=seed, gap=(0.3, 0.6))
    lit = drawn.image * (light * (1 - fall * np.linspace(0, 1, 640))[:, np.newaxis])
    check_same(lit.astype(np.uint8), drawn.image)


EMPTY = {
    "a pixel": np.zeros((1, 1), np.uint8),
    "a line": np.full((1, 4000), 200, np.uint8),
    "black": np.zeros((300, 400, 3), np.uint8),
    "white": np.full((300, 400), 255, np.uint8),
    "transparent": np.zeros((60, 60, 4), np.uint8),
    "deep and black": np.zeros((80, 80), np.uint16),
    "grain": np.clip(np.random.default_rng(1).normal(200, 8, (600, 800)), 0, 255).astype(np.uint8),
    "a ramp": np.tile(np.linspace(20, 230, 800).astype(np.uint8), (600, 1)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_images_without_digits_give_none(name):
    assert text(EMPTY[name]) == ""


@pytest.mark.parametrize("shape", [(0, 5), (5, 5, 7), (5,), (2, 2, 2, 2)])
def test_arrays_that_are_no_images_are_refused(shape):
    with pytest.raises(UsageError, match="an image is an array"):
        read_page(np.zeros(shape, np.uint8), READER)


def test_more_specks_than_a_page_can_have_are_bounded():
    class Counted(Classifier):
        images = 0

        def classify_normalised(self, images):
            self.images += len(images)
            return super().classify_normalised(images)

    random = np.random.default_rng(2)
    picture = np.full((2000, 3000), 230, np.uint8)
    for y, x in zip(random.integers(0, 1990, 100_000), random.integers(0, 2990, 100_000), strict=True):
        picture[y : y + 3, x : x + 3] = 40
    classifier = Counted()
    found = read_page(picture, Reader(classifier))
    assert classifier.images < 10_000
    assert len(found.dropped) < 5_000


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_pages_of_other_kinds_are_read(tmp_path):
    drawn = page()
    image = Image.fromarray(np.ascontiguousarray(drawn.image[..., ::-1]))
    alpha = Image.new("RGBA", image.size, (0, 0, 0, 0))
    alpha.putalpha(Image.eval(image.convert("L"), lambda level: 255 - level if level < 200 else 0))
    turned = Image.Exif()
    turned[274] = 6
    blank = Image.new("RGB", image.size, "white")
    kinds = {
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG", quality=90),
        "deep.png": encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG"),
        "alpha.png": encoded(alpha, "PNG"),
        "turned.jpg": encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=turned.tobytes(), quality=90),
        "animated.webp": encoded(image, "WEBP", save_all=True, append_images=[blank], lossless=True),
        "animated.png": encoded(image, "PNG", save_all=True, append_images=[blank]),
        "pages.tiff": encoded(image, "TIFF", save_all=True, append_images=[blank]),
    }
    for name, data in kinds.items():
        (tmp_path / name).write_bytes(data)
        try:
            assert text(tmp_path / name) == drawn.text, name
        except InputError as error:  # an animation may be refused, in a line that says so
            assert "animated" in name, name
            assert len(str(error).splitlines()) == 1


def test_truncated_pages_give_one_error(tmp_path):
    data = cv2.imencode(".jpg", page().image)[1].tobytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="truncated"):
        read_page(tmp_path / "half.jpg", READER)


@pytest.fixture
def note(tmp_path):
    drawn = page(separators=0.5)
    cv2.imwrite(str(tmp_path / "note.png"), drawn.image)
    return drawn


def test_read_prints_the_text(run_cli, note):
    done = run_cli("read", "--digits-only", "note.png")
    assert done.stdout == note.text + "\n"
    assert done.stderr == ""
    with_marks = run_cli("read", "note.png").stdout
    assert "".join(each for each in with_marks if each not in ".,-/:") == note.text + "\n"


def test_read_tells_everything_as_json(run_cli, note):
    (line,) = run_cli("read", "--json", "note.png").stdout.splitlines()
    record = json.loads(line)
    assert list(record) == [
        "path",
        "page",
        "pages",
        "text",
        "status",
        "numbers",
        "digits",
        "marks",
        "rejected",
        "dropped",
        "turns",
        "image",
    ]
    assert (record["path"], record["image"]) == ("note.png", [640, 400])
    assert "".join(each for each in record["text"] if each not in ".,-/:") == note.text
    assert (record["page"], record["pages"]) == (1, 1)
    assert "".join(each["label"] for each in record["digits"]) == note.text.replace("\n", "")
    assert [each["row"] for each in record["digits"]] == [0] * 4 + [1] * 5
    assert all(0 < each["confidence"] <= 1 and len(each["box"]) == 4 for each in record["digits"])
    assert record["rejected"] == []
    assert all(each["reason"] and len(each["box"]) == 4 for each in record["dropped"])


def test_read_goes_on_after_an_image_that_fails(run_cli, note, tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    done = run_cli("read", "--json", "text.png", "note.png", "missing.png", code=1)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(record) == {"path", "error"} for record in records] == [True, False, True]
    assert len(done.stderr.splitlines()) == 2
    done = run_cli("read", "--digits-only", "note.png", "missing.png", code=1)
    assert done.stdout == f"==> note.png <==\n{note.text}\n"


def test_read_draws_what_it_saw(run_cli, note, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "note.png").write_bytes((tmp_path / "note.png").read_bytes())
    run_cli("read", "--annotate", "seen", "--explain", "why/deep", "note.png", "more/note.png")
    seen = cv2.imread(str(tmp_path / "seen" / "note.png.png"))
    assert seen.shape == note.image.shape
    changed = (seen != cv2.imread(str(tmp_path / "note.png"))).any(2)
    for box in [box for line in note.boxes for box in line]:  # each digit has a frame around it
        assert changed[box.y - 6 : box.y + box.height + 6, box.x - 6 : box.x + box.width + 6].mean() > 0.02
    why = cv2.imread(str(tmp_path / "why" / "deep" / "note.png.png"))
    assert why.shape[0] > 3 * 400
    assert len(list((tmp_path / "seen").iterdir())) == len(list((tmp_path / "why" / "deep").iterdir())) == 2


def test_stages_of_more_rows_than_fit_are_drawn(run_cli, tmp_path):
    drawn = page(["3652"] * 24, (300, 1440), 40, 3, touching=1.0, gap=(-0.1, 0.0))
    cv2.imwrite(str(tmp_path / "rows.png"), drawn.image)
    run_cli("read", "--explain", "why", "rows.png")
    assert cv2.imread(str(tmp_path / "why" / "rows.png.png")).shape[0] <= 1600


def test_read_says_so_when_there_is_nothing(run_cli):
    done = run_cli("read", ROOT / "samples" / "blank-paper.jpg")
    assert done.stdout == ""
    assert done.stderr.startswith("no digits in ")


def test_read_finds_the_digit_of_every_sample(run_cli):
    samples = sorted(path for path in (ROOT / "samples").iterdir() if path.name[0].isdigit())
    done = run_cli("read", "--json", *samples)
    assert done.stderr == ""
    texts = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    assert texts == [path.name[0] for path in samples]


@pytest.mark.parametrize("side", [24, 40, 90, 150, 240])
def test_a_digit_that_fills_a_small_image_is_found(side):
    for label in range(10):
        crop = np.full((side + side // 5, side), 225, np.uint8)
        crop[side // 10 : side // 10 + side] -= (draw_digit(label, 4, side, 0.11) * 0.8).astype(np.uint8)
        page = READER.read(crop, "page")
        assert page.text == str(label)
        assert max(digit.box.height for digit in page.digits) > 0.6 * side
        assert READER.read(255 - crop, "page").text == str(label)


@pytest.fixture
def scan(tmp_path):
    """A TIFF of three pages: a number, nothing, and another number."""
    pages = [page(["2074"], (400, 140)).image, np.full((140, 400), 235, np.uint8), page(["58"], (400, 140)).image]
    first, *others = [Image.fromarray(np.ascontiguousarray(each)) for each in pages]
    first.save(tmp_path / "scan.tif", save_all=True, append_images=others)


def test_every_page_of_a_file_is_read(run_cli, scan, tmp_path):
    done = run_cli("read", "--json", "scan.tif")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["page"], each["pages"], each["text"]) for each in records] == [
        (1, 3, "2074"),
        (2, 3, ""),
        (3, 3, "58"),
    ]
    done = run_cli("read", "scan.tif", "--annotate", "seen")
    heads = [f"==> scan.tif, page {number} of 3 <==" for number in (1, 2, 3)]
    assert done.stdout.splitlines() == [heads[0], "2074", heads[1], heads[2], "58"]
    assert done.stderr == "no digits in scan.tif, page 2 of 3\n"
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {
        f"scan.tif.page{number}.png" for number in (1, 2, 3)
    }


def test_a_broken_page_costs_itself_alone(run_cli, scan, tmp_path):
    """The second of three pages says that its pixels are beyond the file's end."""
    data = bytearray((tmp_path / "scan.tif").read_bytes())
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    second = int.from_bytes(data[at + 2 + 12 * count : at + 6 + 12 * count], "little")
    entries = range(second + 2, second + 2 + 12 * int.from_bytes(data[second : second + 2], "little"), 12)
    (offsets,) = (place for place in entries if int.from_bytes(data[place : place + 2], "little") == 273)
    data[offsets + 8 : offsets + 12] = (len(data) + 1000).to_bytes(4, "little")
    (tmp_path / "scan.tif").write_bytes(data)
    done = run_cli("read", "--json", "scan.tif", code=1)
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["text"], third["text"]) == ("2074", "58")
    assert (second["path"], second["page"], second["pages"]) == ("scan.tif", 2, 3)
    assert done.stderr == f"error: scan.tif: {second['error']}\n"


def test_read_says_which_frame_of_an_animation_it_read(run_cli, tmp_path):
    frames = [
        Image.fromarray(np.ascontiguousarray(page(["2074"], (400, 140)).image)),
        Image.new("RGB", (400, 140), "white"),
    ]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    done = run_cli("read", "--json", "film.gif")
    record = json.loads(done.stdout)
    assert record["text"] == "2074"
    assert "frame" in record["note"]
    assert done.stderr == f"note: film.gif: {record['note']}\n"


def test_digits_that_were_found_and_dropped_are_told_of(run_cli, tmp_path):
    """Ten digits, and each too small to be read."""
    tiny = np.full((60, 200), 235, np.uint8)
    for place in range(10):
        cv2.putText(tiny, str(place), (8 + 18 * place, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.26, 60, 1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "tiny.png"), tiny)
    done = run_cli("read", "tiny.png")
    assert done.stdout == ""
    assert done.stderr.startswith("warning: no digits in tiny.png: ")
    assert "marks were dropped (" in done.stderr
    told = int(done.stderr.split(": ")[-1].split()[0])
    done = run_cli("read", "--json", "tiny.png")
    dropped = json.loads(done.stdout)["dropped"]
    assert len(dropped) == told >= 8
    assert all(each["reason"] in done.stderr for each in dropped)


def test_a_texture_is_told_as_one_mark(run_cli, tmp_path):
    blocks = np.random.default_rng(1).integers(0, 2, (100, 160), np.uint8) * 200 + 30
    cv2.imwrite(str(tmp_path / "blocks.png"), np.kron(blocks, np.ones((6, 6), np.uint8)))
    done = run_cli("read", "--json", "blocks.png")
    record = json.loads(done.stdout)
    assert (record["text"], record["digits"]) == ("", [])
    assert record["dropped"] == [{"box": [0, 0, 960, 600], "reason": "texture"}]
    assert done.stderr == "warning: no digits in blocks.png: 1 mark was dropped (1 texture)\n"


def test_read_cannot_draw_into_a_file(run_cli, note, tmp_path):
    (tmp_path / "taken").write_text("")
    said = run_cli("read", "--explain", "taken", "note.png", code=1).stderr
    assert said.startswith("error: the folder taken cannot be created")


def test_a_batch_of_pages_has_a_row_for_each(run_cli, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, rows in {"a.png": ["2074", "63058"], "b.png": ["58"]}.items():
        cv2.imwrite(str(folder / name), page(rows).image)
    cv2.imwrite(str(folder / "blank.png"), np.full((200, 300), 240, np.uint8))
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:2000])
    run_cli("batch-classify", "notes", "--mode", "read", "--output", "texts.csv", "--jobs", 2, code=1)
    header, *lines = (tmp_path / "texts.csv").read_text().splitlines()
    assert header == "path,page,label,confidence,status,error"
    assert [line.split(",")[:3] + line.split(",")[4:5] for line in lines] == [
        ["a.png", "1", "2074 63058", "ok"],
        ["b.png", "1", "58", "ok"],
        ["blank.png", "1", "", "rejected"],
        ["broken.png", "1", "", "failed"],
    ]
    refused = run_cli("batch-classify", "notes", "--mode", "read", "--probabilities", "--output", "p.csv", code=2)
    assert "--mode read" in refused.stderr


@pytest.mark.parametrize(("level", "spread"), [(220, 2), (220, 8), (128, 5), (60, 4), (20, 3)])
def test_the_noise_of_blank_paper_is_no_digit(level, spread):
    noise = np.random.default_rng(1).normal(level, spread, (480, 640))
    assert READER.read(np.clip(noise, 0, 255).astype(np.uint8), "page").digits == ()
