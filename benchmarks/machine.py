"""The machine that a result was measured on, which every result names."""

import platform
from typing import Any

from edge_runtime.common import cpu
from edge_runtime.common.versions import versions
from edge_runtime.diagnostics.doctor import DISTRIBUTIONS, PACKAGES


def machine() -> dict[str, Any]:
    """Return processor, features and versions, ready for JSON."""
    return {
        "processor": cpu.model_name() or platform.machine(),
        "features": cpu.features(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions(*PACKAGES, *DISTRIBUTIONS.values()),
    }
