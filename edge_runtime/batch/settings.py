"""Settings of a batch job, checked before anything is written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, BinaryIO, Literal

from edge_runtime.backends import AUTO
from edge_runtime.common.written import MARK
from edge_runtime.errors import UsageError
from edge_runtime.images.part import Part, parse_part

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
STDOUT = Path("-")  # as the output: CSV on standard output
LIST = "-"  # as the folder: paths come from a list

Mode = Literal["classify", "read"]


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """Settings of a batch job; the options of `edge-digits batch-classify` have the same names and meanings."""

    folder: str | Path  # folder to read; "-": read the paths of `listing`
    output: Path  # ends in .csv, .jsonl or .parquet; "-": CSV on standard output
    listing: BinaryIO | None = None  # paths in bytes, one per line, relative to the current folder
    mode: Mode = "classify"  # one digit per image, or all digits of pages
    resume: bool = False  # continue an unfinished output; start if there is none
    overwrite: bool = False  # replace an output that exists or is unfinished
    jobs: int = CORES  # processes, 1 to 256
    batch: int | None = None  # images in progress in all processes together; None: 512 per process
    recursive: bool = True
    hidden: bool = False  # also read hidden and system files
    include: Sequence[str] = ()  # shell patterns: read only matching files
    exclude: Sequence[str] = ()  # shell patterns: skip matching files
    null: bool = False  # paths of `listing` end with NUL, not with a newline
    probabilities: bool = False  # write the columns p0 to p9
    copy_to: Path | None = None  # folder for copies of images, sorted by label
    annotate: Path | None = None  # of pages: folder for images of them with the readings drawn over
    quarantine: Path | None = None  # folder for copies of files that failed
    labels: Path | None = None  # table of true labels; of pages, of their texts or those of their fields
    labels_from_folders: bool = False  # the folder of each image is its true label
    model: str | None = None  # a shipped model or a bundle's folder; None: the default model
    backend: str = AUTO
    max_error: float | None = None  # see Reader
    roi: str | None = None  # part of each image: X,Y,WIDTH,HEIGHT in pixels, or each with %
    fields: Path | None = None  # of pages: a form, whose fields are read
    report: Path | None = None  # with fields: an HTML page that shows the rejected ones
    corrections: Path | None = None  # with fields: a table of values that a person has corrected
    digits_only: bool = False  # of pages: the label has neither spaces between numbers nor ? for rejected digits

    @property
    def part(self) -> Part | None:
        """The part of each image that is read; None for all of it. Raises UsageError."""
        return parse_part(self.roi) if self.roi else None

    def check(self) -> None:
        """Raise UsageError for settings that contradict each other or would overwrite other files."""
        if not str(self.folder):
            raise UsageError("FOLDER is empty: name a folder, . for the current one, or - for standard input")
        if self.folder == LIST and self.listing is None:
            raise UsageError("the folder - needs a listing")
        if self.mode not in ("classify", "read"):
            raise UsageError(f"the mode must be classify or read, not {self.mode!r}")
        if self.resume and self.overwrite:
            raise UsageError("--resume continues an output and --overwrite replaces it: choose one")
        if self.mode == "classify" and self.annotate:
            raise UsageError("--annotate is for --mode read")
        if self.output == STDOUT and (self.resume or self.overwrite or self.labels or self.labels_from_folders):
            raise UsageError("standard output takes no --resume, --overwrite or true labels: name a file with --output")
        if self.mode == "read" and (self.probabilities or self.labels_from_folders):
            raise UsageError("--probabilities and --labels-from-folders are not for --mode read")
        if self.mode == "classify" and self.digits_only:
            raise UsageError("--digits-only is for --mode read")
        if self.fields and (self.mode != "read" or self.roi or self.digits_only):
            raise UsageError("--fields is for --mode read, without --roi and --digits-only")
        if (self.report or self.corrections) and not self.fields:
            raise UsageError("--report and --corrections need --fields")
        if self.roi:
            parse_part(self.roi)
        if self.labels and self.labels_from_folders:
            raise UsageError("--labels and --labels-from-folders exclude each other: choose one")
        self._check_targets()

    def identity(self) -> dict[str, Any]:
        """Return the settings that must be unchanged on resume, by their names in messages."""
        return {
            "the folder": f"- in {Path.cwd()}" if self.folder == LIST else str(Path(self.folder).resolve()),
            "the option --mode": self.mode,
            "the option --max-error": self.max_error,
            "the option --roi": self.roi,
            "the option --digits-only": self.digits_only,
            "the option --recursive": self.recursive,
            "the option --hidden": self.hidden,
            "the option --include": list(self.include),
            "the option --exclude": list(self.exclude),
            "the option --null": self.null,
            "the option --probabilities": self.probabilities,
            "the option --copy-to": str(self.copy_to.resolve()) if self.copy_to else None,
            "the option --annotate": str(self.annotate.resolve()) if self.annotate else None,
            "the option --quarantine": str(self.quarantine.resolve()) if self.quarantine else None,
        }

    def _check_targets(self) -> None:
        """Check that copies do not go into the folder that is read, into each other or among other files."""
        for target in filter(None, (self.copy_to, self.quarantine, self.annotate)):
            if self.folder != LIST and _overlap(Path(self.folder), target):
                raise UsageError(f"{target} and the folder that is read overlap: name a folder outside it")
            if self.resume or self.overwrite or not target.exists():
                continue
            if not target.is_dir() or any(file.name != MARK for file in target.iterdir()):
                raise UsageError(f"{target} is not empty: name another folder, or use --overwrite")
        options = {"copy-to": self.copy_to, "quarantine": self.quarantine, "annotate": self.annotate}
        for (one, first), (other, second) in combinations(options.items(), 2):
            if first and second and _overlap(first, second):
                raise UsageError(f"the folders of --{one} and --{other} overlap: name two separate folders")


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)
