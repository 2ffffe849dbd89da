"""Readings of fields as records for JSON."""

from typing import Any

from edge_runtime.types import FieldReading


def to_dict(field: FieldReading) -> dict[str, Any]:
    """Return the reading of a field for JSON, boxes as [x, y, width, height]; of each digit label, trust and box."""
    record = {"name": field.name, "text": field.text, "value": field.value, "trust": round(field.trust, 4)}
    reason = {"reason": field.reason} if field.reason else {}
    digits = [{"label": each.text, "trust": round(each.trust, 4), "box": list(each.box)} for each in field.digits]
    return record | {"status": field.status.value} | reason | {"box": list(field.box), "digits": digits}
