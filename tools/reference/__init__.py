"""The generated pages of the reference: command line and Python.

    click commands ──> commands ──┐
                                  ├──> docs/reference/cli.md, docs/reference/python.md
    docstrings ──────> python ────┘

`python -m tools.reference` writes them again; a test holds them to be up to date.
"""

from pathlib import Path

from tools.reference import commands, python

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Return the Markdown of each generated page."""
    return {FOLDER / "cli.md": commands.page(), FOLDER / "python.md": python.page()}
