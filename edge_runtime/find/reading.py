"""A gray page to what was found in it: the one way through the room, from ink to the best path."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.blobs import Blob, Blobs, Dropped, DropReason, find_blobs, texture, typical_height
from edge_runtime.find.cuts import Part, apart
from edge_runtime.find.ink import Ink, find_ink
from edge_runtime.find.lattice import (
    ASPECT,
    ASPECT_SPREAD,
    LOW,
    Candidate,
    Costs,
    Piece,
    Seen,
    around,
    aspects,
    best_path,
    crop,
    crop_size,
    join_costs,
    joins,
    label_costs,
    skip_costs,
    spelt_path,
)
from edge_runtime.find.line import Line, row_lines
from edge_runtime.find.rows import BlobRow, find_rows
from edge_runtime.images.resize import smaller
from edge_runtime.lines.recogniser import Spelling
from edge_runtime.types import Box, Classification, Gray, Images

SIDE = 40  # pixels: digits are worked on at this height, or their own where that is less
LARGE = 32  # pixels: a page of larger digits is looked at from further off, where grain and dry strokes are ink
SURE = 0.95  # probability: a blob that reads so well as it is, and has that digit's shape, is not cut
CERTAIN = 0.999  # probability: a row whose wide blobs read so well, in their digits' shapes, needs no second look
NO_WRITING = 0.8  # doubt of a row: one of more is not read as a whole
UNREADABLE = 0.65  # mean confidence of a row that is read as a whole: one of less has no digits
LIKE = 1.5  # standard deviations: a digit's shape is within these
WIDE = 1.4  # times as wide as high: no digit's shape is wider
TALL = 0.7  # of its row's height: no digit is lower, if its reading alone is to count
NARROW = 0.45  # heights: a blob that is no wider is not cut
ASIDE = 0.7  # heights: a digit's box is no further from where the network for lines has seen it

BUSY = 20.0  # of 255: a page whose mean strength is more, and on which no mark is found, is not blank
LEVELS = np.arange(256)
SQUARE = np.ones((3, 3), np.uint8)

# What one page may cost. A page that asks for more is a texture.
AREA = 3.0  # times the page: the area of all blobs' boxes
CUT = 120  # blobs that are cut, the widest
CUT_PIXELS = 1_000_000  # pixels of these
ROW_CANDIDATES = 800  # of one row; a row of more is dropped, as the texture at a page's side is
EFFORT = 2400  # images of digits that are read, in all
CROP_PIXELS = 16_000_000  # pixels of these, where they are of several pieces
LINES = 60  # images of rows that are read as a whole; a page with more unsure ones holds no writing
LINE = 40  # images of digits that cost as much as one of a row

Look = Callable[[Iterable[Gray]], tuple[Images, Classification]]  # crops to normalised digits and what they are
Spell = Callable[[Images], list[Spelling] | None]  # lines to what they say; None where there is no network for them


class FoundDigit(NamedTuple):
    """A candidate on the best path."""

    box: Box  # pixels of the page
    row: int  # from 0
    image: Gray  # (28, 28), normalised
    reading: Classification  # of this one image
    spelt: Classification | None  # of its place in a row that was read as a whole


class Found(NamedTuple):
    """What was found in a page, with the steps on the way for those who want to see them."""

    digits: list[FoundDigit]  # in reading order
    dropped: list[Dropped]  # what was not read as a digit, and why: pixels of the page
    width: int  # pixels of the page
    height: int
    ink: Ink
    blobs: Blobs
    rows: list["Row"]


class Row(NamedTuple):
    """A row of writing in pieces."""

    pieces: list[Piece]
    candidates: list[Candidate]
    lines: list[Gray]  # the pictures in which it was read as a whole, believed or not
    spelling: Spelling | None  # what it then says, places in pixels of the row
    height: float  # of its digits, at the row's scale
    scale: float  # pixels of the row along one of the ink map
    x: int  # its corner in the ink map
    y: int
    crowded: bool = False  # it has more candidates than are read, and is dropped


def find_digits(gray: Gray, look: Look, spell: Spell | None = None, costs: Costs | None = None) -> Found:
    """Find and read the digits of a page.

    gray: uint8 (height, width), any size, light and polarity. look: normalises and classifies; called twice at most.
    spell: reads rows as a whole; called once at most. None: they are cut, and the confidence of the pieces decides.

    Time and memory are bounded, whatever the image shows: a page that asks for more than the limits above is a
    texture, and one mark that covers it is dropped.
    """
    ink = find_ink(gray)
    blobs = find_blobs(ink)
    further = int(typical_height(blobs.kept) / LARGE)
    if further > 1:
        ink = find_ink(gray, ink.factor * further)
        blobs = find_blobs(ink)
    found = Found([], _on_page(blobs.dropped, ink.factor), gray.shape[1], gray.shape[0], ink, blobs, [])
    if not (blobs.kept or blobs.dropped) and (further > 1 or ink.strength.mean() > BUSY):
        return found._replace(dropped=[texture(gray.shape)])
    blob_rows, dropped = find_rows(blobs.kept, ink.strength.shape[1], ink.strength.shape[0])
    area = sum(blob.box.width * blob.box.height for row in blob_rows for blob in row.blobs)
    if area > AREA * ink.strength.size:
        return found._replace(dropped=[texture(gray.shape)])
    rows, certain, unsure = _cut([_row(row, ink, blobs) for row in blob_rows], look)
    lines = _lines(rows, blob_rows, certain, unsure, ink) if spell else []
    joined = _with_candidates(rows, lines)
    if joined is None:
        return found._replace(dropped=[texture(gray.shape)])
    rows = joined
    if spell is not None:
        rows = _spelt(rows, [(number, line) for number, line in lines if not rows[number].crowded], spell)
    digits, left_out = _read(rows, ink.factor, look, costs or Costs())
    dropped = found.dropped + _on_page(dropped, ink.factor) + left_out
    return found._replace(digits=digits, dropped=dropped, rows=rows)


def _row(row: BlobRow, ink: Ink, blobs: Blobs) -> Row:
    """Each blob of a row as one piece, at the row's scale."""
    scale = min(1.0, SIDE / row.height)
    left, top = min(blob.box.x for blob in row.blobs), min(blob.box.y for blob in row.blobs)
    pieces = []
    for number, blob in enumerate(row.blobs):
        patch = _patch(blob, ink, blobs)
        if scale < 1:
            height, width = (max(1, round(side * scale)) for side in patch.shape)
            patch = smaller(patch, width, height)
        x, y = round((blob.box.x - left) * scale), round((blob.box.y - top) * scale)
        pieces.append(Piece(patch, x, y, number, 0.0, True))
    return Row(pieces, [], [], None, row.height * scale, scale, left, top)


def _patch(blob: Blob, ink: Ink, blobs: Blobs) -> Gray:
    """Return a blob's ink alone, its usual strength white, with the soft edge of a pixel around it."""
    x, y, width, height = blob.box
    around = np.s_[y : y + height, x : x + width]
    mine = (blobs.labels[around] == blob.label).astype(np.uint8)
    strength = ink.strength[around]
    usual = round(cv2.mean(strength, mine)[0] * blob.area) / blob.area  # the sum is a whole number
    low = 0.5 * min(ink.threshold, usual)
    table = np.clip((LEVELS - low) * 255 / max(8.0, usual - low), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(strength, table) * cv2.dilate(mine, SQUARE), np.uint8)


NumberedLine = tuple[int, Line]  # the number of a row, and an image of it
Place = tuple[int, int]  # a piece: the number of its row, and its own in the row


def _cut(rows: list[Row], look: Look) -> tuple[list[Row], set[int], set[int]]:
    """Cut blobs that do not read well as they are; returns also the rows that need no other look, and those cut."""
    wide = [
        (number, index)
        for number, row in enumerate(rows)
        for index, piece in enumerate(row.pieces)
        if piece.ink.shape[1] > NARROW * row.height and piece.ink.shape[0] > LOW * row.height
    ]
    seen, doubts = _look_alone(rows, wide, look)
    unsure = [place for place in wide if doubts[place] > 1 - SURE]
    certain = {number for number, _ in wide} - {number for (number, _), doubt in doubts.items() if doubt > 1 - CERTAIN}
    cut = _widest(unsure, rows)
    parts = apart([rows[number].pieces[index].ink for number, index in cut], [rows[number].height for number, _ in cut])
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


def _look_alone(rows: list[Row], places: list[Place], look: Look) -> tuple[dict[Place, Seen], dict[Place, float]]:
    """Read pieces by themselves; returns what was read, and how much doubt is left about each, 0 to 1."""
    doubts = dict.fromkeys(places, 1.0)
    # A piece of another shape is no digit by itself, whatever it reads like.
    asked = [place for place in places if _has_digits_shape(rows[place[0]], place[1])]
    if not asked:
        return {}, doubts
    alone = [Candidate(index, index + 1, (), rows[number].pieces[index].box) for number, index in asked]
    images, result = look(crop(each, rows[number].pieces) for each, (number, _) in zip(alone, asked, strict=True))
    off = (aspects(alone) - ASPECT[result.label]) / ASPECT_SPREAD[result.label]
    doubts |= zip(asked, np.where(np.abs(off) < LIKE, 1 - result.confidence, 1.0).tolist(), strict=True)
    return {place: Seen(images[at], _one(result, at)) for at, place in enumerate(asked)}, doubts


def _has_digits_shape(row: Row, index: int) -> bool:
    height, width = row.pieces[index].ink.shape
    return bool(height > TALL * row.height and width < WIDE * height)


def _widest(places: list[Place], rows: list[Row]) -> list[Place]:
    """Return the widest of the pieces that are to be cut, as many as one page may have."""
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


def _with_candidates(rows: list[Row], lines: list[NumberedLine]) -> list[Row] | None:
    """Return the rows with all joins of their pieces, or None where a page asks for more than is read.

    Where it would, pieces that are sure digits join no others. A row of very many joins is crowded, and has none.
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
            sizes = [crop_size(candidate.box) for candidate in candidates if _seen(candidate, row) is None]
            left -= len(sizes) + LINE * sum(number == other for other, _ in lines)
            pixels -= sum(height * width for height, width in sizes)
            if left < 0 or pixels < 0:
                break
        else:
            return found
    return None


def _seen(candidate: Candidate, row: Row) -> Seen | None:
    """Return what is known of a candidate that is one piece."""
    return row.pieces[candidate.first].seen if candidate.last == candidate.first + 1 else None


def _lines(
    rows: list[Row], blob_rows: list[BlobRow], certain: set[int], unsure: set[int], ink: Ink
) -> list[NumberedLine]:
    """Return the images of the rows that are to be read as a whole: all but certain ones, or where they are too many
    the unsure ones alone; none where these are too many."""
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


def _spelt(rows: list[Row], lines: list[NumberedLine], spell: Spell) -> list[Row]:
    """Return the rows with what the network for lines reads in them."""
    said = spell(np.stack([line.image for _, line in lines])) if lines else None
    if said is None:
        return rows
    spelt: dict[int, list[Spelling]] = {}
    images: dict[int, list[Gray]] = {}
    for (number, line), spelling in zip(lines, said, strict=True):
        places = (line.x + spelling.places * line.scale - rows[number].x) * rows[number].scale
        spelt.setdefault(number, []).append(spelling._replace(places=places))
        images.setdefault(number, []).append(line.image)
    return [
        row._replace(spelling=_joined(spelt[number]), lines=images[number]) if number in spelt else row
        for number, row in enumerate(rows)
    ]


def _joined(spellings: list[Spelling]) -> Spelling:
    columns = zip(*(each.digits for each in spellings), strict=True)
    digits = Classification(*(np.concatenate(column) for column in columns))
    return Spelling(digits, np.concatenate([each.places for each in spellings]))


def _read(rows: list[Row], factor: int, look: Look, costs: Costs) -> tuple[list[FoundDigit], list[Dropped]]:
    """Read all candidates and take the best path through each row; returns also the pieces that are on none."""
    digits: list[FoundDigit] = []
    dropped: list[Dropped] = []
    readings = _look_at(rows, look)
    number = 0
    for row, (images, reading) in zip(rows, readings, strict=True):
        if row.crowded:
            dropped.append((on_page(around([piece.box for piece in row.pieces]), row, factor), DropReason.CROWDED))
            continue
        path, spelt = _best(row, reading, costs) if row.candidates else ([], [])
        for index, whole in zip(path, spelt, strict=True):
            box = on_page(row.candidates[index].box, row, factor)
            digits.append(FoundDigit(box, number, images[index], _one(reading, index), whole))
        number += bool(path)
        dropped += _left_out(row, path, factor)
    return digits, dropped


def _look_at(rows: list[Row], look: Look) -> list[tuple[Images, Classification]]:
    """Return the normalised candidates of each row, and what they read as; those that are known are not read again."""
    known = [[_seen(candidate, row) for candidate in row.candidates] for row in rows]
    asked = (
        crop(candidate, row.pieces)
        for row, all_seen in zip(rows, known, strict=True)
        for candidate, seen in zip(row.candidates, all_seen, strict=True)
        if seen is None
    )
    images, result = look(asked)
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
            columns = [_merged(new, column, np.array(each)) for column, each in zip(columns, before, strict=True)]
        found.append((columns[0], Classification(*columns[1:])))
    return found


def _merged(new: NDArray[np.bool_], ones: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return an array with `ones` where `new` is true and `others` elsewhere, both in order."""
    merged = np.empty((len(new), *others.shape[1:]), others.dtype)
    merged[new], merged[~new] = ones, others
    return merged


def _best(row: Row, result: Classification, costs: Costs) -> tuple[list[int], Sequence[Classification | None]]:
    """The candidates that are the row's digits, and what each of them is where the row was read as a whole."""
    alone = join_costs(row.candidates, row.pieces, row.height, costs)
    aspect = aspects(row.candidates)
    skipped = skip_costs(row.pieces, row.height, costs)
    if row.spelling is not None:
        digits, places = row.spelling
        if len(places) and digits.confidence.mean() < UNREADABLE:
            return [], []
        each = [
            alone + label_costs(aspect, np.full(len(alone), label), result.probabilities[:, label], costs)
            for label in digits.label
        ]
        taken = np.stack(each, 1) if each else np.empty((len(alone), 0))
        path = spelt_path(row.candidates, taken, skipped, places, ASIDE * row.height)
        if len(path) == len(places) and _doubt(result.probabilities[path], digits.confidence) <= NO_WRITING:
            return path, [_one(digits, index) for index in range(len(path))]
    taken = alone + label_costs(aspect, result.label, result.confidence, costs)
    path = best_path(row.candidates, taken, skipped)
    return path, [None] * len(path)


def _doubt(alone: NDArray[np.float32], whole: NDArray[np.floating[Any]]) -> float:
    """How far a row is from writing, 0 to 2: by the mean, what is none to the classifier and how unsure the row is.

    alone: (N, 10), of its digits one by one; whole: (N,), how sure the network for lines is, which knows writing only.
    """
    return float(1 - alone.sum(1).mean() + 1 - whole.mean()) if len(alone) else 0.0


def _one(result: Classification, index: int) -> Classification:
    return Classification(*(column[index] for column in result))


def _left_out(row: Row, path: list[int], factor: int) -> list[Dropped]:
    """Return the pieces that no digit of the path holds."""
    held: set[int] = set()
    for index in path:
        candidate = row.candidates[index]
        held |= set(range(candidate.first, candidate.last)) - set(candidate.without)
    return [
        (
            on_page(piece.box, row, factor),
            DropReason.SEPARATOR if max(piece.ink.shape) < 0.6 * row.height else DropReason.NON_DIGIT,
        )
        for index, piece in enumerate(row.pieces)
        if index not in held
    ]


def on_page(box: Box, row: Row, factor: int) -> Box:
    """From a row's own pixels to the page's."""
    scale = factor / row.scale
    x, y = row.x * factor + box.x * scale, row.y * factor + box.y * scale
    return Box(round(x), round(y), max(1, round(box.width * scale)), max(1, round(box.height * scale)))


def _on_page(dropped: list[Dropped], factor: int) -> list[Dropped]:
    return [(Box(*(side * factor for side in box)), reason) for box, reason in dropped]
