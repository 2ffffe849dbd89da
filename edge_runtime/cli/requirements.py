"""Advice on a required library that cannot be imported. Imports only the standard library."""

import sys
from traceback import walk_tb

from edge_runtime.errors import describe_error

REQUIRED = {"click": "click", "numpy": "numpy", "cv2": "opencv-python-headless"}  # modules and their PyPI packages


def import_advice(error: Exception) -> str | None:
    """Return one line of advice if the import of a required library raised `error`, else None."""
    module = _module(error)
    if module is None:
        return None
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"{module} is not installed: pip install {REQUIRED[module]}"
    command = f"{sys.executable} -m pip install --force-reinstall {REQUIRED[module]}"
    return f"{module} is installed, but importing it fails ({describe_error(error)}): {command}"


def _module(error: Exception) -> str | None:
    """Return the required library whose import failed."""
    if isinstance(error, ModuleNotFoundError):
        return error.name if error.name in REQUIRED else None
    frames = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    # The innermost: OpenCV imports NumPy, whose failure is not OpenCV's. A module whose import failed is not in
    # sys.modules; if it is there, the error has another cause.
    return next((name for name in reversed(frames) if name in REQUIRED and name not in sys.modules), None)
