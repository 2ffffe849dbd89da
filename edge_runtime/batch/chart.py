"""An image of a confusion matrix, drawn with OpenCV because devices have no plotting library."""

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 64  # pixels
EDGE = 90  # pixels, left and above
FONT = cv2.FONT_HERSHEY_SIMPLEX
INK, FAINT, RIGHT, WRONG = (40, 40, 40), (225, 225, 225), (150, 180, 60), (80, 80, 230)  # blue, green, red


def confusion_png(confusion: NDArray[np.int64], title: str) -> bytes:
    """Draw counts as coloured cells and return PNG bytes.

    confusion: int64 (10, 11), true digit by label, the last column for no label. Correct labels are green, wrong ones
    red; the colour is stronger for a larger share of the true digit.
    """
    rows, columns = confusion.shape
    image = np.full((EDGE + rows * CELL + 20, EDGE + columns * CELL + 20, 3), 255, np.uint8)
    _text(image, title, (EDGE, 28), 0.6)
    _text(image, "label read", (EDGE, 54), 0.5)
    _text(image, "true", (20, 54), 0.5)
    for column in range(columns):
        _text(image, str(column) if column < 10 else "none", (EDGE + column * CELL + 16, EDGE - 10), 0.6)
    for row in range(rows):
        top = EDGE + row * CELL
        _text(image, str(row), (48, top + 40), 0.7)
        total = max(1, int(confusion[row].sum()))
        for column in range(columns):
            left, count = EDGE + column * CELL, int(confusion[row, column])
            # Even a single mistake must be visible: at least a fifth of the full colour.
            strength = 0.2 + 0.8 * count / total if count else 0.0
            colour = np.array(RIGHT if row == column else WRONG)
            fill = (255 - strength * (255 - colour)).tolist()
            cv2.rectangle(image, (left, top), (left + CELL - 2, top + CELL - 2), fill, cv2.FILLED)
            cv2.rectangle(image, (left, top), (left + CELL - 2, top + CELL - 2), FAINT, 1)
            if count:
                text = f"{count}" if count < 100_000 else f"{count / 1000:.0f}k"
                size = 0.5 if len(text) < 5 else 0.42
                width = cv2.getTextSize(text, FONT, size, 1)[0][0]
                _text(image, text, (left + max(1, (CELL - width) // 2), top + 38), size)
    return bytes(cv2.imencode(".png", image)[1])


def _text(image: NDArray[np.uint8], text: str, at: tuple[int, int], size: float) -> None:
    cv2.putText(image, text, at, FONT, size, INK, 1, cv2.LINE_AA)
