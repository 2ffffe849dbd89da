"""Low-confidence digits of a watch, saved as images that a person sorts by label for training."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from edge_runtime.common.files import READINGS_MODE, write_whole
from edge_runtime.errors import OutputError
from edge_runtime.normalise import normalise
from edge_runtime.page import Page
from edge_runtime.types import Box, Digit, Frame, Gray, Images, Status

UNSORTED, FRAMES = "unsorted", "frames"  # folders
SORTED = (*(str(label) for label in range(10)), "non-digit")  # folders that a person moves images to
PAUSE = 1.0  # seconds between two frames that are used
COUNT_SECONDS = 10.0  # between two checks whether a full folder has room again
MARGIN = 0.15  # of the box's longer side: paper around the digit, on each side
REMEMBERED = 64  # crops that a new one is compared with
SAME = 18.0  # mean difference of two normalised crops, 0..255, below which they show the same digit
QUALITY = 95  # of a frame's JPEG, 0 to 100


class HardCases:
    """Saves low-confidence digits as DIR/unsorted/NAME.png and their whole frames as DIR/frames/NAME.jpg.

    NAME contains the time, the numbers of frame and digit, the label and the confidence. A person moves each image into
    one of the folders 0 to 9 or none, which makes room for new ones. A digit that does not change is saved once.
    """

    def __init__(self, folder: Path, report: Callable[[str], None], most: int = 1000, below: float = 0.9) -> None:
        """Create the folders; raises OutputError.

        report: called with a line when a folder is full or cannot be written. most: maximum number of images in
        `unsorted` and in `frames`. below: digits with a confidence below this are saved, 0..1.
        """
        self._folder, self._report, self._most, self._below = folder, report, most, below
        self.saved = 0  # digits
        self._last = self._counted = -1e9  # seconds of the monotonic clock
        self._seen: deque[Images] = deque(maxlen=REMEMBERED)
        self._last_report = ""
        try:
            for name in (UNSORTED, FRAMES, *SORTED):
                (folder / name).mkdir(parents=True, exist_ok=True)
            self._count()
        except OSError as error:
            raise OutputError(f"hard digits cannot be saved in {folder}: {error.strerror}") from error

    def collect(self, frame: Frame, page: Page) -> None:
        """Save the low-confidence digits of a frame, at most once a second. Raises nothing."""
        if frame.time - self._last < PAUSE:
            return
        hard = []
        for number, digit in enumerate(page.digits, 1):
            if digit.label is not None and (digit.status is Status.REJECTED or digit.confidence < self._below):
                crop = _crop_digit(frame.image, digit.box)
                if crop.size and self._is_new(crop):
                    hard.append((number, digit, crop))
        if not hard:
            return
        self._last = frame.time
        try:
            self._save(frame, hard)
        except OSError as error:
            self._report_once(f"hard digits cannot be saved: {self._folder}: {error.strerror}")

    def _is_new(self, crop: Gray) -> bool:
        digit = normalise(crop)
        if any(float(np.mean(cv2.absdiff(digit, before))) < SAME for before in self._seen):
            return False
        self._seen.append(digit)
        return True

    def _save(self, frame: Frame, hard: list[tuple[int, Digit, Gray]]) -> None:
        full = self._crops + len(hard) > self._most or self._frames >= self._most
        if full and frame.time - self._counted > COUNT_SECONDS:
            self._counted = frame.time
            self._count()
        captured = datetime.fromtimestamp(time.time() - max(0.0, time.monotonic() - frame.time), UTC)
        name = f"{captured:%Y%m%dT%H%M%S}{captured.microsecond // 1000:03}Z-frame{frame.number}"
        room = hard[: max(0, self._most - self._crops)]
        for number, digit, crop in room:
            sure = round(100 * digit.confidence)
            self._write(self._folder / UNSORTED / f"{name}-{number}-read-{digit.label}-at-{sure}.png", crop)
            self._crops += 1
            self.saved += 1
        if len(room) < len(hard):
            self._report_once(f"{self._folder / UNSORTED} is full with {self._most:,} images: sort or remove some")
        elif self._frames >= self._most:
            self._report_once(f"{self._folder / FRAMES} is full with {self._most:,} images: remove some")
        else:
            self._last_report = ""
        if room and self._frames < self._most:
            self._write(self._folder / FRAMES / f"{name}.jpg", frame.image)
            self._frames += 1

    def _count(self) -> None:
        self._crops = sum(path.suffix == ".png" for path in (self._folder / UNSORTED).iterdir())
        self._frames = sum(path.suffix == ".jpg" for path in (self._folder / FRAMES).iterdir())

    def _write(self, path: Path, image: Gray) -> None:
        encoded = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        write_whole(path, encoded.tobytes(), READINGS_MODE, durable=False)

    def _report_once(self, line: str) -> None:
        if line != self._last_report:
            self._last_report = line
            self._report(line)


def _crop_digit(image: Gray, box: Box) -> Gray:
    margin = 1 + round(MARGIN * max(box.width, box.height))
    top, left = max(0, box.y - margin), max(0, box.x - margin)
    return image[top : box.y + box.height + margin, left : box.x + box.width + margin]
