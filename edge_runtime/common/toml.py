"""TOML files of bounded size."""

import tomllib
from pathlib import Path
from typing import Any

from edge_runtime.common.text import read_text
from edge_runtime.errors import FileError, UsageError
from edge_runtime.limits import CONFIG_BYTES


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises FileError if it cannot be read, and UsageError, with its name, if it is no TOML.
    """
    try:
        return tomllib.loads(read_text(path, CONFIG_BYTES))
    except FileError as error:
        if isinstance(error.__cause__, OSError):
            raise
        raise UsageError(str(error)) from None  # the file was read, but its content is invalid
    except (ValueError, RecursionError) as error:  # ValueError: also of a number of thousands of digits
        raise UsageError(f"{path} is not valid TOML: {error}") from None
