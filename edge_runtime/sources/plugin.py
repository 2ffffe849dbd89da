"""A camera of another package: its images are checked, and its errors only fail the camera."""

from typing import Any

from edge_runtime.images.gray import to_gray
from edge_runtime.sources.live import Shot


class PluginCamera:
    """Implements Camera."""

    def __init__(self, name: str, open_camera: Any, text: str) -> None:
        """Open a camera with the function that its package registered; raises RuntimeError or what that raises."""
        self._name = name
        try:
            self._camera = open_camera(text)
        except SystemExit as error:  # it would end the thread silently
            raise RuntimeError(f"SystemExit: {error}") from error
        if not all(callable(getattr(self._camera, method, None)) for method in ("grab", "close")):
            raise TypeError(f"{type(self._camera).__name__} has no grab and close: it is not a Camera")

    def grab(self) -> Shot | None:
        """See Camera.grab; colour images (blue, green, red) and other depths are converted to gray."""
        try:
            shot = self._camera.grab()
        except SystemExit as error:
            raise RuntimeError(f"SystemExit: {error}") from error
        if shot is None:
            return None
        if not isinstance(shot, Shot):
            raise TypeError(f"grab returned {type(shot).__name__}, not a Shot")
        return shot._replace(image=to_gray(shot.image))

    def close(self) -> None:
        """See Camera.close."""
        self._camera.close()
