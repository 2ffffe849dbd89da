"""Find and read the digits of a gray page: all steps from ink to the best path."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.blobs import Blob, Blobs, Dropped, DropReason, find_blobs, texture, typical_height
from edge_runtime.find.cuts import Part, cut_blobs
from edge_runtime.find.ink import Ink, find_ink
from edge_runtime.find.lattice import (
    ASPECT,
    ASPECT_SPREAD,
    LOW,
    Candidate,
    ClassifiedCrop,
    Costs,
    Piece,
    aspects,
    best_path,
    crop,
    crop_size,
    join_costs,
    joins,
    label_costs,
    path_at_places,
    skip_costs,
)
from edge_runtime.find.line import Line, row_lines
from edge_runtime.find.rows import BlobRow, find_rows
from edge_runtime.images.resize import resize_area
from edge_runtime.lines.recognizer import LineReading
from edge_runtime.types import Box, Classification, Gray, Images, bounding_box

if TYPE_CHECKING:
    from edge_runtime.segmentation.maps import PageMap

SIDE = 40  # pixels: higher digits are reduced to this height
LARGE = 32  # pixels: a page of larger digits is reduced, so that grainy and dry strokes become solid ink
SURE = 0.95  # probability: a blob with this confidence and the shape of its label is not cut
CERTAIN = 0.999  # probability: a row whose wide blobs all reach this is not read by the line recogniser
NO_WRITING = 0.8  # `_doubt` of a row: above it, the reading of the line recogniser is ignored
UNREADABLE = 0.65  # mean confidence of the line recogniser: a row with less has no digits
LIKE = 1.5  # standard deviations: the range of a digit's aspect
WIDE = 1.4  # width over height: the widest shape of a digit
TALL = 0.7  # share of the row's height: the least height of a digit that is classified by itself
NARROW = 0.45  # heights: narrower blobs are not cut
SHOWN = 0.2  # probability of a digit that the map shows somewhere in the box of a blob
ASIDE = 0.7  # heights: the largest distance of a digit's box from its place according to the line recogniser

BUSY = 20.0  # of 255, mean strength: a page with more, but without any mark, is not blank
LEVELS = np.arange(256)
SQUARE = np.ones((3, 3), np.uint8)

# Limits for one page. A page over one of them is a texture.
AREA = 3.0  # times the page: total area of the boxes of all blobs
CUT = 120  # blobs that are cut: only the widest
CUT_PIXELS = 1_000_000  # pixels of the blobs that are cut
ROW_CANDIDATES = 800  # candidates of one row; a row with more, such as a texture beside the page, is dropped
EFFORT = 2400  # crops that are classified, in all
CROP_PIXELS = 16_000_000  # pixels of the crops that have several pieces
LINES = 60  # rows; a page with more low-confidence rows holds no writing
LINE = 40  # classifying so many crops takes as long as recognising one line image

ClassifyCrops = Callable[
    [Iterable[Gray]], tuple[Images, Classification]
]  # crops to normalised digits and what they are
ReadLines = Callable[[Images], list[LineReading] | None]  # line images to line readings; None without a line recogniser


class FoundDigit(NamedTuple):
    """A candidate on the best path."""

    box: Box  # pixels of the page
    row: int  # from 0
    image: Gray  # (28, 28), normalised
    reading: Classification  # of this image, by the classifier
    from_line: Classification | None  # of the same digit by the line recogniser; None if it did not read the row


class Found(NamedTuple):
    """The digits found in a page, with all intermediate results."""

    digits: list[FoundDigit]  # in reading order
    dropped: list[Dropped]  # candidates not read as digits, with reasons: pixels of the page
    width: int  # pixels of the page
    height: int
    ink: Ink
    blobs: Blobs
    rows: list["PieceRow"]
    trust: tuple[float, ...] | None = None  # probability that each digit is right; None: all are trusted
    marks: tuple[Box, ...] = ()  # places where the map shows marks of numbers: pixels of the page
    turns: int = 0  # quarter turns, counterclockwise, of the digits in the image; all of this is of the upright page
    missed: tuple[Box, ...] = ()  # places where the map shows digits that were not read: pixels of the page
    page: "PageMap | None" = None  # the map; None without a page network


class PieceRow(NamedTuple):
    """A row of writing, cut into pieces."""

    pieces: list[Piece]
    candidates: list[Candidate]
    lines: list[Gray]  # its images for the line recogniser
    line_reading: LineReading | None  # result of the line recogniser, places in pixels of the row
    height: float  # of its digits, at the scale of the row
    scale: float  # pixels of the row per pixel of the ink map
    x: int  # top left corner in the ink map
    y: int
    crowded: bool = False  # more candidates than are read: the row is dropped


def find_digits(
    gray: Gray,
    classify: ClassifyCrops,
    read_lines: ReadLines | None = None,
    costs: Costs | None = None,
    ink: Ink | None = None,
    page: "PageMap | None" = None,
) -> Found:
    """Find and read the digits of a page.

    gray: uint8 (height, width), any size, light and polarity. classify: normalises and classifies crops; called at most
    twice. read_lines: the line recogniser; called at most once. None: rows are only cut, and the confidence of the
    classifier decides. ink: that of its digits alone, without rules; None to find the ink of the page. page: its map;
    blobs in which it shows no digit are dropped.

    Time and memory are bounded for any image: a page over the limits above is a texture, and the result is one dropped
    candidate that covers it.
    """
    if ink is None:
        ink, blobs, is_reduced = _find_blobs(gray)
        if page:
            blobs = _drop_others(blobs, ink, page)
    else:
        blobs, is_reduced = find_blobs(ink, with_rules=False), False
    found = Found([], _scale_dropped(blobs.dropped, ink.factor), gray.shape[1], gray.shape[0], ink, blobs, [])
    if not (blobs.kept or blobs.dropped) and (is_reduced or ink.strength.mean() > BUSY):
        return found._replace(dropped=[texture(gray.shape)])
    blob_rows, dropped = find_rows(blobs.kept, ink.strength.shape[1], ink.strength.shape[0])
    area = sum(blob.box.width * blob.box.height for row in blob_rows for blob in row.blobs)
    if area > AREA * ink.strength.size:
        return found._replace(dropped=[texture(gray.shape)])
    rows, certain, unsure = _cut([_row(row, ink, blobs) for row in blob_rows], classify)
    lines = _choose_lines(rows, blob_rows, certain, unsure, ink) if read_lines else []
    joined = _add_candidates(rows, lines)
    if joined is None:
        return found._replace(dropped=[texture(gray.shape)])
    rows = joined
    if read_lines is not None:
        rows = _read_whole(rows, [(number, line) for number, line in lines if not rows[number].crowded], read_lines)
    digits, left_out = _read(rows, ink.factor, classify, costs or Costs())
    dropped = found.dropped + _scale_dropped(dropped, ink.factor) + left_out
    return found._replace(digits=digits, dropped=dropped, rows=rows)


def _find_blobs(gray: Gray) -> tuple[Ink, Blobs, bool]:
    """Return the ink and the blobs of a page, and whether it was reduced further because its digits are large."""
    ink = find_ink(gray)
    blobs = find_blobs(ink)
    further = int(typical_height(blobs.kept) / LARGE)
    if further <= 1:
        return ink, blobs, False
    ink = find_ink(gray, ink.factor * further)
    return ink, find_blobs(ink), True


def _drop_others(blobs: Blobs, ink: Ink, page: "PageMap") -> Blobs:
    """Drop the blobs in whose boxes the map shows no digit."""
    others = [blob for blob in blobs.kept if page.most(_scale_box(blob.box, ink.factor)) < SHOWN]
    gone = {blob.label for blob in others}
    return blobs._replace(
        kept=[blob for blob in blobs.kept if blob.label not in gone],
        dropped=blobs.dropped + [(blob.box, DropReason.NON_DIGIT) for blob in others],
    )


def _row(row: BlobRow, ink: Ink, blobs: Blobs) -> PieceRow:
    """Return a row with each blob as one piece, at the scale of the row."""
    scale = min(1.0, SIDE / row.height)
    left, top = min(blob.box.x for blob in row.blobs), min(blob.box.y for blob in row.blobs)
    pieces = []
    for number, blob in enumerate(row.blobs):
        patch = _patch(blob, ink, blobs)
        if scale < 1:
            height, width = (max(1, round(side * scale)) for side in patch.shape)
            patch = resize_area(patch, width, height)
        x, y = round((blob.box.x - left) * scale), round((blob.box.y - top) * scale)
        pieces.append(Piece(patch, x, y, number, 0.0, True))
    return PieceRow(pieces, [], [], None, row.height * scale, scale, left, top)


def _patch(blob: Blob, ink: Ink, blobs: Blobs) -> Gray:
    """Return the ink of one blob, its mean strength scaled to 255, with a soft edge of one pixel."""
    x, y, width, height = blob.box
    around = np.s_[y : y + height, x : x + width]
    mine = (blobs.labels[around] == blob.label).astype(np.uint8)
    strength = ink.strength[around]
    usual = round(cv2.mean(strength, mine)[0] * blob.area) / blob.area  # the sum is an integer
    low = 0.5 * min(ink.threshold, usual)
    table = np.clip((LEVELS - low) * 255 / max(8.0, usual - low), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(strength, table) * cv2.dilate(mine, SQUARE), np.uint8)


NumberedLine = tuple[int, Line]  # number of a row, and an image of it
Place = tuple[int, int]  # a piece: number of its row, index in the row


def _cut(rows: list[PieceRow], classify: ClassifyCrops) -> tuple[list[PieceRow], set[int], set[int]]:
    """Cut blobs with low confidence; returns the rows, the numbers of certain rows, and of rows with cuts."""
    wide = [
        (number, index)
        for number, row in enumerate(rows)
        for index, piece in enumerate(row.pieces)
        if piece.ink.shape[1] > NARROW * row.height and piece.ink.shape[0] > LOW * row.height
    ]
    seen, doubts = _classify_alone(rows, wide, classify)
    unsure = [place for place in wide if doubts[place] > 1 - SURE]
    certain = {number for number, _ in wide} - {number for (number, _), doubt in doubts.items() if doubt > 1 - CERTAIN}
    cut = _widest(unsure, rows)
    parts = cut_blobs(
        [rows[number].pieces[index].ink for number, index in cut], [rows[number].height for number, _ in cut]
    )
    of_piece = dict(zip(cut, parts, strict=True))
    found = []
    for number, row in enumerate(rows):
        pieces: list[Piece] = []
        for index, piece in enumerate(row.pieces):
            place = number, index
            if place in of_piece:
                pieces += _pieces(piece, of_piece[place])
            elif place in seen:
                pieces.append(piece._replace(seen=seen[place], sure=doubts[place] <= 1 - SURE))
            else:
                pieces.append(piece)
        found.append(row._replace(pieces=sorted(pieces, key=lambda piece: piece.x + piece.ink.shape[1] / 2)))
    return found, certain, {number for number, _ in cut}


def _classify_alone(
    rows: list[PieceRow], places: list[Place], classify: ClassifyCrops
) -> tuple[dict[Place, ClassifiedCrop], dict[Place, float]]:
    """Classify pieces by themselves; returns the classifications, and the doubt about each piece, 0 to 1."""
    doubts = dict.fromkeys(places, 1.0)
    # A piece of another shape is not a digit by itself, whatever its classification.
    asked = [place for place in places if _has_digits_shape(rows[place[0]], place[1])]
    if not asked:
        return {}, doubts
    alone = [Candidate(index, index + 1, (), rows[number].pieces[index].box) for number, index in asked]
    images, result = classify(crop(each, rows[number].pieces) for each, (number, _) in zip(alone, asked, strict=True))
    off = (aspects(alone) - ASPECT[result.label]) / ASPECT_SPREAD[result.label]
    doubts |= zip(asked, np.where(np.abs(off) < LIKE, 1 - result.confidence, 1.0).tolist(), strict=True)
    return {place: ClassifiedCrop(images[at], _item(result, at)) for at, place in enumerate(asked)}, doubts


def _has_digits_shape(row: PieceRow, index: int) -> bool:
    height, width = row.pieces[index].ink.shape
    return bool(height > TALL * row.height and width < WIDE * height)


def _widest(places: list[Place], rows: list[PieceRow]) -> list[Place]:
    """Return the widest of the pieces to cut, up to the limits for one page."""
    if not places:
        return []
    sizes = {place: rows[place[0]].pieces[place[1]].ink.shape for place in places}
    columns = CUT_PIXELS // max(height for height, _ in sizes.values())
    widest = sorted(places, key=lambda place: -sizes[place][1])[:CUT]
    within = np.cumsum([sizes[place][1] for place in widest]) <= columns
    return [place for place, fits in zip(widest, within.tolist(), strict=True) if fits]


def _pieces(piece: Piece, parts: list[Part]) -> list[Piece]:
    return [
        Piece(part.ink, piece.x + part.x, piece.y + part.y, piece.blob, part.crossed, len(parts) == 1) for part in parts
    ]


def _add_candidates(rows: list[PieceRow], lines: list[NumberedLine]) -> list[PieceRow] | None:
    """Add all joins of pieces to the rows as candidates; returns None if the page is over a limit.

    If it would be, sure digits are not joined with other pieces. A row with too many joins becomes crowded.
    """
    for sure_apart in (False, True):
        found = []
        left = EFFORT - sum(piece.seen is not None for row in rows for piece in row.pieces)
        pixels = CROP_PIXELS
        for number, row in enumerate(rows):
            candidates = list(islice(joins(row.pieces, row.height, sure_apart), ROW_CANDIDATES + 1))
            if len(candidates) > ROW_CANDIDATES:
                found.append(row._replace(crowded=True))
                continue
            found.append(row._replace(candidates=candidates))
            sizes = [crop_size(candidate.box) for candidate in candidates if _known_crop(candidate, row) is None]
            left -= len(sizes) + LINE * sum(number == other for other, _ in lines)
            pixels -= sum(height * width for height, width in sizes)
            if left < 0 or pixels < 0:
                break
        else:
            return found
    return None


def _known_crop(candidate: Candidate, row: PieceRow) -> ClassifiedCrop | None:
    """Return the known classification of a candidate of one piece, if any."""
    return row.pieces[candidate.first].seen if candidate.last == candidate.first + 1 else None


def _choose_lines(
    rows: list[PieceRow], blob_rows: list[BlobRow], certain: set[int], unsure: set[int], ink: Ink
) -> list[NumberedLine]:
    """Return the line images of the rows for the line recogniser.

    These are all rows except certain ones; if there are too many, only the unsure rows; if too many again, none.
    """
    asked = [number for number in range(len(rows)) if number not in certain]
    for numbers in (asked, sorted(unsure)):
        lines: list[NumberedLine] = []
        for number in numbers:
            lines += [(number, line) for line in row_lines(blob_rows[number], ink)]
            if len(lines) > LINES:
                break
        else:
            return lines
    return []


def _read_whole(rows: list[PieceRow], lines: list[NumberedLine], read_lines: ReadLines) -> list[PieceRow]:
    """Add the results of the line recogniser to the rows."""
    results = read_lines(np.stack([line.image for _, line in lines])) if lines else None
    if results is None:
        return rows
    readings: dict[int, list[LineReading]] = {}
    images: dict[int, list[Gray]] = {}
    for (number, line), line_reading in zip(lines, results, strict=True):
        places = (line.x + line_reading.places * line.scale - rows[number].x) * rows[number].scale
        readings.setdefault(number, []).append(line_reading._replace(places=places))
        images.setdefault(number, []).append(line.image)
    return [
        row._replace(line_reading=_join_readings(readings[number]), lines=images[number]) if number in readings else row
        for number, row in enumerate(rows)
    ]


def _join_readings(readings: list[LineReading]) -> LineReading:
    columns = zip(*(each.digits for each in readings), strict=True)
    digits = Classification(*(np.concatenate(column) for column in columns))
    return LineReading(digits, np.concatenate([each.places for each in readings]))


def _read(
    rows: list[PieceRow], factor: int, classify: ClassifyCrops, costs: Costs
) -> tuple[list[FoundDigit], list[Dropped]]:
    """Classify all candidates and take the best path through each row; returns the digits and the dropped pieces."""
    digits: list[FoundDigit] = []
    dropped: list[Dropped] = []
    readings = _classify_candidates(rows, classify)
    number = 0
    for row, (images, reading) in zip(rows, readings, strict=True):
        if row.crowded:
            dropped.append(
                (to_page_box(bounding_box([piece.box for piece in row.pieces]), row, factor), DropReason.CROWDED)
            )
            continue
        path, from_line = _choose_path(row, reading, costs) if row.candidates else ([], [])
        for index, whole in zip(path, from_line, strict=True):
            box = to_page_box(row.candidates[index].box, row, factor)
            digits.append(FoundDigit(box, number, images[index], _item(reading, index), whole))
        number += bool(path)
        dropped += _dropped_pieces(row, path, factor)
    return digits, dropped


def _classify_candidates(rows: list[PieceRow], classify: ClassifyCrops) -> list[tuple[Images, Classification]]:
    """Return the normalised candidates of each row and their classifications, without repeating known ones."""
    known = [[_known_crop(candidate, row) for candidate in row.candidates] for row in rows]
    asked = (
        crop(candidate, row.pieces)
        for row, all_seen in zip(rows, known, strict=True)
        for candidate, seen in zip(row.candidates, all_seen, strict=True)
        if seen is None
    )
    images, result = classify(asked)
    at = 0
    found = []
    for all_seen in known:
        new = np.array([seen is None for seen in all_seen], np.bool_)
        mine = np.s_[at : at + int(new.sum())]
        at = mine.stop
        old = [seen for seen in all_seen if seen is not None]
        columns: list[NDArray[Any]] = [images[mine], *(column[mine] for column in result)]
        if old:
            before = [[seen.image for seen in old], *zip(*(seen.reading for seen in old), strict=True)]
            columns = [_merge(new, column, np.array(each)) for column, each in zip(columns, before, strict=True)]
        found.append((columns[0], Classification(*columns[1:])))
    return found


def _merge(new: NDArray[np.bool_], ones: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return an array with `ones` where `new` is true and `others` elsewhere, both in order."""
    merged = np.empty((len(new), *others.shape[1:]), others.dtype)
    merged[new], merged[~new] = ones, others
    return merged


def _choose_path(
    row: PieceRow, result: Classification, costs: Costs
) -> tuple[list[int], Sequence[Classification | None]]:
    """Return the indices of the candidates that are digits, and for each the result of the line recogniser or None."""
    alone = join_costs(row.candidates, row.pieces, row.height, costs)
    aspect = aspects(row.candidates)
    skipped = skip_costs(row.pieces, row.height, costs)
    if row.line_reading is not None:
        digits, places = row.line_reading
        if len(places) and digits.confidence.mean() < UNREADABLE:
            return [], []
        each = [
            alone + label_costs(aspect, np.full(len(alone), label), result.probabilities[:, label], costs)
            for label in digits.label
        ]
        taken = np.stack(each, 1) if each else np.empty((len(alone), 0))
        path = path_at_places(row.candidates, taken, skipped, places, ASIDE * row.height)
        if len(path) == len(places) and _doubt(result.probabilities[path], digits.confidence) <= NO_WRITING:
            return path, [_item(digits, index) for index in range(len(path))]
    taken = alone + label_costs(aspect, result.label, result.confidence, costs)
    path = best_path(row.candidates, taken, skipped)
    return path, [None] * len(path)


def _doubt(alone: NDArray[np.float32], whole: NDArray[np.floating[Any]]) -> float:
    """Return the doubt about a row, 0 to 2: (mean probability of a non-digit) + (1 - mean confidence).

    alone: (N, 10), the classifier's probabilities of the digits. whole: (N,), the confidence of the line recogniser,
    which was trained on writing only.
    """
    return float(1 - alone.sum(1).mean() + 1 - whole.mean()) if len(alone) else 0.0


def _item(result: Classification, index: int) -> Classification:
    return Classification(*(column[index] for column in result))


def _dropped_pieces(row: PieceRow, path: list[int], factor: int) -> list[Dropped]:
    """Return the pieces that are not part of a digit on the path."""
    held: set[int] = set()
    for index in path:
        candidate = row.candidates[index]
        held |= set(range(candidate.first, candidate.last)) - set(candidate.without)
    return [
        (
            to_page_box(piece.box, row, factor),
            DropReason.SEPARATOR if max(piece.ink.shape) < 0.6 * row.height else DropReason.NON_DIGIT,
        )
        for index, piece in enumerate(row.pieces)
        if index not in held
    ]


def to_page_box(box: Box, row: PieceRow, factor: int) -> Box:
    """Convert a box from pixels of a row to pixels of the page."""
    scale = factor / row.scale
    x, y = row.x * factor + box.x * scale, row.y * factor + box.y * scale
    return Box(round(x), round(y), max(1, round(box.width * scale)), max(1, round(box.height * scale)))


def _scale_dropped(dropped: list[Dropped], factor: int) -> list[Dropped]:
    return [(_scale_box(box, factor), reason) for box, reason in dropped]


def _scale_box(box: Box, factor: int) -> Box:
    return Box(*(side * factor for side in box))
