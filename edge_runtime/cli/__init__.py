"""The command line: arguments, terminal and exit codes. The work itself is in the other packages."""

import os
import sys
from typing import NoReturn

from edge_runtime.cli.requirements import import_advice
from edge_runtime.errors import INTERRUPTED


def main() -> NoReturn:
    """The console command."""
    # Before NumPy is loaded: on a busy device, the numpy backend is faster with a single BLAS thread.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Imported here, so that Ctrl-C during the import ends quietly.
        from edge_runtime.cli.commands import edge_digits
        from edge_runtime.cli.run import run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        advice = import_advice(error)
        if advice is None or "--debug" in sys.argv[1:]:
            raise
        sys.exit(f"error: {advice}")
    run(edge_digits, "edge-digits")
