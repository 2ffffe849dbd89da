"""Fields of real exam sheets, photographed by many people: their boxes are in exam_sheets.toml, the photographs not."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.labelled import labelled
from edge_runtime import Reader
from edge_runtime.errors import UsageError
from edge_runtime.forms.form import Field, Form
from edge_runtime.forms.reading import FormReader
from edge_runtime.images.files import read_gray
from edge_runtime.images.part import Part
from edge_runtime.types import FieldReading, Status

SHEETS = Path(__file__).with_name("exam_sheets.toml")
SET = "scenes"  # folder of the photographs


def measure(reader: Reader, real: Path) -> dict[str, Counter[str]]:
    """Return counts of the fields, by what is known of them; raises UsageError if a photograph is missing.

    real: folder with the set of scenes.
    """
    folders = [found.folder for found in labelled(real) if found.name == SET]
    if not folders:
        raise UsageError(f"{real} has no folder {SET} with a labels.csv: exam sheets cannot be measured")
    sheets = tomllib.loads(SHEETS.read_text(encoding="utf-8"))["sheet"]
    return {
        known: sum(_judge(reader, folders[0], sheets, known == "known"), Counter()) for known in ("known", "unknown")
    }


def count_field(reading: FieldReading, true: str) -> Counter[str]:
    """Return whether the digits of a field are exact, and whether it is accepted and silently wrong, as counts."""
    exact = "".join(filter(str.isdigit, reading.text)) == true
    accepted = reading.status is Status.OK
    return Counter(fields=1, exact=exact, accepted=accepted, silent=accepted and not exact)


def _judge(reader: Reader, folder: Path, sheets: list[dict[str, Any]], known: bool) -> Iterator[Counter[str]]:
    for sheet in sheets:
        form = Form(tuple(_field(number, each, known) for number, each in enumerate(sheet["fields"])))
        found = FormReader(reader, form).read(read_gray(folder / sheet["image"])).fields
        for reading, each in zip(found, sheet["fields"], strict=True):
            yield count_field(reading, each["value"])


def _field(number: int, entry: dict[str, Any], known: bool) -> Field:
    field = Field(f"field{number}", Part(tuple(entry["box"])))
    return field._replace(digits=entry.get("digits"), pattern=entry.get("pattern", "")) if known else field
