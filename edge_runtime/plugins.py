"""Backends, sources and sinks that other packages add through entry points.

Nothing is looked up before a name is asked for that this package does not know, so that no start takes longer.
"""

from typing import Any

from edge_runtime.errors import MissingLibraryError

BACKENDS = "edge_digits.backends"
SOURCES = "edge_digits.sources"
SINKS = "edge_digits.sinks"


def load_plugin(group: str, name: str) -> Any | None:
    """Return what an installed package has registered under a name, or None.

    group: BACKENDS, SOURCES or SINKS. Raises MissingLibraryError where it is registered and cannot be imported.
    """
    from importlib.metadata import entry_points  # takes a while, and most never ask

    for found in entry_points(group=group, name=name):
        try:
            return found.load()
        except (Exception, SystemExit) as error:  # whatever the package's own code raises
            raise MissingLibraryError(
                f"{found.value}, which {group} names {name}, cannot be imported: {cause(error)}"
            ) from error
    return None


def failed(part: str, name: str, error: BaseException) -> str:
    """Return in one line what the code of another package raised. part: "backend", "source" or "sink"."""
    return f"the {part} {name} failed: {cause(error)}"


def cause(error: BaseException) -> str:
    """Return the kind of an error and its text, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def plugin_names(group: str) -> list[str]:
    """Return the names that installed packages have registered."""
    from importlib.metadata import entry_points

    return sorted({found.name for found in entry_points(group=group)})
