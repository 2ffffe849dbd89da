"""Folders of labelled images, each with a labels.csv (filename,label) beside them or beside their folder `images`."""

import csv
from collections.abc import Iterator
from pathlib import Path


def labelled(folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield every folder of images at or below `folder` that has a labels.csv, and its labels by file name.

    The order is that of the paths.
    """
    for table in sorted(folder.rglob("labels.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            labels = {line["filename"]: line["label"] for line in csv.DictReader(file)}
        images = table.parent / "images"
        yield images if images.is_dir() else table.parent, labels
