"""Versions of what is installed."""

import platform
from importlib.metadata import PackageNotFoundError, version


def versions(*distributions: str) -> dict[str, str]:
    """Return Python's version and each distribution's by its name.

    `unknown` stands where pip knows nothing of one: it is missing, or there under another name, as a system's package.
    """
    return {"python": platform.python_version()} | {name: _version(name) for name in distributions}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
