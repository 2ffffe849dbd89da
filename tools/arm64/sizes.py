"""The size of the package and its dependencies on a device's disk."""

import re
from importlib.metadata import distributions
from pathlib import Path

RUNTIME = Path(__file__).parents[2] / "requirements" / "runtime.txt"
BUILD = {"setuptools"}  # needed to build the package from a checkout, not by its wheel
SMALLEST = ("click", "edge-digits", "numpy", "opencv-python-headless")  # reads digits with the NumPy backend


def installed(site: Path) -> dict[str, int]:
    """Return the bytes of each distribution of the runtime in a folder that pip filled, and of edge-digits itself."""
    names = {_plain(name) for name in re.findall(r"^([\w.-]+)==", RUNTIME.read_text(), re.MULTILINE)}
    names = (names | {"edge-digits"}) - BUILD
    sizes = {}
    for found in distributions(path=[str(site)]):
        if _plain(found.name) in names:
            files = (Path(str(found.locate_file(file))) for file in found.files or ())
            sizes[_plain(found.name)] = sum(file.stat().st_size for file in files if file.is_file())
    return sizes


def parts(site: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the files and folders at a site's top that belong to some distributions."""
    found = (each for each in distributions(path=[str(site)]) if _plain(each.name) in names)
    tops = {Path(str(file)).parts[0] for each in found for file in each.files or ()}
    return [site / top for top in sorted(tops) if top not in ("..", "bin")]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
