"""Readings of fields as records for JSON."""

from collections.abc import Sequence
from typing import Any

from edge_runtime.types import FieldReading, Status


def to_dict(field: FieldReading) -> dict[str, Any]:
    """Return the reading of a field for JSON, boxes as [x, y, width, height]; of each digit label, trust and box."""
    record = {"name": field.name, "text": field.text, "value": field.value, "trust": round(field.trust, 4)}
    reason = {"reason": field.reason} if field.reason else {}
    digits = [{"label": each.text, "trust": round(each.trust, 4), "box": list(each.box)} for each in field.digits]
    return record | {"status": field.status.value} | reason | {"box": list(field.box), "digits": digits}


def summarise(fields: Sequence[tuple[str, str, str]]) -> tuple[str, Status, str]:
    """Return the texts of the fields of a page, joined by a space, its status, and its first rejected field and why.

    fields: name, text and reason of each.
    """
    label = " ".join(text for _, text, _ in fields if text)
    rejected = [f"{name}: {reason}" for name, _, reason in fields if reason]
    return (label, Status.REJECTED, rejected[0]) if rejected else (label, Status.OK, "")
