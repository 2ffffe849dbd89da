"""Glyphs of installed fonts as outlines: printed digits and words, and handwriting fonts for words.

matplotlib's own fonts are always used; the Debian packages below add to them. Scenes depend on the fonts that are
installed: the same seed gives the same image only with the same fonts.
"""

from functools import cache, lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.path import Path as Outline

from train.errors import FontError
from train.synthetic.scenes.types import Points

FONTS = Path("/usr/share/fonts")
UNITS = 100  # of an outline to the em
# Debian packages, and a pattern below `FONTS` for the fonts of each that have plain digits and letters.
PRINT = {
    "fonts-cabin": "opentype/cabin/*.otf",
    "fonts-cantarell": "opentype/cantarell/*.otf",
    "fonts-courier-prime": "opentype/courier-prime/*.otf",
    "fonts-crosextra-carlito": "truetype/crosextra/*.ttf",
    "fonts-freefont-ttf": "truetype/freefont/*.ttf",
    "fonts-go": "fonts-go/*.ttf",
    "fonts-inconsolata": "truetype/inconsolata/*.ttf",
    "fonts-lato": "truetype/lato/*.ttf",
    "fonts-liberation2": "truetype/liberation2/*.ttf",
    "fonts-linuxlibertine": "opentype/linux-libertine/LinLibertine_R*.otf",
    "fonts-ocr-b": "opentype/ocr-b/OCRB.otf",
    "fonts-oldstandard": "truetype/fonts-oldstandard/*.ttf",
    "fonts-open-sans": "truetype/open-sans/*.ttf",
    "fonts-opendyslexic": "opentype/opendyslexic/*.otf",
    "fonts-play": "truetype/play/*.ttf",
    "fonts-quicksand": "truetype/quicksand/*.ttf",
    "fonts-roboto-unhinted": "truetype/roboto/unhinted/RobotoTTF/*.ttf",
    "fonts-sil-andika": "truetype/andika/*.ttf",
    "fonts-urw-base35": "opentype/urw-base35/*.otf",
}
SCRIPT = {  # handwriting, for letters only; other handwriting fonts are kept for measurements
    "fonts-comic-neue": "opentype/comic-neue/*.otf",
    "fonts-ecolier-court": "truetype/ecolier-court/*.ttf",
    "fonts-isabella": "truetype/isabella/*.ttf",
    "fonts-lobster": "opentype/lobster/*.otf",
    "fonts-tlwg-purisa-ttf": "truetype/tlwg/*.ttf",
    "fonts-tomsontalks": "truetype/tomsontalks/*.ttf",
}
DECORATIVE = {"fonts-aenigma": "truetype/aenigma/*.ttf"}  # for letters only: many of their digits are illegible
UNFIT = ("symbol", "dingbat", "standardsymbols", "d050000l")


@cache
def print_fonts() -> tuple[Path, ...]:
    """Return the fonts with plain digits and letters: matplotlib's, then installed ones, sorted.

    Raises `FontError` if there are none.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    bundled = (path for path in sorted(folder.glob("*.ttf")) if path.name.startswith(("DejaVu", "STIXGeneral")))
    found = (*bundled, *_installed(PRINT))
    if not found:
        packages = " ".join(PRINT | SCRIPT | DECORATIVE)
        raise FontError(f"no usable font in {folder} and {FONTS}; install these Debian packages, or some: {packages}")
    return found


@cache
def script_fonts() -> tuple[Path, ...]:
    """Return the handwriting fonts, sorted; without any, `print_fonts`."""
    return _installed(SCRIPT) or print_fonts()


@cache
def decorative_fonts() -> tuple[Path, ...]:
    """Return the fonts with unusual letters, sorted; without any, `script_fonts`."""
    return _installed(DECORATIVE) or script_fonts()


def _installed(packages: dict[str, str]) -> tuple[Path, ...]:
    found = (path for pattern in packages.values() for path in FONTS.glob(pattern))
    return tuple(sorted(path for path in found if not any(part in path.name.lower() for part in UNFIT)))


@lru_cache(64)
def _font(path: Path) -> FT2Font:
    font = FT2Font(str(path))
    font.set_size(UNITS, 72)
    return font


@lru_cache(20_000)
def glyph(path: Path, character: str) -> tuple[list[Points], float] | None:
    """Return a glyph's contours and advance width, or None if the font lacks it.

    The unit is the height of the font's digit 1, or else of its H. Contours are float32 (n, 2), y downward, with the
    base line at y = 1; a space has none.
    """
    font = _font(path)
    height = _digit_height(path)
    if height <= 0 or font.get_char_index(ord(character)) == 0:
        return None
    loaded = font.load_char(ord(character), flags=LoadFlags.NO_HINTING)
    vertices, codes = font.get_path()
    advance = loaded.linearHoriAdvance / 65536 / height
    if len(vertices) == 0:
        return [], advance
    contours = []
    for polygon in Outline(vertices, codes).to_polygons(closed_only=False):
        points = np.asarray(polygon, np.float32) / np.float32(height)
        contours.append(np.stack([points[:, 0], 1 - points[:, 1]], 1))
    return contours, advance


@lru_cache(1000)
def _digit_height(path: Path) -> float:
    """Return the height of a font's digit 1, or else of its H, in units of its outlines; 0 if it has neither."""
    font = _font(path)
    for character in "1H":
        if font.get_char_index(ord(character)):
            font.load_char(ord(character), flags=LoadFlags.NO_HINTING)
            vertices, _ = font.get_path()
            if len(vertices):
                return float(np.ptp(vertices[:, 1]))
    return 0.0
