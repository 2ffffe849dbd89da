"""`python -m tests.on_few train ...`: a command of the checkout in a process of its own, on a few digits of MNIST."""

import importlib
import sys

from edge_runtime.cli.run import run
from train.data.mnist import Mnist, load_mnist

USERS = ("train.__main__", "export.pipeline", "benchmarks.options")  # who asks for MNIST


def few_of(mnist: Mnist) -> Mnist:
    """MNIST with 2,000 digits to train on, 1,200 of validation and 1,000 of test."""
    return Mnist(
        mnist.train_images[:3200], mnist.train_labels[:3200], mnist.test_images[:1000], mnist.test_labels[:1000], 1200
    )


def main() -> None:
    """Run `python -m PACKAGE ARGUMENT...`."""
    package = sys.argv.pop(1)
    few = few_of(load_mnist())
    for name in USERS:
        if name.startswith(package):
            importlib.import_module(name).load_mnist = lambda path=None: few
    run(importlib.import_module(f"{package}.__main__").command, package)


if __name__ == "__main__":
    main()
