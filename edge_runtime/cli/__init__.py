"""The command line: arguments in, rows and exit codes out. Puts the parts together and holds no logic of its own."""

import os
import sys
from traceback import walk_tb
from typing import NoReturn

NEEDED = {"click": "click", "numpy": "numpy", "cv2": "opencv-python-headless"}  # modules, and what pip knows them by


def main() -> NoReturn:
    """The console command."""
    # For the backend numpy, before NumPy is loaded: threads that wait for each other on a busy device take longer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Imported here: Ctrl-C while NumPy and OpenCV are loaded is no fault of anybody's.
        from edge_runtime.cli.commands import edge_digits
        from edge_runtime.cli.run import run
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # the package was installed without what it requires, or that cannot be imported
        module = _blamed(error)
        if module is None or "--debug" in sys.argv[1:]:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            sys.exit(f"error: {module} is not installed: pip install {NEEDED[module]}")
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        mend = f"{sys.executable} -m pip install --force-reinstall {NEEDED[module]}"
        sys.exit(f"error: {module} is installed, and importing it fails ({reason}): {mend}")
    run(edge_digits, "edge-digits")


def _blamed(error: Exception) -> str | None:
    """The library of NEEDED whose import failed; None where it is none of them."""
    if isinstance(error, ModuleNotFoundError) and error.name in NEEDED:
        return error.name
    frames = (str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in walk_tb(error.__traceback__))
    # The innermost: OpenCV imports NumPy, and is not to blame for it.
    return next((name for name in reversed([*frames]) if name in NEEDED), None)
