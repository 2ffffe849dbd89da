"""Check whether libraries of the system are compatible with those installed by pip."""

import os
import sys
import sysconfig
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SYSTEM = Path("/usr/lib/python3/dist-packages")  # of Debian and Raspberry Pi OS


def conflicts(system: Path = SYSTEM) -> list[str]:
    """Return conflicts between the camera library of the system and the NumPy of this environment, with their fix.

    The C parts of picamera2 are built for the NumPy of the system: they fail or crash with another major version.
    """
    spec = find_spec("picamera2")
    if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(system):
        return []
    theirs = next((found.version for found in distributions(name="numpy", path=[str(system)])), None)
    ours = np.__version__
    if theirs is None or theirs.split(".")[0] == ours.split(".")[0]:
        return []
    # Newer versions require NumPy 2; LiteRT needs ml-dtypes.
    older = " 'opencv-python-headless<4.12' 'ml-dtypes<0.6'" if theirs.startswith("1.") else ""
    sudo = "" if os.access(sysconfig.get_path("purelib"), os.W_OK) else "sudo "
    command = f"{sudo}{sys.executable} -m pip install 'numpy=={theirs}'{older}"
    return [f"the system's picamera2 is built for NumPy {theirs}, but {ours} is installed: {command}"]
