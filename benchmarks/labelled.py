"""Folders of labelled images, each with a labels.csv (filename,label)."""

import csv
from collections.abc import Iterator
from pathlib import Path


def labelled(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield every folder at or below `folder` that has a labels.csv, and its labels by file name, in order of paths."""
    for table in sorted(folder.rglob("labels.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            yield table.parent, {line["filename"]: line["label"] for line in csv.DictReader(file)}
