"""The test digits as picture files give what the arrays give."""

import csv

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier

COUNT = 2_000  # digits


@pytest.mark.long("reads 2,000 digits of MNIST twice")
def test_png_files_score_what_the_arrays_score(mnist, run_cli, tmp_path):
    images, labels = mnist.test_images[:COUNT], mnist.test_labels[:COUNT]
    arrays = Classifier().classify_normalised(images).label
    folder = tmp_path / "digits"
    folder.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"{index:05}.png"), image)
    run_cli("batch-classify", folder, "--output", "results.csv")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [f"{index:05}.png" for index in range(COUNT)]
    files = np.array([int(row["label"]) for row in rows])
    # A file goes through `normalise`, an array does not.
    assert (files != arrays).sum() <= COUNT // 500
    assert abs((files == labels).sum() - (arrays == labels).sum()) <= COUNT // 1000


def test_the_shipped_model_reaches_its_figure(mnist):
    assert (Classifier().classify_normalised(mnist.test_images).label == mnist.test_labels).mean() >= 0.99
