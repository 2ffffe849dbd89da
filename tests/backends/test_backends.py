"""One contract for every backend.

LiteRT and tflite-runtime cannot share an environment: `make test-tflite-runtime` runs this file again in its own, with
EDGE_DIGITS_BACKENDS saying which backends are to be there.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from edge_runtime import Classifier
from edge_runtime.backends import KINDS, is_installed
from edge_runtime.bundles.bundle import load_bundle
from edge_runtime.errors import BackendError, ModelError, UsageError
from edge_runtime.normalise import normalise
from tests.conftest import skip

BACKENDS = os.environ.get("EDGE_DIGITS_BACKENDS", "litert onnx numpy fake").split()
REAL = [name for name in BACKENDS if KINDS[name].library]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return installed(request.param)


@pytest.fixture(params=REAL)
def real_backend(request):
    return installed(request.param)


def installed(name):
    if not is_installed(name):
        skip(f"the backend {name} is not installed: {KINDS[name].install}")
    return name


@pytest.fixture
def digits(drawn_digits):
    images, _ = drawn_digits
    return np.stack([normalise(image) for image in images])


def test_one_image_gives_scalars_and_many_give_rows(backend, digits):
    classifier = Classifier(backend=backend)
    one = classifier.classify_normalised(digits[0])
    assert (one.label.shape, one.confidence.shape, one.probabilities.shape) == ((), (), (10,))
    for count in (0, 1, 2, 5, 50):
        many = classifier.classify_normalised(digits[:count])
        assert (many.label.shape, many.confidence.shape, many.probabilities.shape) == ((count,), (count,), (count, 10))
        assert many.label.dtype == np.int64
        assert many.confidence.dtype == many.probabilities.dtype == np.float32


def test_probabilities_lack_to_one_what_is_no_digit_and_the_label_is_the_largest(backend, digits):
    classifier = Classifier(backend=backend)
    result = classifier.classify_normalised(digits)
    sums = result.probabilities.sum(1)
    assert (sums <= 1 + 1e-5).all()
    assert np.median(sums) > 0.99
    noise = np.random.default_rng(1).integers(0, 256, (20, 28, 28), np.uint8)
    if backend != "fake":
        assert (classifier.classify_normalised(noise).probabilities.sum(1) < 0.5).mean() > 0.9
    assert (result.label == result.probabilities.argmax(1)).all()
    assert (result.confidence == result.probabilities.max(1)).all()


@pytest.mark.parametrize("count", [2, 4, 5, 63, 64, 65, 130, 300])
def test_an_image_scores_the_same_alone_and_in_any_batch(backend, digits, count):
    classifier = Classifier(backend=backend)
    images = np.resize(digits, (count, 28, 28))
    together = classifier.classify_normalised(images)
    apart = [classifier.classify_normalised(image) for image in images[:50]]
    np.testing.assert_allclose(together.probabilities[:50], [one.probabilities for one in apart], atol=1e-6)


def test_results_stay_the_callers_own(backend, digits):
    classifier = Classifier(backend=backend)
    first = classifier.classify_normalised(digits[:5])
    kept = first.probabilities.copy()
    classifier.classify_normalised(digits[5:10])
    np.testing.assert_array_equal(first.probabilities, kept)


def test_input_may_be_read_only_and_strided_and_is_left_alone(backend, digits):
    classifier = Classifier(backend=backend)
    expected = classifier.classify_normalised(digits[::2].copy()).probabilities
    strided = digits[::2]
    strided.flags.writeable = False
    before = strided.copy()
    np.testing.assert_array_equal(classifier.classify_normalised(strided).probabilities, expected)
    np.testing.assert_array_equal(strided, before)


def test_two_threads_say_the_same_as_one(real_backend, digits):
    one, two = (Classifier(backend=real_backend, threads=threads).classify_normalised(digits) for threads in (1, 2))
    np.testing.assert_allclose(one.probabilities, two.probabilities, atol=1e-6)


def test_drawn_digits_are_read(real_backend, digits, drawn_digits):
    _, labels = drawn_digits
    assert (Classifier(backend=real_backend).classify_normalised(digits).label == labels).mean() >= 0.9


@pytest.mark.parametrize(
    "images",
    [np.zeros((28, 28)), np.zeros((28, 28), np.int8), np.zeros((27, 28), np.uint8), np.zeros((1, 1, 28, 28), np.uint8)],
)
def test_other_arrays_are_refused(images):
    with pytest.raises(UsageError, match="normalised images are"):
        Classifier(backend="fake").classify_normalised(images)


@pytest.mark.parametrize("threads", [0, -1, 65, 1.5, "2"])
def test_other_thread_counts_are_refused(threads):
    with pytest.raises(UsageError, match="threads is a whole number"):
        Classifier(backend="fake", threads=threads)


def test_an_unknown_backend_is_refused():
    with pytest.raises(UsageError, match="choose one of auto, litert"):
        Classifier(backend="tensorflow")


@pytest.fixture
def own_bundle(tmp_path):
    """A copy of the default bundle to break; `break_` changes a model's bytes, and the manifest with them."""
    bundle = load_bundle()
    folder = tmp_path / "bundle"
    folder.mkdir()
    manifest = dict(bundle.manifest)
    manifest["files"] = {kind: entry for kind, entry in manifest["files"].items() if kind.endswith("int8")}
    for entry in manifest["files"].values():
        shutil.copy(bundle.folder / entry["path"], folder)

    def rewrite(kind, change):
        entry = manifest["files"][kind]
        data = change((folder / entry["path"]).read_bytes())
        (folder / entry["path"]).write_bytes(data)
        entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return rewrite


def test_bytes_that_are_no_model_are_refused(real_backend, own_bundle):
    folder = own_bundle(KINDS[real_backend].model, lambda _: b"no model at all" * 10)
    with pytest.raises((BackendError, ModelError)):
        Classifier(folder, backend=real_backend)


def test_a_truncated_model_is_refused(real_backend, own_bundle):
    folder = own_bundle(KINDS[real_backend].model, lambda data: data[:1000])
    with pytest.raises((BackendError, ModelError)):
        Classifier(folder, backend=real_backend)


def test_a_model_of_another_kind_is_refused(real_backend, own_bundle):
    """The manifest is right about the bytes and wrong about what they are."""
    other = (
        load_bundle().file({"tflite_int8": "onnx_int8", "onnx_int8": "tflite_int8"}[KINDS[real_backend].model]).load()
    )
    with pytest.raises(BackendError, match="refuses the model"):
        Classifier(own_bundle(KINDS[real_backend].model, lambda _: other), backend=real_backend)


MISSING = """
import sys
for library in {libraries!r}:
    sys.modules[library] = None
from edge_runtime import Classifier, EdgeDigitsError
try:
    Classifier({model!r}, backend={backend!r})
except EdgeDigitsError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("model", "backend"), [("ann", "onnx"), ("cnn", "litert")])
def test_a_missing_backend_says_what_to_install(model, backend):
    libraries = [kind.library for kind in KINDS.values() if kind.library not in (None, "numpy")]
    code = MISSING.format(libraries=libraries, model=model, backend=backend)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("BackendError")
    assert {"onnx": "edge-digits[onnx]", "litert": "ai-edge-litert"}[backend] in said
