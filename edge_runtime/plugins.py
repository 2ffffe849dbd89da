"""Backends, sources and sinks that other packages provide through entry points.

Entry points are searched only for names that this package does not know, so that they do not delay the start.
"""

from typing import Any

from edge_runtime.errors import MissingLibraryError

BACKENDS = "edge_digits.backends"
SOURCES = "edge_digits.sources"
SINKS = "edge_digits.sinks"


def load_plugin(group: str, name: str) -> Any | None:
    """Return the object that an installed package has registered under a name, or None.

    group: BACKENDS, SOURCES or SINKS. Raises MissingLibraryError if it cannot be imported.
    """
    from importlib.metadata import entry_points  # slow to import, rarely needed

    for found in entry_points(group=group, name=name):
        try:
            return found.load()
        except (Exception, SystemExit) as error:  # the code of the other package may raise anything
            raise MissingLibraryError(
                f"{found.value}, which {group} names {name}, cannot be imported: {cause(error)}"
            ) from error
    return None


def failure_message(part: str, name: str, error: BaseException) -> str:
    """Return a message in one line for an error of a plugin. part: "backend", "source" or "sink"."""
    return f"the {part} {name} failed: {cause(error)}"


def cause(error: BaseException) -> str:
    """Return the type and message of an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def plugin_names(group: str) -> list[str]:
    """Return the names that installed packages have registered."""
    from importlib.metadata import entry_points

    return sorted({found.name for found in entry_points(group=group)})
