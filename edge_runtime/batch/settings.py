"""What a batch job is asked to do, checked before anything is written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from edge_runtime.backends import AUTO
from edge_runtime.common.written import MARK
from edge_runtime.errors import UsageError

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
LIST = "-"  # the folder's name where the paths come from a list

Mode = Literal["classify", "read"]


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """SinkSettings of a batch job; the options of `edge-digits batch-classify` have the same names and meanings."""

    folder: str | Path  # to read; "-" for the paths of `listing`
    output: Path  # ends in .csv, .jsonl or .parquet
    listing: BinaryIO | None = None  # paths, one a line, relative to the current folder; bytes
    mode: Mode = "classify"  # one digit an image, or all digits of pages
    resume: bool = False  # continue an output that was begun; begin where there is none
    overwrite: bool = False  # replace an output that exists or was begun
    jobs: int = CORES  # processes, 1 to 256
    batch: int | None = None  # images under way at once in all processes; None: 512 a process
    recursive: bool = True
    hidden: bool = False  # read hidden and system files, too
    include: Sequence[str] = ()  # shell patterns: only these files
    exclude: Sequence[str] = ()  # shell patterns: none of these files
    null: bool = False  # paths of `listing` end with NUL, not with a line end
    probabilities: bool = False  # write the columns p0 to p9
    copy_to: Path | None = None  # folder for copies of images, sorted by label
    quarantine: Path | None = None  # folder for copies of files that failed
    labels: Path | None = None  # table of true labels
    labels_from_folders: bool = False  # an image's folder is named after its true label
    model: str | None = None  # a shipped model or a bundle's folder; None: the default model
    backend: str = AUTO
    max_error: float | None = None  # see Reader

    def check(self) -> None:
        """Raise UsageError for settings that contradict one another or would overwrite somebody's files."""
        if not str(self.folder):
            raise UsageError("FOLDER is empty: name a folder, . for this one, or - for standard input")
        if self.folder == LIST and self.listing is None:
            raise UsageError("the folder - needs a list of paths")
        if self.mode not in ("classify", "read"):
            raise UsageError(f"the mode is classify or read, not {self.mode!r}")
        if self.resume and self.overwrite:
            raise UsageError("--resume goes on with an output and --overwrite replaces it: choose one")
        if self.mode == "read" and (self.probabilities or self.copy_to or self.labels or self.labels_from_folders):
            raise UsageError(
                "--probabilities, --copy-to and true labels are for one digit an image, not for --mode read"
            )
        if self.labels and self.labels_from_folders:
            raise UsageError("--labels and --labels-from-folders do not go together: choose one")
        self._check_targets()

    def identity(self) -> dict[str, Any]:
        """Return the settings that must be the same when the job is resumed, by their names in messages."""
        return {
            "the folder": f"- in {Path.cwd()}" if self.folder == LIST else str(Path(self.folder).resolve()),
            "the option --mode": self.mode,
            "the option --max-error": self.max_error,
            "the option --recursive": self.recursive,
            "the option --hidden": self.hidden,
            "the option --include": list(self.include),
            "the option --exclude": list(self.exclude),
            "the option --null": self.null,
            "the option --probabilities": self.probabilities,
            "the option --copy-to": str(self.copy_to.resolve()) if self.copy_to else None,
            "the option --quarantine": str(self.quarantine.resolve()) if self.quarantine else None,
        }

    def _check_targets(self) -> None:
        """Copies may not be written into the folder that is read, into one another, or among other files."""
        for target in filter(None, (self.copy_to, self.quarantine)):
            if self.folder != LIST and _overlap(Path(self.folder), target):
                raise UsageError(f"{target} and the folder that is read lie in one another: name one outside of it")
            if self.resume or self.overwrite or not target.exists():
                continue
            if not target.is_dir() or any(file.name != MARK for file in target.iterdir()):
                raise UsageError(f"{target} is not empty: name another folder, or say --overwrite")
        if self.copy_to and self.quarantine and _overlap(self.copy_to, self.quarantine):
            raise UsageError("the folders of --copy-to and --quarantine lie in one another: name two beside each other")


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)
