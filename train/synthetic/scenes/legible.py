"""Strokes that still show their digit.

The centre line of a thick digit may lose what makes it readable: a small loop that is full of ink becomes a line. So
strokes are drawn again and classified. A digit whose image is misread as well is kept: it is hard, not damaged.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.classifier import Classifier
from edge_runtime.normalise import normalise_all
from edge_runtime.types import Gray
from train.synthetic.scenes.skeleton import Strokes, strokes_of

HIGHER = (0.65, 0.8)  # shares of full ink that are tried in turn: they open loops
SIDE = 112  # pixels: height and width of a digit that is drawn again
EDGE = 16  # pixels: margin around it
RADIUS = 0.5  # pixels of MNIST: half of the width of a thin pen


def legible_strokes(images: NDArray[np.uint8], labels: NDArray[np.integer]) -> tuple[list[Strokes], NDArray[np.bool_]]:
    """Return the strokes of N digits, and whether each shows its digit, (N,).

    images: uint8 (N, 28, 28), ink bright on 0. labels: (N,), 0 to 9.
    """
    classifier = Classifier()

    def are_read(pictures: Iterable[Gray], true: NDArray[np.integer]) -> NDArray[np.bool_]:
        return np.asarray(classifier.classify_normalised(normalise_all(pictures)).label == true, np.bool_)

    strokes = strokes_of(images)
    legible = ~are_read((255 - image for image in images), labels) | are_read(_draw_all(strokes), labels)
    for share in HIGHER:
        places = np.flatnonzero(~legible)
        if not len(places):
            break
        again = strokes_of(images[places], share)
        legible[places] = are_read(_draw_all(again), labels[places])
        for number in np.flatnonzero(legible[places]).tolist():
            strokes[int(places[number])] = again[number]
    return strokes, legible


def _draw_all(strokes: list[Strokes]) -> Iterator[Gray]:
    """Draw strokes with a thin pen, dark on white."""
    zoom = SIDE / 28
    for each in strokes:
        image = np.full((SIDE + 2 * EDGE, SIDE + 2 * EDGE), 255, np.uint8)
        for path in each.paths:
            points = np.rint(16 * ((path + 0.5) * zoom + EDGE)).astype(np.int32)
            cv2.polylines(image, [points], False, 0, round(2 * RADIUS * zoom), cv2.LINE_AA, 4)
        yield image
