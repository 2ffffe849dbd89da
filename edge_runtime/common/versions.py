"""Versions of what is installed."""

import platform
from importlib.metadata import PackageNotFoundError, version

from edge_runtime.errors import MissingLibraryError, explain


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


def import_failure(purpose: str, module: str, distribution: str, install: str, error: Exception) -> MissingLibraryError:
    """Return an error that says why a library cannot be imported, and what to do.

    purpose: what needs it. module: its name in Python. distribution: its name to pip. install: the command where it is
    missing. error: what the import raised; a library that is too old, or that lacks a part, raises ImportError, too.
    """
    found = _version(distribution)
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return MissingLibraryError(f"{purpose} needs {distribution}: {install}")
    return MissingLibraryError(
        f"{purpose} cannot be used: {distribution} {found} is installed, and importing it fails ({explain(error)}): "
        f"pip install --upgrade {distribution}"
    )
