"""FlatBuffers, read with every place checked: what a table's offset points to has to lie within the bytes.

After the format's own description, flatbuffers.dev: little-endian; a table begins with the distance back to its vtable,
which holds the places of its fields; strings, vectors and tables are given by the distance on to them.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ModelError


class Table:
    """One table. Fields are named by their number in the schema, from 0; one that is not there has its default."""

    def __init__(self, data: bytes, place: int) -> None:
        """data: all of the buffer; place: where the table begins. Raises ModelError, as every method does."""
        self._data, self._place = data, place
        self._fields = place - self._read("<i", place)
        self._size = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: bytes, identifier: bytes) -> "Table":
        """Open a buffer by its four letters, which say what it holds."""
        if data[4:8] != identifier:
            raise ModelError(f"it does not begin as a {identifier.decode()} file")
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Read a whole number; kind: as for `struct`."""
        place = self._at(field)
        return default if place is None else int(self._read("<" + kind, place))

    def array(self, field: int, kind: str) -> NDArray[Any]:
        """Read a vector of numbers, read-only; kind: as for `np.dtype`."""
        place, count = self._vector(field)
        try:
            return np.frombuffer(self._data, np.dtype(kind).newbyteorder("<"), count, place)
        except ValueError as error:
            raise ModelError(f"a vector of {count:,} numbers goes beyond its end") from error

    def table(self, field: int) -> "Table | None":
        """Follow a field to its table."""
        place = self._at(field)
        return None if place is None else self._follow(place)

    def tables(self, field: int, most: int) -> list["Table"]:
        """Follow a vector of at most so many tables."""
        place, count = self._vector(field)
        if count > most:
            raise ModelError(f"it has a vector of {count:,} tables; {most:,} are read")
        return [self._follow(place + 4 * index) for index in range(count)]

    def _at(self, field: int) -> int | None:
        entry = 4 + 2 * field
        place = self._read("<H", self._fields + entry) if entry + 2 <= self._size else 0
        return self._place + place if place else None

    def _vector(self, field: int) -> tuple[int, int]:
        """Where its elements begin, and how many there are."""
        place = self._at(field)
        if place is None:
            return 0, 0
        begin = place + self._read("<I", place)
        return begin + 4, self._read("<I", begin)

    def _follow(self, place: int) -> "Table":
        return Table(self._data, place + self._read("<I", place))

    def _read(self, kind: str, place: int) -> int:
        if not 0 <= place <= len(self._data) - struct.calcsize(kind):  # struct would count a negative one from the end
            raise ModelError("it points beyond its end")
        return int(struct.unpack_from(kind, self._data, place)[0])
