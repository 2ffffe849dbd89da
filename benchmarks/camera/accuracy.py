"""Accuracy on drawn films: the share of right readings, and of pages that get one."""

from collections.abc import Callable
from typing import Any

import cv2

from benchmarks.camera.scenes import film, scene
from edge_runtime import Classifier, Reader
from edge_runtime.watch.frames import FrameReader


def measure(classifier: Classifier, films: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Watch a number of films from `scenes`.

    A reading is right if it is the digits of the sheet that is in the image; false if no sheet is.
    """
    reader = Reader(classifier)
    cv2.setNumThreads(1)
    right = wrong = false = seen = frames = 0
    for seed in range(films):
        if seed % 10 == 0:
            tell(f"film {seed} of {films}")
        of, watch, read = scene(seed), FrameReader(reader, "film"), False
        for shown in film(of):
            frames += 1
            reading = watch.process(shown.frame).reading
            if reading is None or not reading.text:
                continue
            false += shown.text == ""
            is_right = shown.text != "" and reading.text == of.text
            right += is_right
            wrong += not is_right
            read = read or is_right
        seen += read
    return {"films": films, "frames": frames, "right": right, "wrong": wrong, "of_nothing": false, "sheets_read": seen}
