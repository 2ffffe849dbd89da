"""What this package writes among a user's files, so that a later run does not read it as input."""

from pathlib import Path

MARK = ".edge-digits-output"  # a file in each folder of copies
MARK_TEXT = "edge-digits wrote this folder. A folder with this file is input only where it is named itself.\n"
CONFUSION = ".confusion.png"  # what the name of a confusion picture ends in


def mark_folder(folder: Path) -> None:
    """Make a folder for output and mark it; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists():
        mark.write_text(MARK_TEXT)


def is_written(name: str) -> bool:
    """Tell by its name whether a file is a picture that this package drew."""
    return name.endswith(CONFUSION)
