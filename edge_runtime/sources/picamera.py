"""Camera modules of the Raspberry Pi, through picamera2 and libcamera; the only file that imports picamera2."""

import time
from typing import Any

import numpy as np

from edge_runtime import limits
from edge_runtime.diagnostics.system import conflicts
from edge_runtime.errors import MissingLibraryError, SourceError, describe_error
from edge_runtime.sources.live import Shot, check_timestamp

PACKAGES = {"libcamera": "python3-libcamera", "pykms": "python3-kms++", "av": "python3-av", "prctl": "python3-prctl"}


def _failure(error: Exception) -> MissingLibraryError:
    """Return an error that says why picamera2 cannot be imported and which command fixes it."""
    module = error.name if isinstance(error, ModuleNotFoundError) else None
    if module == "picamera2":
        fix = "apt install python3-picamera2, and a venv with --system-site-packages"
        return MissingLibraryError(f"picamera2 is not installed: {fix}")
    fix = "; ".join(conflicts())
    if not fix and module is not None:
        package = PACKAGES.get(module.partition(".")[0])
        fix = f"sudo apt install {package}" if package else "sudo apt install --reinstall python3-picamera2"
    reason = f"picamera2 is installed, but importing it fails ({describe_error(error)})"
    return MissingLibraryError(f"{reason}: {fix or 'edge-digits doctor shows what is installed'}")


try:
    import picamera2
except Exception as error:  # such as ValueError if it was built for another NumPy
    raise _failure(error) from error

SIZE = (640, 480)  # pixels, width and height; digits must have at least 12 pixels
SETTLE_SECONDS = 2.0  # for the exposure to settle


class PiCamera:
    """Implements Camera with picamera2. Uses the Y plane of its low-resolution stream as the gray image."""

    def __init__(self, number: int = 0) -> None:
        """Open camera `number`, >= 0; raises SourceError."""
        self._name = f"picamera2:{number}"
        try:
            self._camera: Any = picamera2.Picamera2(number)
        except IndexError as error:
            raise SourceError(f"there is no camera {self._name}: libcamera-hello --list-cameras shows all") from error
        except RuntimeError as error:
            raise SourceError(
                f"{self._name} cannot be opened; another program may use it ({describe_error(error)})"
            ) from error
        try:
            # Without a queue, an image is captured after its request, so it is never old.
            small = {"size": SIZE, "format": "YUV420"}
            self._camera.configure(
                self._camera.create_video_configuration({"size": SIZE}, lores=small, buffer_count=4, queue=False)
            )
            self._camera.start()
        except Exception as error:
            self._camera.close()
            raise SourceError(f"{self._name} cannot be started ({describe_error(error)})") from error
        self._settled = time.monotonic() + SETTLE_SECONDS

    def grab(self) -> Shot | None:
        """See Camera.grab."""
        while True:
            # `wait` in seconds: picamera2's time limit for a camera that sends nothing.
            request = self._camera.capture_request(wait=limits.READ_SECONDS)
            try:
                width, height = SIZE
                image = np.ascontiguousarray(request.make_array("lores")[:height, :width])  # rows are padded
                captured = request.get_metadata().get("SensorTimestamp", 0)
            finally:
                request.release()
            if time.monotonic() >= self._settled:
                return Shot(image, check_timestamp(captured / 1e9))

    def close(self) -> None:
        """See Camera.close."""
        self._camera.stop()
        self._camera.close()
