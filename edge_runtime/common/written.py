"""Marks for the outputs of this package, so that a later run does not read them as input."""

from pathlib import Path

MARK = ".edge-digits-output"  # marker file in each folder of copies
MARK_TEXT = "edge-digits wrote this folder. A folder with this file is read only if it is named explicitly.\n"
ACCURACY = ".accuracy.json"  # suffix of the file name of the accuracy of texts
CONFUSION = ".confusion.png"  # suffix of the file name of a confusion matrix


def mark_folder(folder: Path) -> None:
    """Create an output folder and mark it; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists():
        mark.write_text(MARK_TEXT)


def is_written(name: str) -> bool:
    """Return whether a file name is that of an image drawn by this package."""
    return name.endswith(CONFUSION)
