"""Stored images and videos: every frame in order until the end."""

import time
from collections.abc import Callable, Iterator

from edge_runtime.sources.live import Camera
from edge_runtime.types import Frame


class Stored:
    """Implements Source for files: without a thread, and no frame is dropped."""

    def __init__(self, name: str, open_camera: Callable[[], Camera]) -> None:
        """open_camera: opens the file or raises EdgeDigitsError; called once."""
        self.name = name
        self._open = open_camera
        self._closed = False

    @property
    def connected(self) -> bool:
        """See Source.connected."""
        return True

    def frames(self) -> Iterator[Frame | None]:
        """See Source.frames. The time of a frame is when it was decoded."""
        camera = self._open()
        number = 0
        try:
            while not self._closed and (shot := camera.grab()) is not None:
                yield Frame(shot.image, time.monotonic(), number, shot.position)
                number += 1
        finally:
            camera.close()

    def close(self) -> bool:
        """See Source.close."""
        self._closed = True
        return True
