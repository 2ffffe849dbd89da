"""The result of reading one image: as text, for JSON, and drawn over the image."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_runtime.types import Digit, Status

if TYPE_CHECKING:
    from edge_runtime.images.inputs import Channels, ImageLike


class Page(NamedTuple):
    """The result of reading one image."""

    digits: tuple[Digit, ...]  # in reading order, ok or rejected
    width: int  # pixels
    height: int  # pixels
    dropped: tuple[Digit, ...] = ()  # candidates that were not read as digits: a reason and no label

    @property
    def text(self) -> str:
        """The accepted digits, rows joined by newline; rows without an accepted digit are omitted."""
        rows: dict[int | None, str] = {}
        for digit in self.digits:
            if digit.status is Status.OK:
                rows[digit.row] = rows.get(digit.row, "") + str(digit.label)
        return "\n".join(rows.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the page for JSON, as `edge-digits read --json` prints it.

        `text`; the accepted `digits`, with `label`, `confidence`, `box` as [x, y, width, height] in pixels, and `row`;
        the `rejected` digits, with a `reason` in addition; the `dropped` candidates, with `box` and `reason`; and
        `image` as [width, height].
        """
        return {
            "text": self.text,
            "digits": [_digit(each) for each in self.digits if each.status is Status.OK],
            "rejected": [_digit(each) for each in self.digits if each.status is not Status.OK],
            "dropped": [{"box": list(each.box), "reason": each.reason} for each in self.dropped],
            "image": [self.width, self.height],
        }

    def draw(self, image: "ImageLike", channels: "Channels" = "bgr") -> NDArray[np.uint8]:
        """Return the image with a box and a label for each digit: green if accepted, orange if rejected.

            cv2.imwrite("seen.png", read_page("note.jpg").draw("note.jpg"))

        image: the image that was read, in any form that `read_page` accepts. channels: the order of colours, both in an
        array and in the result. Returns uint8 (height, width, 3). Raises UsageError for an image of another size.
        """
        from edge_runtime.overlay import draw_over  # here because it needs OpenCV

        return draw_over(image, self.digits, (self.width, self.height), channels)


def _digit(digit: Digit) -> dict[str, Any]:
    label = None if digit.label is None else str(digit.label)
    record = {"label": label, "confidence": round(digit.confidence, 4), "box": list(digit.box), "row": digit.row}
    return record | ({"reason": digit.reason} if digit.reason else {})
