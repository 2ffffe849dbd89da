"""PDF pages, rendered by PDFium through pypdfium2: the only file that imports it.

Only for a process with limits: the cost of a page is not known before rendering.
"""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from edge_runtime import limits
from edge_runtime.common.versions import import_failure
from edge_runtime.errors import DamagedImageError
from edge_runtime.images.formats import EXTRA
from edge_runtime.images.formats.encoded import Encoded, Pixels

try:
    import pypdfium2
except Exception as error:
    raise import_failure("PDF", "pypdfium2", "pypdfium2", EXTRA, error) from error

_POINTS = 72  # points per inch
_MOST_POINTS = 1e6  # points: a longer side of a page is clipped to this


def images(data: bytes) -> Iterator[Encoded]:
    """Parse a document; yields its pages, rendered at 200 dpi or at the resolution that the limits allow."""
    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DamagedImageError("the PDF is protected by a password: save it without one") from error
        raise DamagedImageError("the PDF is broken: it cannot be opened") from error
    if not count:
        raise DamagedImageError("the PDF has no page")
    pages = min(count, limits.PAGES)
    for number in range(1, pages + 1):
        try:
            page = document[number - 1]
            across, down = (min(max(side, 1.0), _MOST_POINTS) for side in page.get_size())
        except pypdfium2.PdfiumError:
            yield Encoded(1, 1, 0, _refuse, page=number, pages=pages)
            continue
        dpi = min(limits.PDF_DPI, _POINTS * (limits.PDF_PIXELS / (across * down)) ** 0.5)
        dpi = min(dpi, _POINTS * limits.SIDE / max(across, down))
        notes = [f"drawn at {dpi:.0f} dpi because it is large"] if dpi < limits.PDF_DPI else []
        if number == limits.PAGES < count:
            notes.append(f"the document has {count:,} pages: the first {number:,} were read")
        width, height = (math.ceil(side * dpi / _POINTS) for side in (across, down))
        work = 5 * width * height
        yield Encoded(
            width,
            height,
            work,
            partial(_draw, page, dpi / _POINTS),
            page=number,
            pages=pages,
            note="; ".join(notes),
            exact=False,
        )


def _refuse() -> Pixels:
    raise DamagedImageError("the page is broken: it cannot be opened")


def _draw(page: Any, scale: float) -> Pixels:
    try:
        return np.array(page.render(scale=scale, grayscale=True, may_draw_forms=False).to_numpy())
    except MemoryError:
        raise
    except Exception as error:
        raise DamagedImageError("the page is broken: it cannot be drawn") from error
    finally:
        page.close()
