"""What a figure was measured on: it stands in every result."""

import platform
from pathlib import Path
from typing import Any

from edge_runtime.doctor import cpu_features, versions


def machine() -> dict[str, Any]:
    """Processor, its features and the versions of what was measured, ready for JSON."""
    return {
        "processor": _processor(),
        "features": cpu_features(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
