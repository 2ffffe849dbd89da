"""Threads share a classifier, a reader and the one behind `read_page`; and no BLAS thread is woken on the way."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge_runtime import Classifier, Reader, read_page
from edge_runtime.backends import KINDS, is_installed
from edge_runtime.lines.recognizer import LineRecognizer
from edge_runtime.normalise import normalise_all
from edge_runtime.synthetic.pages import Appearance, draw_page
from tests.conftest import ROOT, skip

BACKENDS = os.environ.get("EDGE_DIGITS_BACKENDS", "litert onnx numpy fake").split()
THREADS, CALLS = 8, 60


@pytest.fixture(params=BACKENDS)
def backend(request):
    if not is_installed(request.param):
        skip(f"the backend {request.param} is not installed: {KINDS[request.param].install}")
    return request.param


def pages():
    """Pages of which each needs the classifier and the line recogniser, and differs from the others."""
    return [
        draw_page([text], (300, 120), 56, 3, Appearance(touching=1.0)).image for text in ("36", "52", "2074", "800")
    ]


def test_threads_share_a_classifier(backend, drawn_digits):
    classifier = Classifier(backend=backend)
    digits = normalise_all(drawn_digits[0])
    alone = [classifier.classify_normalised(digit).probabilities for digit in digits]

    def call(number):
        at = number % len(digits)
        some = classifier.classify_normalised(digits[at : at + 1 + number % 9])
        return at, classifier.classify_normalised(digits[at]).probabilities, some.probabilities[0]

    with ThreadPoolExecutor(THREADS) as pool:
        for at, one, first in pool.map(call, range(10 * CALLS)):
            np.testing.assert_array_equal(one, alone[at])
            np.testing.assert_allclose(first, alone[at], atol=1e-6)


def test_threads_share_a_reader(backend):
    reader = Reader(Classifier(backend=backend))  # opens the network for lines when the first thread asks for it
    images = pages()
    with ThreadPoolExecutor(THREADS) as pool:
        read = list(pool.map(lambda number: reader.read(images[number % len(images)], "page"), range(CALLS)))
    alone = Reader(Classifier(backend=backend))
    expected = [alone.read(image, "page") for image in images]
    assert all(page == expected[number % len(images)] for number, page in enumerate(read))
    assert len({str(page) for page in expected}) > 1


def test_threads_share_a_line_reader():
    reader = LineRecognizer()
    lines = np.random.default_rng(1).integers(0, 256, (12, 32, 192), dtype=np.uint8)
    expected = [reader.read(line[np.newaxis])[0] for line in lines]
    with ThreadPoolExecutor(THREADS) as pool:
        for number, (found,) in enumerate(pool.map(lambda at: reader.read(lines[at % 12][np.newaxis]), range(CALLS))):
            np.testing.assert_array_equal(found.digits.probabilities, expected[number % 12].digits.probabilities)


def test_tasks_of_asyncio_share_the_default_reader():
    images = pages()

    async def all_of_them():
        return await asyncio.gather(*(asyncio.to_thread(read_page, images[at % len(images)]) for at in range(CALLS)))

    expected = [read_page(image) for image in images]
    assert asyncio.run(all_of_them()) == [expected[at % len(images)] for at in range(CALLS)]


WOKEN = """
import os, sys, time
tasks = set(os.listdir("/proc/self/task"))
import numpy as np
blas = set(os.listdir("/proc/self/task")) - tasks
from edge_runtime import Classifier, Reader
from edge_runtime.synthetic.pages import Appearance, draw_page
def switches():
    time.sleep(0.3)  # a thread that was woken sleeps again
    total = 0
    for task in blas:
        with open(f"/proc/self/task/{task}/status") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return total
page = draw_page(["2074", "36"], (900, 700), 56, 3, Appearance(touching=1.0)).image
reader = Reader(Classifier(backend=sys.argv[1]))
digits = np.random.default_rng(1).integers(0, 256, (300, 28, 28), dtype=np.uint8)
def work():
    reader.read(page, "page")
    reader.read(page[:200, :200])
    reader.read_many(digits)
    Classifier(backend=sys.argv[1]).classify_normalised(digits)
work()
before = switches()
for _ in range(5):
    work()
after = switches()
large, woken = np.ones((900, 900), np.float32), 0
for _ in range(20):
    large @ large
    if woken := switches() - after:
        break
print(len(blas), after - before, woken)
"""


@pytest.mark.parametrize("backend", ["litert", "numpy"])
def test_reading_wakes_no_blas_thread(backend):
    """A thread of OpenBLAS that gets work is switched to; without a setting in the environment it has one a core."""
    if not is_installed(backend):
        skip(f"the backend {backend} is not installed: {KINDS[backend].install}")
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", WOKEN, backend], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    threads, reading, product = map(int, done.stdout.split())
    if not threads or not product:
        skip("needs two cores, and a NumPy whose BLAS library has threads of its own")
    assert reading == 0
