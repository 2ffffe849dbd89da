"""Strokes that still show their digit.

The centre line of a thick digit may lose what makes it readable: a small loop that is full of ink becomes a line. So
strokes are drawn again and classified. A digit whose image is misread as well is kept: it is hard, not damaged.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.classifier import Classifier
from edge_runtime.normalise import normalise_all
from edge_runtime.types import Gray
from train.synthetic.scenes.skeleton import Strokes, strokes_of

INKS = (0.45, 0.65, 0.8)  # shares of full ink that are tried in turn: a higher one opens loops
SIDE = 112  # pixels: height and width of a digit that is drawn again
EDGE = 16  # pixels: margin around it
RADIUS = 0.5  # pixels of MNIST: half of the width of a thin pen


def legible_strokes(images: NDArray[np.uint8], labels: NDArray[np.integer]) -> tuple[list[Strokes], NDArray[np.bool_]]:
    """Return the strokes of N digits, and whether each shows its digit, (N,).

    images: uint8 (N, 28, 28), ink bright on 0. labels: (N,), 0 to 9.
    """
    classifier = Classifier()
    crops = normalise_all(255 - image for image in images)
    hard = classifier.classify_normalised(crops).label != labels
    strokes = strokes_of(images, INKS[0])
    legible = hard | (classifier.classify_normalised(normalise_all(_draw_all(strokes))).label == labels)
    for ink in INKS[1:]:
        places = np.flatnonzero(~legible)
        if not len(places):
            break
        again = strokes_of(images[places], ink)
        right = classifier.classify_normalised(normalise_all(_draw_all(again))).label == labels[places]
        for number in np.flatnonzero(right).tolist():
            strokes[int(places[number])] = again[number]
        legible[places] = right
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
