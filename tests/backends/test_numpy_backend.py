"""The backend that needs no interpreter: the same numbers as LiteRT's, and bytes from anywhere."""

import json
import struct

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier
from edge_runtime.backends import litert, numpy_int8
from edge_runtime.backends.tflite_file import Dense, read_tflite
from edge_runtime.bundles.bundle import DIGIT, Shapes, load_bundle
from edge_runtime.errors import BackendError, UnsupportedModelError
from edge_runtime.synthetic.pages import Appearance, draw_page
from tests.conftest import ROOT

DENSE = ("ann", "ann-small", "ann-nano")
NOTICE = "notice: falling back to the slower NumPy backend"


@pytest.fixture
def nano():
    """The bytes of the smallest network, and its shapes."""
    bundle = load_bundle("ann-nano")
    return bundle.file("tflite_int8").load(), bundle.shapes


def both(model, shapes, images):
    return [backend.load(model, 1, shapes).run(images) for backend in (litert, numpy_int8)]


@pytest.mark.parametrize("name", DENSE)
def test_all_test_digits_give_the_outputs_of_litert(name, mnist):
    bundle = load_bundle(name)
    theirs, ours = both(bundle.file("tflite_int8").load(), bundle.shapes, mnist.test_images)
    assert len(ours) == 10_000
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_noise_gives_the_outputs_of_litert(nano):
    noise = np.random.default_rng(3).integers(0, 256, (500, *DIGIT), np.uint8)
    theirs, ours = both(*nano, noise)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_sums_beyond_the_exact_range_of_float32_stay_exact(nano):
    model, shapes = nano
    first = next(layer for layer in read_tflite(model).layers if isinstance(layer, Dense))
    bias = np.random.default_rng(5).integers(20_000_000, 60_000_000, first.bias.shape).astype("<i4")
    changed = model.replace(first.bias.tobytes(), bias.tobytes())
    # So small a scale that the outputs are in the middle of int8, and the last bits of a sum decide.
    changed = changed.replace(struct.pack("<f", first.scales[0]), struct.pack("<f", 4e-8))
    assert changed != model
    images = np.random.default_rng(6).integers(0, 256, (300, *DIGIT), np.uint8)
    theirs, ours = both(changed, shapes, images)
    assert np.ptp(theirs, 0).max() > 0
    np.testing.assert_array_equal(ours, theirs)


def test_a_network_with_convolutions_says_what_to_do():
    with pytest.raises(UnsupportedModelError, match=r"dense models only.*--model ann-small.*ai-edge-litert"):
        Classifier("cnn", backend="numpy")


WORDS = (
    0,
    1,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 20,
    *np.array([-1, np.nan, np.inf, 3e38, 1e-45], "<f4").view("<u4"),
)


def damaged(model, random):
    """Change a model in a few places: large and negative offsets, counts, sizes and scales are what hurts."""
    data = bytearray(model)
    for _ in range(random.integers(1, 5)):
        # A network's structure is at both ends, the weights in between.
        near = (len(model), 2000)[random.integers(2)]
        place = int(random.integers(near)) * random.choice([1, -1]) % len(model) & ~3
        if random.integers(2):
            data[place + random.integers(4)] = random.integers(256)
        else:
            data[place : place + 4] = struct.pack("<I", random.choice(WORDS))
    return bytes(data)


@pytest.mark.filterwarnings("error")
def test_any_damage_is_refused_or_harmless(nano):
    model, shapes = nano
    random = np.random.default_rng(11)
    blank = np.zeros((1, *DIGIT), np.uint8)
    refused = 0
    for _ in range(2000):
        try:
            assert numpy_int8.load(damaged(model, random), 1, shapes).run(blank).dtype == np.int8
        except BackendError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 500 < refused < 2000


def test_any_truncation_is_refused(nano):
    model, shapes = nano
    for size in range(0, len(model), 61):
        with pytest.raises(BackendError, match="NumPy refuses the model"):
            numpy_int8.load(model[:size], 1, shapes)


def test_a_network_for_other_pixels_is_refused(nano):
    model, _ = nano
    with pytest.raises(BackendError, match="32x192"):
        numpy_int8.load(model, 1, Shapes((32, 192), (10,)))


# Where no interpreter is installed


@pytest.mark.parametrize(("module", "package"), [("click", "click"), ("cv2", "opencv-python-headless")])
def test_what_nothing_works_without_is_named(run_cli, tmp_path, module, package):
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    done = run_cli("classify", "7.png", before=tmp_path, code=1)
    assert done.stderr == f"error: {module} is not installed: pip install {package}\n"


@pytest.fixture
def touching(tmp_path):
    """A page with a row that the line recogniser would read."""
    path = tmp_path / "touching.png"
    cv2.imwrite(str(path), draw_page(["3652"], (400, 120), 56, 1, Appearance(touching=1.0, gap=(-0.1, 0.0))).image)
    return path


def test_auto_reads_with_numpy_and_says_so_in_one_line(run_cli, no_interpreter):
    sample = ROOT / "samples" / "4-black-on-white.bmp"
    done = run_cli("classify", "--json", sample, before=no_interpreter)
    assert json.loads(done.stdout)["label"] == "4"
    (line,) = done.stderr.splitlines()
    assert line.startswith(NOTICE)
    assert "edge-digits doctor" in line
    assert run_cli("classify", "--backend", "numpy", sample, before=no_interpreter).stderr == ""


def test_a_job_of_several_processes_says_so_once(run_cli, no_interpreter):
    arguments = ("batch-classify", ROOT / "samples", "--jobs", 2, "--batch", 2, "--output", "r.csv")
    said = run_cli(*arguments, before=no_interpreter).stderr
    assert said.count("notice:") == said.count(NOTICE) == 1


def test_pages_are_read_without_the_network_for_lines(run_cli, no_interpreter, touching):
    done = run_cli("read", touching, touching, before=no_interpreter)
    assert any(character.isdigit() for character in done.stdout)
    first, second = done.stderr.splitlines()
    assert first.startswith(NOTICE)
    assert second.startswith("notice: no line recognition, so touching digits are cut apart")
    cut = run_cli("read", "--no-lines", "--backend", "litert", touching, touching)
    assert done.stdout == cut.stdout
    (touching.parent / "pages").mkdir()
    for number in range(4):
        touching.with_name("pages").joinpath(f"{number}.png").write_bytes(touching.read_bytes())
    arguments = ("batch-classify", "pages", "--mode", "read", "--jobs", 2, "--batch", 2, "--output", "r.csv")
    said = run_cli(*arguments, before=no_interpreter).stderr
    assert said.count("notice:") == 2
