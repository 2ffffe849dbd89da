"""Image files of every format, damaged at random, in a process that is held to the limits.

The seeds are fixed, so each run has the same inputs. EDGE_DIGITS_LONG=1 runs thousands of each format, and
EDGE_DIGITS_SEED=n others than the usual ones. An input that fails is kept in pytest's temporary folder.
"""

import os
import random
import re
import struct
import time

import pytest

from tests.image_files import INTACT, chunk
from tests.image_probe import Probe, read_within_limits

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))
SEED = int(os.environ.get("EDGE_DIGITS_SEED", "0"))
SLOW = ("JPEG 2000", "HEIC", "AVIF", "PDF")  # decoded in a process of their own, which crashes now and then
INPUTS = {name: (15_000 if LONG else 400) if name in SLOW else (100_000 if LONG else 3_000) for name in INTACT}
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TAGS = (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 322, 323)  # of a TIFF: sizes, kinds and places


# Files as parts that can be changed alone, and put together again with lengths and checks that are right.


def png_parts(data):
    parts, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def png_file(parts):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in parts)


def jpeg_parts(data):
    """Segments by their marker; a scan has its coded data with it."""
    parts, at = [], 2
    while at + 4 <= len(data) and data[at + 1] != 0xD9:
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if data[at + 1] == 0xDA:
            end = re.compile(rb"\xff[^\x00\xd0-\xd7]").search(data, end).start()
        parts.append((data[at + 1 : at + 2], data[at + 4 : end]))
        at = end
    return parts


def jpeg_file(parts):
    out = b"\xff\xd8"
    for marker, body in parts:
        length = 8 + body[0] * 2 if marker == b"\xda" and body else len(body) + 2
        out += b"\xff" + marker + struct.pack(">H", min(length - (2 if marker == b"\xda" else 0), 0xFFFF)) + body
    return out + b"\xff\xd9"


def riff_parts(data):
    parts, at = [], 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        parts.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def riff_file(parts):
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def box_parts(data):
    parts, at = [], 0
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + max(8, length)]))
        at += max(8, length) if length else len(data)
    return parts


def box_file(parts):
    return b"".join(struct.pack(">I", len(body) + 8) + name + body for name, body in parts)


PARTS = {
    "PNG": (png_parts, png_file),
    "JPEG": (jpeg_parts, jpeg_file),
    "WebP": (riff_parts, riff_file),
    "HEIC": (box_parts, box_file),
    "AVIF": (box_parts, box_file),
}


# Damage


def flip(data, chance):
    """Change some bytes, most of them near the beginning."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(min(len(out), chance.choice((64, 256, len(out))))) if out else 0
        if out:
            out[place] = chance.choice((chance.randrange(256), out[place] ^ 1 << chance.randrange(8)))
    return bytes(out)


def number(data, chance):
    """Put a number that breaks sums in the place of another."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        code = chance.choice(("<B", "<H", ">H", "<I", ">I"))
        if len(out) >= struct.calcsize(code):
            place = chance.randrange(min(len(out), chance.choice((128, len(out)))) - struct.calcsize(code) + 1)
            limit = 256 ** struct.calcsize(code)
            struct.pack_into(code, out, place, (chance.choice(NUMBERS) + chance.choice((0, 0, 0, -1, 1))) % limit)
    return bytes(out)


def cut(data, chance):
    return data[: chance.randrange(len(data) + 1)]


def leave_out(data, chance):
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 4, 12, chance.randrange(200))) :]


def put_in(data, chance):
    place = chance.randrange(len(data) + 1)
    block = chance.choice((chance.randbytes(chance.randrange(1, 40)), bytes(chance.randrange(1, 40)), data[:100]))
    return data[:place] + block * chance.choice((1, 1, 2, 50)) + data[place:]


def digits(data, chance):
    """Another number in the place of one in text: for PNM and PDF."""
    found = list(re.finditer(rb"\d+", data[:2000]))
    if not found:
        return data
    one = chance.choice(found)
    return data[: one.start()] + b"%d" % chance.choice((*NUMBERS, 10**12, chance.randrange(3000))) + data[one.end() :]


DAMAGES = (flip, flip, number, number, cut, leave_out, put_in)


def rearranged(name, data, chance):
    """Change, leave out, repeat or move parts, with lengths and checks that are right."""
    split, join = PARTS[name]
    parts = split(data)
    for _ in range(chance.randint(1, 3)):
        if not parts:
            break
        place = chance.randrange(len(parts))
        kind, body = parts[place]
        what = chance.randrange(6)
        if what < 3:
            parts[place] = (kind, chance.choice(DAMAGES)(body, chance))
        elif what == 3:
            del parts[place]
        elif what == 4:
            parts.insert(chance.randrange(len(parts) + 1), (kind, body))
        else:
            parts.insert(chance.randrange(len(parts)), parts.pop(place))
    return join(parts)


def retagged(data, chance):
    """Change entries of a TIFF's directories."""
    order = "<" if data[:2] == b"II" else ">"
    out, at = bytearray(data), struct.unpack_from(order + "I", data, 4)[0]
    for _ in range(chance.randint(1, 3)):
        (entries,) = struct.unpack_from(order + "H", data, at)
        place = at + 2 + 12 * chance.randrange(max(1, entries))
        tag, kind, count, value = struct.unpack_from(order + "HHII", data, place)
        changed = [
            chance.choice((tag, tag, tag + 1, chance.choice(TAGS))),
            chance.choice((kind, kind, kind, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16)),
            chance.choice((count, count, count, count + 1, chance.choice(NUMBERS))),
            chance.choice((value, value + 1, value * 2, value // 2, chance.choice(NUMBERS), chance.randrange(300))),
        ]
        changed = [each % limit for each, limit in zip(changed, (1 << 16, 1 << 16, 1 << 32, 1 << 32), strict=True)]
        struct.pack_into(order + "HHII", out, place, *changed)
    return bytes(out)


def damaged(name, seeds, index):
    chance = random.Random(f"{name} {SEED} {index}")
    data = chance.choice(seeds)
    for _ in range(chance.randint(1, 2)):
        if name in PARTS and chance.random() < 0.5:
            data = rearranged(name, data, chance)
        elif name == "TIFF" and chance.random() < 0.6 and len(data) > 200:
            data = retagged(data, chance)
        elif name in ("PNM", "PDF") and chance.random() < 0.5:
            data = digits(data, chance)
        else:
            data = chance.choice(DAMAGES)(data, chance)
    return data


@pytest.mark.long("hostile files of every format, each within its limits")
@pytest.mark.parametrize("name", INTACT)
def test_damaged_files_end_in_images_or_our_own_error_within_the_limits(name, tmp_path, capsys):
    seeds = list(INTACT[name]())
    read = slowest = largest = 0
    began = time.monotonic()
    with Probe() as probe:
        for seed in seeds:
            assert probe.read(seed)["error"] == ""
        for index in range(INPUTS[name]):
            try:
                data = damaged(name, seeds, index)
            except (struct.error, AttributeError, IndexError):  # two damages, and the first has hidden the structure
                continue
            found, cheap = read_within_limits(probe, data)
            if not (cheap and found["error"] in ("", "InputError")):
                (tmp_path / f"{name}-{index}").write_bytes(data)
                pytest.fail(f"{name}, input {index} of seed {SEED}, in {tmp_path}: {found}")
            read += found["error"] == ""
            slowest, largest = max(slowest, found["seconds"]), max(largest, found["mebibytes"])
    with capsys.disabled():
        print(
            f"\n{name}: {INPUTS[name]:,} damaged files, {read:,} of them read; at most {slowest:.2f} CPU s and"
            f" {largest:.0f} MiB; {time.monotonic() - began:.0f} s in all"
        )
