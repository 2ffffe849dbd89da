"""The test digits as picture files give what the arrays give."""

import csv

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier
from train.data import load_mnist


@pytest.fixture(scope="module")
def mnist():
    return load_mnist()


def test_png_files_score_within_005_points_of_the_arrays(mnist, run_cli, tmp_path):
    arrays = (Classifier().classify_normalised(mnist.test_images).label == mnist.test_labels).mean()
    folder = tmp_path / "digits"
    folder.mkdir()
    for index, image in enumerate(mnist.test_images):
        cv2.imwrite(str(folder / f"{index:05}.png"), image)
    run_cli("batch-classify", folder, "--output", "results.csv")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [f"{index:05}.png" for index in range(10_000)]
    files = np.mean([row["label"] == str(label) for row, label in zip(rows, mnist.test_labels, strict=True)])
    assert files == pytest.approx(arrays, abs=0.0005)


def test_the_shipped_model_reaches_its_figure(mnist):
    assert (Classifier().classify_normalised(mnist.test_images).label == mnist.test_labels).mean() >= 0.99
