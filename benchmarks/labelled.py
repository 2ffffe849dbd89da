"""Folders of labelled images, each with a labels.csv (filename,label) beside them or beside their folder `images`."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class LabelledSet(NamedTuple):
    """A folder of labelled images."""

    name: str  # of the folder with the labels.csv
    folder: Path  # of the images
    labels: dict[str, str]  # by file name

    @property
    def paths(self) -> list[Path]:
        """The images, in the order of the labels."""
        return [self.folder / name for name in self.labels]


def labelled(folder: Path) -> Iterator[LabelledSet]:
    """Yield every folder at or below `folder` that has a labels.csv, in the order of paths."""
    for table in sorted(folder.rglob("labels.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            labels = {line["filename"]: line["label"] for line in csv.DictReader(file)}
        images = table.parent / "images"
        yield LabelledSet(table.parent.name, images if images.is_dir() else table.parent, labels)
