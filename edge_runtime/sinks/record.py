"""A reading as a record: the same fields in all machine-readable sinks."""

from datetime import UTC, datetime

from edge_runtime.types import Reading

COLUMNS = ("id", "event", "text", "confidence", "time", "age", "source", "frame", "position")

Record = dict[str, str | float | int | None]


def record(reading: Reading) -> Record:
    """Return the fields of a reading, as in COLUMNS; time as ISO 8601 in UTC, numbers rounded."""
    return {
        "id": reading.id,
        "event": reading.event.value,
        "text": reading.text,
        "confidence": round(reading.confidence, 4),
        "time": iso(reading.time),
        "age": round(reading.age, 3),
        "source": reading.source.encode("utf-8", "backslashreplace").decode(),  # a path may not be UTF-8
        "frame": reading.frame,
        "position": None if reading.position is None else round(reading.position, 3),
    }


def iso(time: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC with milliseconds, such as 2026-11-22T08:01:15.250Z."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
