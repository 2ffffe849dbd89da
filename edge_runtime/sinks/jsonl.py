"""Rows as JSON, one object a line."""

import json
from typing import Any, TextIO

from edge_runtime.types import Row


class JsonLinesSink:
    """Implements Sink; writes to an open text stream, which it does not close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, row: Row) -> None:
        """See Sink.write."""
        line: dict[str, Any] = {
            "path": row.path,
            "label": row.label,
            "confidence": None if row.confidence is None else round(row.confidence, 4),
            "probabilities": [round(probability, 6) for probability in row.probabilities],
            "status": row.status,
            "error": row.error,
        }
        self._stream.write(json.dumps(line) + "\n")  # ASCII: a name that is not UTF-8 becomes an escape

    def flush(self) -> None:
        """See Sink.flush."""
        self._stream.flush()

    def close(self) -> None:
        """See Sink.close."""
        self.flush()
