"""Draw how a page was read, stage by stage."""

import cv2
import numpy as np

from edge_runtime.find.reading import Found
from edge_runtime.overlay import FONT, OK, REJECTED, Drawing, corners, draw_boxes, scaled_size
from edge_runtime.page import Page
from edge_runtime.segmentation.maps import PageMap, enlarge
from edge_runtime.types import Digit, Gray, Status

DROPPED, INK = (90, 90, 220), (40, 40, 40)
PIECES = ((230, 110, 40), (60, 170, 60), (60, 60, 230), (200, 60, 200), (40, 170, 220), (170, 170, 40))
SIDE = 900  # pixels: the largest width of a stage that shows the page; the smallest is half of it
HIGH = 1600  # pixels: the largest height of the drawing
TITLE = 30  # pixels: the height of a title
KIND_COLOURS = ((255, 255, 255), (235, 180, 120), (200, 60, 200), (60, 150, 30))  # background, other, mark, digit
COLUMN = 8  # digits side by side, on the right
GAP = 16  # pixels between the columns
TILE = 84  # pixels: the side of a crop in the drawing
NAMED = 40  # dropped candidates: only the largest are labelled with their reasons


def draw_stages(gray: Gray, found: Found, page: Page) -> Drawing:
    """Return one drawing with all stages, uint8 (height, width, 3), at most 1,600 pixels high.

    On the left, from top to bottom: the gray page; its map, if there is one; its ink; the candidates, each piece of
    ink in its own colour and each dropped candidate with its reason. On the right: the text; the normalised digits with
    label, confidence and decision; the rows read by the line recogniser. Of more digits and rows than fit, the first
    are drawn. A turned page is shown upright.
    """
    gray, page = np.ascontiguousarray(np.rot90(gray, -found.turns)), page.turn(-found.turns)
    scale = min(SIDE, max(SIDE // 2, gray.shape[1])) / gray.shape[1]
    stages = 3 + (found.page is not None)
    scale = min(scale, (HIGH // stages - TITLE) / gray.shape[0])
    size = scaled_size(gray, scale)
    ink = _resize(np.asarray(cv2.bitwise_not(found.ink.strength), np.uint8), size)
    left = [_add_title(f"gray, {gray.shape[1]} x {gray.shape[0]} pixels", _resize(gray, size))]
    if found.page is not None:
        left.append(_draw_map(found.page, size, scale))
    left += [
        _add_title(f"ink, reduced {found.ink.factor} times" if found.ink.factor > 1 else "ink", ink),
        _add_title("candidates; in red: dropped", _draw_candidates(found, page, size, scale)),
    ]
    text = _add_title("read: " + (page.text.replace("\n", " / ") or "nothing"), np.full((4, 1, 3), 255, np.uint8))
    right = [text, *_draw_tiles(found, page)]
    right += _draw_lines(found, HIGH - sum(len(each) for each in right))
    columns = [_stack(left), _stack(right)]
    high = max(len(column) for column in columns)
    gap = np.full((high, GAP, 3), 255, np.uint8)
    return np.hstack([_grow(columns[0], high), gap, _grow(columns[1], high)])


def _stack(stages: list[Drawing]) -> Drawing:
    """Return drawings below each other, with white on the right of narrower ones."""
    width = max(stage.shape[1] for stage in stages)
    return np.vstack([_grow(stage, width=width) for stage in stages])


def _grow(drawing: Drawing, height: int = 0, width: int = 0) -> Drawing:
    """Return a drawing with white below it and on its right, up to a height and width in pixels."""
    below, right = max(0, height - drawing.shape[0]), max(0, width - drawing.shape[1])
    return np.pad(drawing, ((0, below), (0, right), (0, 0)), constant_values=255)


def _resize(gray: Gray, size: tuple[int, int]) -> Drawing:
    how = cv2.INTER_AREA if size[0] <= gray.shape[1] else cv2.INTER_NEAREST
    return np.asarray(cv2.cvtColor(cv2.resize(gray, size, interpolation=how), cv2.COLOR_GRAY2BGR), np.uint8)


def _add_title(title: str, drawing: Drawing) -> Drawing:
    head = np.full((TITLE, max(drawing.shape[1], 12 + 9 * len(title)), 3), 235, np.uint8)
    cv2.putText(head, title, (8, 20), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return np.vstack([head, _grow(drawing, width=head.shape[1])])


def _draw_map(page: PageMap, size: tuple[int, int], scale: float) -> Drawing:
    """Return what the map shows, in the colours of `KIND_COLOURS`."""
    colours = page.kinds @ np.array(KIND_COLOURS, np.float32)
    drawing = enlarge(colours, size[::-1], scale / page.scale)
    return _add_title("map: green digits, violet marks, blue other ink", np.asarray(drawing, np.uint8))


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


def _draw_lines(found: Found, high: int) -> list[Drawing]:
    """Return the rows read by the line recogniser that fit into a height."""
    rows = [row for row in found.rows if row.line_reading is not None]
    stages: list[Drawing] = []
    for number, row in enumerate(rows):
        text = "".join(map(str, row.line_reading.digits.label)) if row.line_reading else ""
        line = np.hstack(row.lines)
        stage = _add_title(
            f"line recogniser: {text or 'nothing'}", _resize(line, (2 * line.shape[1], 2 * line.shape[0]))
        )
        if sum(len(each) for each in stages) + len(stage) + TITLE > high:
            more = f"line recogniser: {len(rows) - number:,} more rows"
            return [*stages, _add_title(more, np.full((0, 1, 3), 255, np.uint8))]
        stages.append(stage)
    return stages


def _draw_tiles(found: Found, page: Page) -> list[Drawing]:
    """Return the normalised digits in rows, at most two thirds of the drawing high."""
    most = max(1, (2 * HIGH // 3) // (TILE + 34)) * COLUMN
    images = {each.box: each.image for each in found.digits}
    read = [digit for digit in page.digits if digit.box in images]  # an unread one has no image
    tiles = [_draw_tile(images[digit.box], digit) for digit in read[:most]]
    if not tiles:
        return []
    title = "normalised digits and the decision on each"
    if len(read) > len(tiles):
        title = f"the first {len(tiles)} of {len(read):,} normalised digits, and the decision on each"
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMN)
    drawn = np.vstack([np.hstack(tiles[at : at + COLUMN]) for at in range(0, len(tiles), COLUMN)])
    return [_add_title(title, drawn)]


def _draw_tile(image: Gray, digit: Digit) -> Drawing:
    tile = np.full((TILE + 34, TILE, 3), 255, np.uint8)
    tile[4:TILE, 4:TILE] = cv2.cvtColor(
        cv2.resize(image, (TILE - 4, TILE - 4), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR
    )
    colour = OK if digit.status is Status.OK else REJECTED
    cv2.putText(tile, f"{digit.label}  {digit.confidence:.1%}", (4, TILE + 14), FONT, 0.42, INK, 1, cv2.LINE_AA)
    cv2.putText(tile, digit.reason or digit.status.value, (4, TILE + 28), FONT, 0.36, colour, 1, cv2.LINE_AA)
    return tile
