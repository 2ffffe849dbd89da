"""Who wrote each digit of MNIST: `mnist_writers.npz`.

Numbers of NIST's writers, 0 to 610 for employees of the Census Bureau and 2100 to 2599 for students, in MNIST's order.
From column 2 of QMNIST's extended labels (C. Yadav and L. Bottou, "Cold case: the lost MNIST digits", NeurIPS 2019; BSD
licence, copyright Facebook, Inc. and its affiliates).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.data.mnist import Mnist

FILE = Path(__file__).with_name("mnist_writers.npz")


class Handwriting(NamedTuple):
    """N digits and who wrote them."""

    images: NDArray[np.uint8]  # (N, 28, 28), ink bright on 0
    labels: NDArray[np.uint8]  # (N,), 0 to 9
    writers: NDArray[np.int16] | None  # (N,); None if `Mnist` is not the published set


def fit_part(mnist: Mnist) -> Handwriting:
    """Return the training digits without the validation digits and without the other digits of their writers."""
    images, labels = mnist.fit_part()
    writers = _writers("train", len(mnist.train_images))
    if writers is None:
        return Handwriting(images, labels, None)
    fitted = writers[: len(images)]
    kept = ~np.isin(fitted, writers[len(images) :])
    return Handwriting(images[kept], labels[kept], fitted[kept])


def all_of(mnist: Mnist) -> Handwriting:
    """Return all training digits."""
    return Handwriting(mnist.train_images, mnist.train_labels, _writers("train", len(mnist.train_images)))


def validation_part(mnist: Mnist) -> Handwriting:
    """Return the validation digits."""
    writers = _writers("train", len(mnist.train_images))
    return Handwriting(*mnist.validation_part(), None if writers is None else writers[-mnist.validation :])


def test_part(mnist: Mnist) -> Handwriting:
    """Return the test digits."""
    return Handwriting(mnist.test_images, mnist.test_labels, _writers("test", len(mnist.test_images)))


def _writers(part: str, count: int) -> NDArray[np.int16] | None:
    with np.load(FILE, allow_pickle=False) as arrays:
        writers: NDArray[np.int16] = arrays[part]
    return writers if len(writers) == count else None
