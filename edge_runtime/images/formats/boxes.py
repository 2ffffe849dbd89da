"""Boxes of ISO/IEC 14496-12, used by JPEG 2000, HEIF, AVIF and JPEG XL."""

import struct

from edge_runtime import limits
from edge_runtime.errors import DamagedImageError


def find(data: bytes, wanted: bytes) -> int:
    """Return the offset of the data of the first top-level box of a type; raises DamagedImageError if there is none."""
    at = 0
    for _ in range(limits.BOXES):
        if at + 8 > len(data):
            break
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        if kind == wanted:
            return at + head
        if size < head:
            break
        at += size
    raise DamagedImageError(f"the file is truncated or broken: it has no part {wanted.decode()}")


def brands(data: bytes) -> set[bytes]:
    """Return the brands of a file from its first box, ftyp; empty if it has another first box."""
    size, kind = struct.unpack_from(">I4s", data)
    if kind != b"ftyp" or not 16 <= size <= 1024 or size > len(data):
        return set()
    return {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
