"""Versions of installed packages, and errors for packages that cannot be imported."""

import platform
from importlib.metadata import PackageNotFoundError, version

from edge_runtime.errors import MissingLibraryError, describe_error


def versions(*distributions: str) -> dict[str, str]:
    """Return the versions of Python and of each distribution by name.

    The version is `unknown` if pip does not know the distribution: it is missing, or installed by the system under
    another name.
    """
    return {"python": platform.python_version()} | {name: _version(name) for name in distributions}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def import_failure(purpose: str, module: str, distribution: str, install: str, error: Exception) -> MissingLibraryError:
    """Return an error that says why a library cannot be imported, and what to do.

    purpose: what needs it. module: its name in Python. distribution: its name for pip. install: the command to install
    it. error: the error of the import; a library that is too old or incomplete also raises ImportError.
    """
    found = _version(distribution)
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return MissingLibraryError(f"{purpose} needs {distribution}: {install}")
    return MissingLibraryError(
        f"{purpose} cannot be used: {distribution} {found} is installed, and importing it fails "
        f"({describe_error(error)}): pip install --upgrade {distribution}"
    )
