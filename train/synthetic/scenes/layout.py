"""Numbers and words that are laid out on a line but not drawn yet: pieces with their strokes or outlines."""

from typing import NamedTuple

import numpy as np

from train.synthetic.scenes.types import Box, Points


class Piece(NamedTuple):
    """One character."""

    character: str
    paths: list[Points]  # strokes, or contours to fill
    filled: bool  # whether the paths are contours

    def box(self) -> Box:
        """Return the bounding box of the paths."""
        points = self.paths[0] if len(self.paths) == 1 else np.concatenate(self.paths)
        return _bounds(points)

    def move(self, x: float, y: float, size: float = 1.0) -> "Piece":
        """Return the piece scaled by `size`, then shifted by x and y."""
        shift, factor = np.array((x, y), np.float32), np.float32(size)
        return self._replace(paths=[path * factor + shift for path in self.paths])


def extent(pieces: list[Piece]) -> Box:
    """Return the bounding box of all pieces."""
    return _bounds(np.concatenate([path for piece in pieces for path in piece.paths]))


def _bounds(points: Points) -> Box:
    x, y = points[:, 0], points[:, 1]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def move(pieces: list[Piece], x: float, y: float, size: float = 1.0) -> list[Piece]:
    """Return pieces scaled by `size`, then shifted by x and y."""
    return [piece.move(x, y, size) for piece in pieces]
