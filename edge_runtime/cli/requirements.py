"""Advice on a required library that cannot be imported. Imports the standard library alone."""

import sys
from traceback import walk_tb

REQUIRED = {"click": "click", "numpy": "numpy", "cv2": "opencv-python-headless"}  # modules, and their names to pip


def import_advice(error: Exception) -> str | None:
    """Return one line on a required library whose import raised `error`; None for any other error."""
    module = _module(error)
    if module is None:
        return None
    if isinstance(error, ModuleNotFoundError) and error.name == module:
        return f"{module} is not installed: pip install {REQUIRED[module]}"
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    command = f"{sys.executable} -m pip install --force-reinstall {REQUIRED[module]}"
    return f"{module} is installed, and importing it fails ({reason}): {command}"


def _module(error: Exception) -> str | None:
    """The required library whose import failed."""
    if isinstance(error, ModuleNotFoundError):
        return error.name if error.name in REQUIRED else None
    frames = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    # The innermost: OpenCV imports NumPy, and is not to blame for it. A module whose import failed is not in
    # sys.modules; one that is there raised an error for another reason.
    return next((name for name in reversed(frames) if name in REQUIRED and name not in sys.modules), None)
