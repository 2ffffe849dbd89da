"""Draw how a page was read, stage by stage."""

import cv2
import numpy as np

from edge_runtime.find.reading import Found
from edge_runtime.overlay import FONT, OK, REJECTED, Drawing, corners, draw_boxes, scaled_size
from edge_runtime.page import Page
from edge_runtime.types import Gray, Status

DROPPED, INK = (90, 90, 220), (40, 40, 40)
PIECES = ((230, 110, 40), (60, 170, 60), (60, 60, 230), (200, 60, 200), (40, 170, 220), (170, 170, 40))
SIDE = 900  # pixels: the largest width of a stage; the smallest is half of it
HIGH = 4 * SIDE  # pixels: the largest height of a stage
TILE = 84  # pixels: the side of a crop in the drawing
NAMED = 40  # dropped candidates: only the largest are labelled with their reasons


def draw_stages(gray: Gray, found: Found, page: Page) -> Drawing:
    """Return one drawing with all stages, from top to bottom.

    The stages: the gray page; its ink; the candidates, each piece of ink in its own colour and each dropped candidate
    with its reason; the rows read by the line recogniser; the normalised digits with label, confidence and decision;
    the text.
    """
    scale = min(SIDE, max(SIDE // 2, gray.shape[1])) / gray.shape[1]
    scale = min(scale, HIGH / gray.shape[0])
    size = scaled_size(gray, scale)
    shown = _resize(gray, size)
    ink = _resize(np.asarray(cv2.bitwise_not(found.ink.strength), np.uint8), size)
    stages = [
        _add_title(f"gray, {gray.shape[1]} x {gray.shape[0]} pixels", shown),
        _add_title(f"ink, reduced {found.ink.factor} times" if found.ink.factor > 1 else "ink", ink),
        _add_title("candidates; in red: dropped", _draw_candidates(found, page, size, scale)),
        *_draw_lines(found),
        _add_title("normalised digits and the decision on each", _draw_tiles(found, page, size[0])),
        _add_title("read: " + (page.text.replace("\n", " / ") or "nothing"), np.full((4, size[0], 3), 255, np.uint8)),
    ]
    width = max(stage.shape[1] for stage in stages)
    return np.vstack(
        [cv2.copyMakeBorder(s, 0, 0, 0, width - s.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3) for s in stages]
    )


def _resize(gray: Gray, size: tuple[int, int]) -> Drawing:
    how = cv2.INTER_AREA if size[0] <= gray.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.cvtColor(cv2.resize(gray, size, interpolation=how), cv2.COLOR_GRAY2BGR), np.uint8)


def _add_title(title: str, drawing: Drawing) -> Drawing:
    head = np.full((30, max(drawing.shape[1], 12 + 9 * len(title)), 3), 235, np.uint8)
    cv2.putText(head, title, (8, 20), FONT, 0.5, INK, 1, cv2.LINE_AA)
    drawing = np.asarray(
        cv2.copyMakeBorder(drawing, 0, 0, 0, head.shape[1] - drawing.shape[1], cv2.BORDER_CONSTANT, value=(255,) * 3),
        np.uint8,
    )
    return np.vstack([head, drawing])


def _draw_candidates(found: Found, page: Page, size: tuple[int, int], scale: float) -> Drawing:
    drawing = np.full((size[1], size[0], 3), 255, np.uint8)
    rules = cv2.resize(found.blobs.rules, size, interpolation=cv2.INTER_NEAREST)
    drawing[rules > 0] = (225, 215, 200)
    for row in found.rows:
        along = found.ink.factor / row.scale * scale
        for number, piece in enumerate(row.pieces):
            x, y = (
                row.x * found.ink.factor * scale + piece.x * along,
                row.y * found.ink.factor * scale + piece.y * along,
            )
            width, height = (max(1, round(side * along)) for side in piece.ink.shape[::-1])
            cover = cv2.resize(piece.ink, (width, height), interpolation=cv2.INTER_LINEAR)
            left, top = max(0, round(x)), max(0, round(y))
            window = drawing[top : top + height, left : left + width]
            shade = cover[: window.shape[0], : window.shape[1], np.newaxis].astype(np.float32) / 255
            window[:] = window * (1 - shade) + np.array(PIECES[number % len(PIECES)], np.float32) * shade
    largest = sorted(page.dropped, key=lambda each: -each.box.width * each.box.height)
    for number, each in enumerate(largest):
        corner, other = corners(each.box, scale)
        cv2.rectangle(drawing, corner, other, DROPPED, 1)
        if number < NAMED:
            cv2.putText(drawing, each.reason, (corner[0], max(8, corner[1] - 2)), FONT, 0.33, DROPPED, 1, cv2.LINE_AA)
    draw_boxes(drawing, page.digits, scale, named=False)
    return drawing


def _draw_lines(found: Found) -> list[Drawing]:
    stages = []
    for row in found.rows:
        if row.line_reading is not None:
            text = "".join(map(str, row.line_reading.digits.label)) or "nothing"
            line = np.hstack(row.lines)
            shown = _resize(line, (2 * line.shape[1], 2 * line.shape[0]))
            stages.append(_add_title(f"line recogniser: {text}", shown))
    return stages


def _draw_tiles(found: Found, page: Page, width: int) -> Drawing:
    tiles = []
    for each, digit in zip(found.digits, page.digits, strict=True):
        tile = np.full((TILE + 34, TILE, 3), 255, np.uint8)
        tile[4:TILE, 4:TILE] = cv2.cvtColor(
            cv2.resize(each.image, (TILE - 4, TILE - 4), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR
        )
        colour = OK if digit.status is Status.OK else REJECTED
        cv2.putText(tile, f"{digit.label}  {digit.confidence:.1%}", (4, TILE + 14), FONT, 0.42, INK, 1, cv2.LINE_AA)
        cv2.putText(tile, digit.reason or digit.status.value, (4, TILE + 28), FONT, 0.36, colour, 1, cv2.LINE_AA)
        tiles.append(tile)
    if not tiles:
        return np.full((4, width, 3), 255, np.uint8)
    across = max(1, width // TILE)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
    return np.vstack([np.hstack(tiles[at : at + across]) for at in range(0, len(tiles), across)])
