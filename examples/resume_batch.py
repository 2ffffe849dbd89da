"""Read a folder into a CSV file; run it again after an interruption: python examples/resume_batch.py samples out.csv"""

import sys
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.batch.counts import Counts
from edge_runtime.batch.job import BatchJob, BatchObserver
from edge_runtime.batch.settings import BatchSettings
from edge_runtime.types import Row


class Printer(BatchObserver):
    """Prints the progress and every problem."""

    def rows(self, rows: Sequence[Row], counts: Counts) -> None:
        print(f"{counts.files} files, {counts.statuses['failed']} pages failed")

    def warn(self, line: str) -> None:
        print(f"warning: {line}")


if __name__ == "__main__":  # worker processes import this file
    folder, output = sys.argv[1:]
    result = BatchJob(BatchSettings(folder=folder, output=Path(output), resume=True)).run(Printer())
    print("it was complete" if result.complete_before else f"done in {result.seconds:.1f} s")
    sys.exit(0 if result.ok else 1)
