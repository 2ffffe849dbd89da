"""The backend that needs no interpreter: the same numbers as LiteRT's, and bytes from anywhere."""

import json
import struct

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader
from edge_runtime.backends import litert, numpy_int8, tflite_graph
from edge_runtime.backends.layers import Dense
from edge_runtime.backends.tflite_graph import read_tflite
from edge_runtime.bundles.bundle import DIGIT, LINE, Shapes, load_bundle, load_line_bundle
from edge_runtime.bundles.golden import load_golden
from edge_runtime.errors import BackendError
from edge_runtime.synthetic.pages import Appearance, draw_page
from tests.conftest import ROOT

NOTICE = "notice: falling back to the slower NumPy backend"


def of(bundle):
    """The bytes of a model, and its shapes."""
    return bundle.file("tflite_int8").load(), bundle.shapes


@pytest.fixture
def nano():
    """The smallest network."""
    return of(load_bundle("ann-nano"))


def both(model, shapes, images):
    return [backend.load(model, 1, shapes).run(images) for backend in (litert, numpy_int8)]


@pytest.mark.parametrize(
    ("name", "count"), [("ann", 10_000), ("ann-small", 10_000), ("ann-nano", 10_000), ("cnn", 2000)]
)
def test_test_digits_give_the_outputs_of_litert(name, count, mnist):
    theirs, ours = both(*of(load_bundle(name)), mnist.test_images[:count])
    assert len(ours) == count
    assert (ours.argmax(1) == theirs.argmax(1)).all()
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_noise_gives_the_outputs_of_litert(nano):
    noise = np.random.default_rng(3).integers(0, 256, (500, *DIGIT), np.uint8)
    theirs, ours = both(*nano, noise)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_noise_in_a_line_gives_the_outputs_of_litert():
    noise = np.random.default_rng(3).integers(0, 256, (10, *LINE), np.uint8)
    theirs, ours = both(*of(load_line_bundle()), noise)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("bundle", [load_bundle("cnn"), load_line_bundle()], ids=["cnn", "lines"])
def test_convolutions_give_the_golden_outputs(bundle):
    golden = load_golden(bundle)
    model, shapes = of(bundle)
    ours = numpy_int8.load(model, 1, shapes).run(golden.images)
    assert np.abs(ours.astype(int) - golden.outputs["tflite_int8"]).max() <= 1


def test_a_classifier_gives_the_probabilities_of_litert(drawn_digits):
    images, _ = drawn_digits
    theirs, ours = (Classifier("cnn", backend=name).classify(list(images)) for name in ("litert", "numpy"))
    np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)


def test_sums_beyond_the_exact_range_of_float32_stay_exact(nano):
    model, shapes = nano
    sums = next(step.layer.sums for step in read_tflite(model).steps if isinstance(step.layer, Dense))
    bias = np.random.default_rng(5).integers(20_000_000, 60_000_000, sums.bias.shape).astype("<i4")
    changed = model.replace(sums.bias.tobytes(), bias.tobytes())
    # So small a scale that the outputs are in the middle of int8, and the last bits of a sum decide.
    changed = changed.replace(struct.pack("<f", sums.scales[0]), struct.pack("<f", 4e-8))
    assert changed != model
    images = np.random.default_rng(6).integers(0, 256, (300, *DIGIT), np.uint8)
    theirs, ours = both(changed, shapes, images)
    assert np.ptp(theirs, 0).max() > 0
    np.testing.assert_array_equal(ours, theirs)


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
@pytest.mark.parametrize(("name", "count"), [("ann-nano", 2000), ("cnn", 500)])
def test_any_damage_is_refused_or_harmless(name, count):
    model, shapes = of(load_bundle(name))
    random = np.random.default_rng(11)
    blank = np.zeros((1, *DIGIT), np.uint8)
    refused = 0
    for _ in range(count):
        try:
            assert numpy_int8.load(damaged(model, random), 1, shapes).run(blank).dtype == np.int8
        except BackendError as error:
            assert "\n" not in str(error)
            refused += 1
    assert count // 4 < refused < count


@pytest.mark.parametrize("name", ["ann-nano", "cnn"])
def test_any_truncation_is_refused(name):
    model, shapes = of(load_bundle(name))
    for size in range(0, len(model), len(model) // 250):
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


def test_a_backend_that_cannot_run_the_line_recogniser_cuts_rows_and_says_so_once(touching, monkeypatch, caplog):
    monkeypatch.delitem(tflite_graph.READERS, tflite_graph.CONV_2D)
    classifier = Classifier(backend="numpy")
    reader = Reader(classifier)
    pages = [reader.read(touching, "page") for _ in range(2)]
    more, said = [record.getMessage() for record in caplog.records]
    assert said.startswith("notice: no line recognition, so touching digits are cut apart: the backend numpy cannot")
    assert more.startswith("notice: other ink beside digits may be read: the backend numpy cannot")
    cut = Reader(classifier, lines=False).read(touching, "page")
    assert [page.text for page in pages] == [cut.text] * 2


def test_pages_are_read_with_the_line_recogniser(run_cli, no_interpreter, touching):
    done = run_cli("read", "--json", touching, before=no_interpreter)
    (line,) = done.stderr.splitlines()
    assert line.startswith(NOTICE)
    assert json.loads(done.stdout)["text"] == "3652"
    assert done.stdout == run_cli("read", "--json", "--backend", "litert", touching).stdout
