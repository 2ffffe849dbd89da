"""The command line: arguments in, rows and exit codes out. Puts the parts together and holds no logic of its own."""

import os
import sys
from typing import NoReturn

from edge_runtime.cli.requirements import import_advice
from edge_runtime.errors import INTERRUPTED


def main() -> NoReturn:
    """The console command."""
    # For the backend numpy, before NumPy is loaded: threads that wait for each other on a busy device take longer.
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
