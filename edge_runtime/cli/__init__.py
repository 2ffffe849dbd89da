"""The command line: arguments in, rows and exit codes out. Puts the parts together and holds no logic of its own."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The console command."""
    try:
        # Imported here: Ctrl-C while NumPy and OpenCV are loaded is no fault of anybody's.
        from edge_runtime.cli.commands import edge_digits
        from edge_runtime.cli.run import run
    except KeyboardInterrupt:
        sys.exit(130)
    run(edge_digits, "edge-digits")
