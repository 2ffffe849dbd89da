"""`python -m tools.page_picture`: draw the example page, and the same page with boxes and labels."""

from pathlib import Path

import cv2

from edge_runtime import read_page
from edge_runtime.synthetic.pages import Appearance, draw_page

ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "examples" / "page.jpg", ROOT / "docs" / "page.jpg"
LOOK = Appearance(
    ink=(120, 50, 30),
    gap=(0.35, 0.7),
    jitter=0.04,
    ruling="lines",
    fall=0.35,
    shadow=0.15,
    perspective=0.02,
    blur=0.6,
    noise=3,
)


def main() -> None:
    """Write both files."""
    drawn = draw_page(["2026", "31415", "0987"], (900, 560), height=92, seed=3, appearance=LOOK)
    cv2.imwrite(str(PAGE), drawn.image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    page = read_page(PAGE)
    cv2.imwrite(str(PICTURE), page.draw(PAGE), [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(page.text)


if __name__ == "__main__":
    main()
