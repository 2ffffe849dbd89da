"""A gray page to what was found in it: the one way through the room, from ink to the best path."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.find.blobs import Blob, Blobs, find_blobs
from edge_runtime.find.cuts import apart, stroke_width
from edge_runtime.find.ink import Ink, find_ink
from edge_runtime.find.lattice import (
    ASPECT,
    ASPECT_SPREAD,
    LOW,
    Candidate,
    Costs,
    Piece,
    aspects,
    best_path,
    crop,
    join,
    join_costs,
    label_costs,
    skip_costs,
    spelt_path,
)
from edge_runtime.find.line import Line, row_lines
from edge_runtime.find.rows import BlobRow, find_rows, typical_height
from edge_runtime.line_reader import Spelling
from edge_runtime.resize import smaller
from edge_runtime.types import Box, Classification, Gray, Images

SIDE = 40  # pixels: digits are worked on at this height, or their own where that is less
LARGE = 32  # pixels: a page of larger digits is looked at from further off, where grain and dry strokes are ink
SURE = 0.95  # probability: a blob that reads so well as it is, and has that digit's shape, is not cut
CERTAIN = 0.999  # probability: a row whose wide blobs read so well, in their digits' shapes, needs no second look
NO_WRITING = 0.8  # doubt of a row: one of more is not read as a whole
UNREADABLE = 0.65  # mean confidence of a row that is read as a whole: one of less has no digits
LIKE = 1.5  # standard deviations: a digit's shape is within these
CUT = 200  # blobs of a page that are cut, at most
CANDIDATES = 6000  # of a page, at most
LINES = 60  # pictures of rows that are read as a whole, at most; a page with more unsure ones holds no writing
NARROW = 0.45  # heights: a blob that is no wider is not cut

ASIDE = 0.7  # heights: a digit's box is no further from where the network for lines has seen it

Look = Callable[[list[Gray]], tuple[Images, Classification]]  # crops to normalised digits and what they are
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
    dropped: list[tuple[Box, str]]  # what is no digit, and why: pixels of the page
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


def find_digits(gray: Gray, look: Look, spell: Spell | None = None, costs: Costs | None = None) -> Found:
    """Find and read the digits of a page.

    gray: uint8 (height, width), any size, light and polarity. look: normalises and classifies; called twice at most.
    spell: reads rows as a whole; called once at most. None: they are cut, and the confidence of the pieces decides.
    """
    ink = find_ink(gray)
    blobs = find_blobs(ink)
    closer = int(typical_height(blobs.kept) / LARGE)
    if closer > 1:
        ink = find_ink(gray, ink.factor * closer)
        blobs = find_blobs(ink)
    blob_rows, dropped = find_rows(blobs.kept, ink.strength.shape[1], ink.strength.shape[0])
    rows, certain, unsure = _cut([_row(row, ink, blobs) for row in blob_rows], look)
    if spell is not None:
        rows = _spelt(rows, blob_rows, certain, unsure, ink, spell)
    left = CANDIDATES
    for number, row in enumerate(rows):
        candidates = join(row.pieces, row.height)[:left]
        rows[number] = row._replace(candidates=candidates)
        left -= len(candidates)
    digits, left_out = _read(rows, ink.factor, look, costs or Costs())
    dropped = [(_scaled(box, ink.factor), reason) for box, reason in blobs.dropped + dropped]
    return Found(digits, dropped + left_out, gray.shape[1], gray.shape[0], ink, blobs, rows)


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
    """A blob's ink alone, its usual strength white, with the soft edge of a pixel around it."""
    x, y, width, height = blob.box
    around = np.s_[y : y + height, x : x + width]
    mine = (blobs.labels[around] == blob.label).astype(np.uint8)
    strength = ink.strength[around]
    usual = float(strength[mine > 0].mean())
    low = 0.5 * min(ink.threshold, usual)
    table = np.clip((np.arange(256) - low) * 255 / max(8.0, usual - low), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(strength, table) * cv2.dilate(mine, np.ones((3, 3), np.uint8)), np.uint8)


def _cut(rows: list[Row], look: Look) -> tuple[list[Row], set[int], set[int]]:
    """Cut blobs that do not read well as they are; returns also the rows that need no look more, and those cut."""
    asked = [
        (number, index)
        for number, row in enumerate(rows)
        for index, piece in enumerate(row.pieces)
        if piece.ink.shape[1] > NARROW * row.height and piece.ink.shape[0] > LOW * row.height
    ]
    if not asked:
        return rows, set(), set()
    alone = [Candidate(index, index + 1, (), _box(rows[number].pieces[index])) for number, index in asked]
    crops = [crop(each, rows[number].pieces) for each, (number, _) in zip(alone, asked, strict=True)]
    _, result = look(crops)
    boxes = np.array([each.box for each in alone], np.float64)
    off = (np.log(boxes[:, 2] / boxes[:, 3]) - ASPECT[result.label]) / ASPECT_SPREAD[result.label]
    tall = boxes[:, 3] / np.array([rows[number].height for number, _ in asked])
    shaped = (np.abs(off) < LIKE) & (tall > 0.7)
    doubt = np.where(shaped, 1 - result.confidence, 1.0).tolist()
    unsure = {place for place, each in zip(asked, doubt, strict=True) if each > 1 - SURE}
    certain = {number for number, _ in asked} - {
        number for (number, _), each in zip(asked, doubt, strict=True) if each > 1 - CERTAIN
    }
    if len(unsure) > CUT:  # no writing: the widest
        unsure = set(sorted(unsure, key=lambda place: -rows[place[0]].pieces[place[1]].ink.shape[1])[:CUT])
    cut = [
        row._replace(pieces=_pieces(row, {index for number, index in unsure if number == at}))
        for at, row in enumerate(rows)
    ]
    return cut, certain, {number for number, _ in unsure}


def _spelt(
    rows: list[Row], blob_rows: list[BlobRow], certain: set[int], unsure: set[int], ink: Ink, spell: Spell
) -> list[Row]:
    """Rows with what the network for lines reads in them, but for certain ones.

    Where there are very many, in the unsure ones alone.
    """
    asked = [number for number in range(len(rows)) if number not in certain]
    lines = _lines(asked, blob_rows, ink) or _lines(sorted(unsure), blob_rows, ink)
    if not lines:
        return rows
    spelt: dict[int, list[Spelling]] = {}
    images: dict[int, list[Gray]] = {}
    said = spell(np.stack([line.image for _, line in lines]))
    if said is None:
        return rows
    for (number, line), spelling in zip(lines, said, strict=True):
        places = (line.x + spelling.places * line.scale - rows[number].x) * rows[number].scale
        spelt.setdefault(number, []).append(spelling._replace(places=places))
        images.setdefault(number, []).append(line.image)
    return [
        row._replace(spelling=_joined(spelt[number]), lines=images[number]) if number in spelt else row
        for number, row in enumerate(rows)
    ]


def _lines(numbers: Iterable[int], rows: list[BlobRow], ink: Ink) -> list[tuple[int, Line]]:
    """The pictures of rows, with the rows' numbers; none where they are more than `LINES`."""
    lines: list[tuple[int, Line]] = []
    for number in numbers:
        lines += [(number, line) for line in row_lines(rows[number], ink)]
        if len(lines) > LINES:
            return []
    return lines


def _joined(spellings: list[Spelling]) -> Spelling:
    columns = zip(*(each.digits for each in spellings), strict=True)
    digits = Classification(*(np.concatenate(column) for column in columns))
    return Spelling(digits, np.concatenate([each.places for each in spellings]))


def _pieces(row: Row, unsure: set[int]) -> list[Piece]:
    pieces = []
    for index, piece in enumerate(row.pieces):
        if index not in unsure:
            pieces.append(piece)
            continue
        parts = apart(piece.ink, row.height, stroke_width(piece.ink, row.height))
        pieces += [
            Piece(part.ink, piece.x + part.x, piece.y + part.y, piece.blob, part.crossed, len(parts) == 1)
            for part in parts
        ]
    return sorted(pieces, key=lambda piece: piece.x + piece.ink.shape[1] / 2)


def _read(rows: list[Row], factor: int, look: Look, costs: Costs) -> tuple[list[FoundDigit], list[tuple[Box, str]]]:
    crops = [crop(candidate, row.pieces) for row in rows for candidate in row.candidates]
    if not crops:
        return [], []
    images, result = look(crops)
    digits: list[FoundDigit] = []
    dropped: list[tuple[Box, str]] = []
    at = number = 0
    for row in rows:
        mine = np.s_[at : at + len(row.candidates)]
        at += len(row.candidates)
        if not row.candidates:
            continue
        part = Classification(result.label[mine], result.confidence[mine], result.probabilities[mine])
        path, spelt = _best(row, part, costs)
        for index, whole in zip(path, spelt, strict=True):
            box = on_page(row.candidates[index].box, row, factor)
            digits.append(FoundDigit(box, number, images[mine][index], _one(part, index), whole))
        number += bool(path)
        dropped += _left_out(row, path, factor)
    return digits, dropped


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


def _left_out(row: Row, path: list[int], factor: int) -> list[tuple[Box, str]]:
    """The pieces that no digit of the path holds."""
    held: set[int] = set()
    for index in path:
        candidate = row.candidates[index]
        held |= set(range(candidate.first, candidate.last)) - set(candidate.without)
    return [
        (on_page(_box(piece), row, factor), "separator" if max(piece.ink.shape) < 0.6 * row.height else "no-digit")
        for index, piece in enumerate(row.pieces)
        if index not in held
    ]


def _box(piece: Piece) -> Box:
    return Box(piece.x, piece.y, piece.ink.shape[1], piece.ink.shape[0])


def on_page(box: Box, row: Row, factor: int) -> Box:
    """From a row's own pixels to the page's."""
    scale = factor / row.scale
    x, y = row.x * factor + box.x * scale, row.y * factor + box.y * scale
    return Box(round(x), round(y), max(1, round(box.width * scale)), max(1, round(box.height * scale)))


def _scaled(box: Box, factor: int) -> Box:
    return Box(*(side * factor for side in box))
