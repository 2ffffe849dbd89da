"""A small blank form and filled sheets of it, drawn with OpenCV, whose places are known."""

import cv2
import numpy as np

from edge_runtime.synthetic.digits import draw_digit

WIDTH, HEIGHT = 826, 1169  # A4 at 100 dpi
# Name, left, top, cells and kind of each field; a cell is 40 pixels wide and 50 high.
FIELDS = (
    ("number", 120, 240, 6, "boxes"),
    ("date", 120, 400, 4, "comb"),
    ("amount", 120, 560, 5, "line"),
    ("room", 480, 560, 3, "frame"),
)
CELL, TALL = 40, 50
VALUES = {"number": "471123", "date": "2074", "amount": "63058", "room": "207"}


def draw_blank(title="Order of Spare Parts"):
    image = np.full((HEIGHT, WIDTH), 245, np.uint8)
    cv2.putText(image, title, (60, 100), cv2.FONT_HERSHEY_DUPLEX, 1.2, 40, 2, cv2.LINE_AA)
    cv2.line(image, (60, 130), (760, 130), 40, 2)
    for number, text in enumerate(("Please write one digit into each box.", "Return it to room 3 by the end of May.")):
        cv2.putText(image, text, (60, 900 + 60 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 60, 1, cv2.LINE_AA)
    for name, left, top, cells, kind in FIELDS:
        right, bottom = left + CELL * cells, top + TALL
        cv2.putText(image, name.title(), (left, top - 14), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 50, 1, cv2.LINE_AA)
        if kind in ("boxes", "frame"):
            cv2.rectangle(image, (left, top), (right, bottom), 50, 2)
        else:
            cv2.line(image, (left, bottom), (right, bottom), 50, 2)
        for cell in range(cells + 1) if kind in ("boxes", "comb") else ():
            x = left + CELL * cell
            cv2.line(image, (x, top if kind == "boxes" else bottom - 16), (x, bottom), 50, 2)
    return image


def fill(blank, values=VALUES):
    """A sheet with digits in its fields."""
    image = blank.copy()
    for name, left, top, *_ in FIELDS:
        for cell, digit in enumerate(values.get(name, "")):
            drawn = draw_digit(int(digit), seed=3, size=44)
            x, y = left + CELL * cell - 2, top + 1
            part = image[y : y + 44, x : x + 44]
            part[:] = np.minimum(part, 255 - drawn)
    return image


def write_form(folder, template="blank.png", **more):
    """Write the blank form and its TOML file, and return the path of the latter. more: lines by name of a field."""
    cv2.imwrite(str(folder / "blank.png"), draw_blank())
    lines = [f'template = "{template}"\n'] if template else []
    for name, left, top, cells, _ in FIELDS:
        box = [left - 6, top - 6, CELL * cells + 12, TALL + 12]
        lines.append(f'[[field]]\nname = "{name}"\nbox = {box}\n{more.get(name, f"digits = {cells}")}\n')
    (folder / "form.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "form.toml"


def move(image, corners):
    """The image as a camera sees it: its corners, clockwise from the upper left one, come to these places."""
    height, width = image.shape
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(own, np.array(corners, np.float32))
    return cv2.warpPerspective(image, matrix, (width, height), borderValue=(90,)), matrix
