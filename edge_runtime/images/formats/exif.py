"""Read the orientation from EXIF data (Exif 2.32, tag 274), a small TIFF file."""

import struct

BYTES = 64 * 1024  # bytes of EXIF data that are examined
ENTRIES = 256  # entries of the first directory that are examined
_ORIENTATION, _SHORT = 274, 3


def orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8; 1 (upright) if the data is broken or has none."""
    exif = exif[:BYTES].removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * min(count, ENTRIES), 12):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", exif, entry)
            if (tag, kind, number) == (_ORIENTATION, _SHORT, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
