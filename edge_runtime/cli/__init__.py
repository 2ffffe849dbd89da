"""The command line: arguments in, rows and exit codes out. Puts the parts together and holds no logic of its own."""

import os
import sys
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
    except ModuleNotFoundError as error:  # the package was installed without what it requires
        if error.name not in NEEDED:
            raise
        sys.exit(f"error: {error.name} is not installed: pip install {NEEDED[error.name]}")
    run(edge_digits, "edge-digits")
