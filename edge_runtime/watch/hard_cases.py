"""Digits that a watch was not sure of, as pictures that a person sorts into labels and a network then learns from."""

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
SORTED = (*(str(label) for label in range(10)), "none")  # folders that a person moves pictures to
PAUSE = 1.0  # seconds between two frames that are looked at
COUNT_SECONDS = 10.0  # between two looks whether a folder that was full has room again
MARGIN = 0.15  # of the box's longer side, on each side: paper to tell the ink by
REMEMBERED = 64  # crops that a new one is compared with
SAME = 12.0  # mean difference of two normalised crops, of 255, below which they are the same still
QUALITY = 95  # of a frame's JPEG, 0 to 100


class HardCases:
    """Keeps hard digits as DIR/unsorted/NAME.png, and the whole frames as DIR/frames/NAME.jpg.

    NAME tells when it was, which frame and digit, what was read and how surely. A person moves each picture into one of
    the folders 0 to 9 or none, which makes room for others. A digit that stays the same is kept once.
    """

    def __init__(self, folder: Path, report: Callable[[str], None], most: int = 1000, below: float = 0.9) -> None:
        """Make the folders.

        report: gets one line when the folder is full, or cannot be written. most: pictures in `unsorted`, and in `frames`.
        below: 0..1, the confidence from which on a digit is not hard. Raises OutputError.
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
            raise OutputError(f"{folder} cannot hold hard digits: {error.strerror}") from error

    def collect(self, frame: Frame, page: Page) -> None:
        """Keep what is hard in a frame, given what was read there; at most once a second. Raises nothing."""
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
            self._report_once(f"hard digits cannot be kept: {self._folder}: {error.strerror}")

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
            self._report_once(
                f"{self._folder / UNSORTED} is full with {self._most:,} pictures: sort some, or take them away"
            )
        elif self._frames >= self._most:
            self._report_once(f"{self._folder / FRAMES} is full with {self._most:,} pictures: take some away")
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
