"""Read FlatBuffers with bounds checks: every offset must point inside the buffer.

The format (flatbuffers.dev) is little-endian. A table starts with the distance back to its vtable, which holds the
offsets of its fields; strings, vectors and tables are referenced by the distance forward to them.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ModelError


class Table:
    """One table. Fields are identified by their number in the schema, from 0; a missing field has its default."""

    def __init__(self, data: bytes, place: int) -> None:
        """data: the whole buffer. place: offset of the table. Raises ModelError, like every method."""
        self._data, self._place = data, place
        self._fields = place - self._read("<i", place)
        self._size = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes, identifier: bytes) -> "Table":
        """Open the root table of a buffer with a given file identifier of 4 bytes."""
        if data[4:8] != identifier:
            raise ModelError(f"it is not a {identifier.decode()} file")
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Read an integer. kind: format character of `struct`."""
        place = self._at(field)
        return default if place is None else int(self._read("<" + kind, place))

    def array(self, field: int, kind: str) -> NDArray[Any]:
        """Read a vector of numbers as a read-only array. kind: as for `np.dtype`."""
        place, count = self._vector(field)
        try:
            return np.frombuffer(self._data, np.dtype(kind).newbyteorder("<"), count, place)
        except ValueError as error:
            raise ModelError(f"a vector of {count:,} numbers goes beyond its end") from error

    def table(self, field: int) -> "Table | None":
        """Return the table that a field refers to, or None."""
        place = self._at(field)
        return None if place is None else self._follow(place)

    def tables(self, field: int, most: int) -> list["Table"]:
        """Return the tables of a vector. most: maximum number of tables."""
        place, count = self._vector(field)
        if count > most:
            raise ModelError(f"it has a vector of {count:,} tables; at most {most:,} are read")
        return [self._follow(place + 4 * index) for index in range(count)]

    def _at(self, field: int) -> int | None:
        entry = 4 + 2 * field
        place = self._read("<H", self._fields + entry) if entry + 2 <= self._size else 0
        return self._place + place if place else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Return the offset of the first element and the number of elements."""
        place = self._at(field)
        if place is None:
            return 0, 0
        begin = place + self._read("<I", place)
        return begin + 4, self._read("<I", begin)

    def _follow(self, place: int) -> "Table":
        return Table(self._data, place + self._read("<I", place))

    def _read(self, kind: str, place: int) -> int:
        if not 0 <= place <= len(self._data) - struct.calcsize(kind):  # struct counts negative offsets from the end
            raise ModelError("it points beyond its end")
        return int(struct.unpack_from(kind, self._data, place)[0])
