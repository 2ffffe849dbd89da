"""Images that ask a page reader for as much work as possible: textures, prints and patterns, drawn from a seed.

Run as a program it reads them all in one process, or those of `SHORT` alone, and as many with random measures as there
are seeds: `python -m tests.textures all|short SEEDS`. It prints a line of JSON for each: CPU seconds, the process's
peak memory while it was read, and what became of it.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.images.files import to_gray
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import Gray

PAGE, LARGE = (1700, 1700), (3000, 4000)  # pixels: as large as is worked on, and 12 megapixels
PAPER, INK = 235, 30


def dots(size: tuple[int, int], side: int, share: float, seed: int = 1) -> Gray:
    """Square blocks, so many of all places."""
    cells = np.random.default_rng(seed).random((size[0] // side + 1, size[1] // side + 1)) < share
    blocks = cv2.resize(cells.astype(np.uint8), None, fx=side, fy=side, interpolation=cv2.INTER_NEAREST)
    return np.where(blocks[: size[0], : size[1]] > 0, INK, PAPER).astype(np.uint8)


def checkers(size: tuple[int, int], side: int) -> Gray:
    rows, columns = np.arange(size[0])[:, None] // side, np.arange(size[1])[None] // side
    return np.where((rows + columns) % 2, INK, PAPER).astype(np.uint8)


def halftone(size: tuple[int, int], pitch: int) -> Gray:
    """A raster of dots that grow from left to right."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    turned = x * 0.87 + y * 0.5, y * 0.87 - x * 0.5
    level = np.linspace(-1.2, 1.2, size[1], dtype=np.float32)[None]
    return np.where(sum(np.cos(2 * np.pi * each / pitch) for each in turned) > level, INK, PAPER).astype(np.uint8)


def maze(size: tuple[int, int], side: int, seed: int = 1) -> Gray:
    """Diagonals, each leaning one of two ways."""
    page = np.full(size, PAPER, np.uint8)
    ways = np.random.default_rng(seed).random((size[0] // side, size[1] // side)) < 0.5
    for row, column in np.ndindex(ways.shape):
        left, right = (column, column + 1) if ways[row, column] else (column + 1, column)
        cv2.line(page, (left * side, row * side), (right * side, (row + 1) * side), INK, 2)
    return page


def ovals(size: tuple[int, int], high: int, wide: int, gap: int) -> Gray:
    """Blobs like zeros, in rows."""
    page = np.full(size, PAPER, np.uint8)
    for y in range(10, size[0] - high, high + gap):
        for x in range(10, size[1] - wide, wide + gap):
            cv2.ellipse(page, (x + wide // 2, y + high // 2), (wide // 2, high // 2), 0, 0, 360, INK, 2)
    return page


def print_(size: tuple[int, int], scale: float, letters: str = "the quick brown fox 0123456789", seed: int = 1) -> Gray:
    page, random = np.full(size, PAPER, np.uint8), np.random.default_rng(seed)
    for y in range(int(30 * scale), size[0], int(30 * scale)):
        text = "".join(random.choice(list(letters), int(size[1] / (19 * scale)) + 1))
        cv2.putText(page, text, (3, y), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, max(1, round(2 * scale)))
    return page


def digits(size: tuple[int, int], high: int, apart: float, seed: int = 1) -> Gray:
    """Printed digits, so many heights from one to the next: they touch below 0.9."""
    page, random = np.full(size, PAPER, np.uint8), np.random.default_rng(seed)
    for y in range(int(high * 1.5), size[0] - 5, int(high * 1.6)):
        for x in range(5, size[1] - high, max(2, int(high * apart))):
            scale = high / 22
            cv2.putText(
                page, str(random.integers(10)), (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, max(1, round(2 * scale))
            )
    return page


def carpet(size: tuple[int, int], grain: float, note: bool = True, seed: int = 1) -> Gray:
    """A soft texture, and a note with a number on it."""
    wool = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, size).astype(np.float32), (0, 0), grain)
    page = np.clip(110 + 40 * wool / wool.std(), 0, 255).astype(np.uint8)
    if note:
        high, wide = size[0] // 3, size[1] // 3
        page[high : 2 * high, wide : 2 * wide] = to_gray(
            draw_page(["20746"], (wide, high), wide // 8, 3, Appearance()).image
        )
    return page


def scribble(size: tuple[int, int], points: int, pen: int, seed: int = 1) -> Gray:
    walk = np.abs(np.cumsum(np.random.default_rng(seed).normal(0, 40, (points, 2)), 0)) % (2 * np.array(size[::-1]))
    walk = np.minimum(walk, 2 * np.array(size[::-1]) - walk).astype(np.int32)
    return np.asarray(cv2.polylines(np.full(size, PAPER, np.uint8), [walk], False, INK, pen), np.uint8)


def stripes(size: tuple[int, int], pitch: int, slope: float, pen: int = 2) -> Gray:
    page = np.full(size, PAPER, np.uint8)
    for y in range(-size[1], size[0] + size[1], pitch):
        cv2.line(page, (0, y), (size[1], int(y + slope * size[1])), INK, pen)
    return page


def grid(size: tuple[int, int], pitch: int, seed: int = 0) -> Gray:
    """Squared paper; with a seed, ladders of short lines between long ones."""
    page = np.full(size, PAPER, np.uint8)
    page[::pitch] = 110
    for number, y in enumerate(range(0, size[0], pitch)):
        page[y : y + pitch, (number % 2 if seed else 0) * pitch // 2 :: pitch] = 110
    return page


def nested(size: tuple[int, int], pitch: int, corner: bool) -> Gray:
    """Frames in frames, or corners in corners: each blob's box holds all the others."""
    page = np.full(size, PAPER, np.uint8)
    for at in range(5, min(size) // (1 if corner else 2) - 5, pitch):
        if corner:
            cv2.polylines(page, [np.array([[at, 0], [at, size[0] - at], [size[1], size[0] - at]])], False, INK, 2)
        else:
            cv2.rectangle(page, (at, at), (size[1] - at, size[0] - at), INK, 2)
    return page


def combs(size: tuple[int, int], high: int, wide: int, teeth: int) -> Gray:
    """Wide blobs that can be cut at many places."""
    page = np.full(size, PAPER, np.uint8)
    for y in range(10, size[0] - high, high + 8):
        for x in range(10, size[1] - wide, wide + 8):
            cv2.line(page, (x, y + high // 2), (x + wide, y + high // 2), INK, 2)
            for at in range(0, wide, max(4, wide // teeth)):
                cv2.line(page, (x + at, y), (x + at, y + high), INK, 3)
    return page


def bars_and_specks(size: tuple[int, int], seed: int = 1) -> Gray:
    """Ones with very many specks between them: each speck may belong to the digit beside it."""
    page, random = np.full(size, PAPER, np.uint8), np.random.default_rng(seed)
    for y in range(20, size[0] - 60, 70):
        for x in range(20, size[1] - 20, 40):
            page[y : y + 50, x : x + 6] = INK
        for x in random.integers(10, size[1] - 10, size[1] // 4):
            top = int(random.integers(y, y + 46))
            page[top : top + 4, x : x + 4] = INK
    return page


def noise(size: tuple[int, int], seed: int = 1) -> Gray:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


TEXTURES: dict[str, Callable[[], Gray]] = {
    **{f"dots of {side}": lambda side=side: dots(LARGE, side, 0.1) for side in (1, 2, 3, 6, 12, 24)},
    "dense dots of 6": lambda: dots(LARGE, 6, 0.45),
    "dots of 10 on a page": lambda: dots((1280, 1280), 10, 0.2),
    "dots of 12 on a page": lambda: dots(PAGE, 12, 0.12),
    "dense dots of 12": lambda: dots(LARGE, 12, 0.35),
    "dots of 40": lambda: dots(LARGE, 40, 0.3),
    **{f"checkers of {side}": lambda side=side: checkers(LARGE, side) for side in (1, 10, 30, 100)},
    "checkers of 10 on a page": lambda: checkers(PAGE, 10),
    **{f"halftone of {pitch}": lambda pitch=pitch: halftone(LARGE, pitch) for pitch in (8, 30)},
    "maze of 16": lambda: maze(PAGE, 16),
    "maze of 40": lambda: maze(PAGE, 40),
    "rows of blobs": lambda: ovals(PAGE, 20, 14, 14),
    "rows of wide blobs": lambda: ovals(PAGE, 20, 40, 8),
    "rows of large blobs": lambda: ovals(LARGE, 60, 40, 30),
    "a newspaper": lambda: print_(PAGE, 0.7),
    "a large newspaper": lambda: print_(LARGE, 1.5),
    "headlines": lambda: print_(PAGE, 3.0),
    "large headlines": lambda: print_(LARGE, 8.0),
    "wide letters": lambda: print_(PAGE, 1.2, "mnwMW"),
    "a table of digits": lambda: digits(LARGE, 100, 1.0),
    "digits that touch": lambda: digits(PAGE, 30, 0.5),
    "large digits that touch": lambda: digits(LARGE, 150, 0.6),
    "a note on a carpet": lambda: carpet((1280, 1280), 3.0),
    "a note on a coarse carpet": lambda: carpet(LARGE, 6.0),
    "a carpet": lambda: carpet((1280, 1280), 10.0, note=False),
    "scribble": lambda: scribble(LARGE, 20_000, 3),
    "bold scribble": lambda: scribble(PAGE, 3_000, 12),
    "level stripes": lambda: stripes(LARGE, 20, 0.0, 3),
    "rising stripes": lambda: stripes(PAGE, 10, 0.12),
    "diagonals": lambda: stripes(PAGE, 16, 1.0),
    "squared paper": lambda: grid(PAGE, 12),
    "ladders": lambda: grid(PAGE, 30, 1),
    "frames": lambda: nested(PAGE, 8, corner=False),
    "corners": lambda: nested(PAGE, 8, corner=True),
    "combs": lambda: combs(PAGE, 30, 300, 20),
    "short combs": lambda: combs(PAGE, 20, 60, 6),
    "long combs": lambda: combs(LARGE, 100, 3900, 100),
    "bars and specks": lambda: bars_and_specks(PAGE),
    "noise": lambda: noise(LARGE),
    "a line": lambda: noise((1, 1_000_000)),
    "a column": lambda: noise((1_000_000, 1)),
    "a line of 12 megapixels": lambda: noise((1, 12_000_000)),
    "a long strip": lambda: print_((40, 300_000), 1.0),
    "a high strip": lambda: np.ascontiguousarray(print_((40, 300_000), 1.0).T),
    "a strip of combs": lambda: combs((60, 200_000), 12, 100, 10),
    "a high strip of dots": lambda: dots((30_000, 100), 6, 0.3),
}


SHORT = (
    *("dots of 2", "dots of 6", "dots of 24", "dots of 12 on a page", "dense dots of 6", "checkers of 30"),
    *("halftone of 30", "maze of 40", "rows of blobs", "rows of large blobs", "a newspaper", "headlines"),
    *("digits that touch", "a note on a carpet", "scribble", "rising stripes", "squared paper", "ladders", "frames"),
    *("combs", "bars and specks", "noise", "a line", "a column", "a line of 12 megapixels", "a high strip"),
)


def at_random(seed: int) -> Gray:
    """One of them with other measures."""
    random = np.random.default_rng(seed)
    high = int(np.exp(random.uniform(np.log(60), np.log(6000))))
    size = high, min(12_000_000 // high, int(np.exp(random.uniform(np.log(60), np.log(6000)))))
    side = int(np.exp(random.uniform(np.log(2), np.log(80))))
    kinds: list[Callable[[], Gray]] = [
        lambda: dots(size, side, random.uniform(0.02, 0.5), seed),
        lambda: halftone(size, side + 2),
        lambda: ovals(size, side + 4, int(side * random.uniform(0.4, 2.5)) + 4, int(side * random.uniform(0.2, 1)) + 2),
        lambda: print_(size, max(0.3, side / 22), seed=seed),
        lambda: digits(size, side + 8, random.uniform(0.4, 1.2), seed),
        lambda: carpet(size, side / 4 + 0.5, note=False, seed=seed),
        lambda: scribble(size, int(random.integers(50, 20_000)), side // 4 + 1, seed),
        lambda: stripes(size, side + 3, random.uniform(-1.2, 1.2), side // 8 + 1),
        lambda: grid(size, side + 4, seed % 2),
        lambda: combs(size, side + 8, int(side * random.uniform(2, 40)) + 20, int(random.integers(2, 60))),
        lambda: np.minimum(dots(size, side, 0.1, seed), scribble(size, 2000, 2, seed)),
        lambda: noise(size, seed),
    ]
    return kinds[seed % len(kinds)]()


def main(which: str, seeds: int) -> None:
    from edge_runtime import Classifier, Reader

    cv2.setNumThreads(1)
    reader = Reader(Classifier())
    reader.read(print_((200, 600), 1.0), "page")  # what is loaded once counts for none
    names = list(TEXTURES) if which == "all" else SHORT
    images = {name: TEXTURES[name] for name in names}
    images |= {f"seed {seed}": lambda seed=seed: at_random(seed) for seed in range(seeds)}
    for name, draw in images.items():
        gray = draw()
        Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
        began = time.process_time()
        page = reader.read(gray, "page")
        seconds = time.process_time() - began
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        told = {"name": name, "seconds": round(seconds, 3), "mib": int(peak.split()[1]) // 1024, "size": gray.shape}
        told |= {"digits": len(page.digits), "dropped": len(page.dropped)}
        print(json.dumps(told | {"reasons": sorted({each.reason for each in page.dropped})}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
