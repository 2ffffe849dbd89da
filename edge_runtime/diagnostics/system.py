"""Libraries that come from the system rather than from pip, and whether they go with what is installed."""

import os
import sys
import sysconfig
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import numpy as np

SYSTEM = Path("/usr/lib/python3/dist-packages")  # Debian's, and Raspberry Pi OS's


def conflicts(system: Path = SYSTEM) -> list[str]:
    """Return what is wrong between the system's camera library and this environment's NumPy, with what mends it.

    picamera2's parts in C are built for the system's NumPy: they fail, or crash, where another major version is.
    """
    spec = find_spec("picamera2")
    if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(system):
        return []
    theirs = next((found.version for found in distributions(name="numpy", path=[str(system)])), None)
    ours = np.__version__
    if theirs is None or theirs.split(".")[0] == ours.split(".")[0]:
        return []
    # Newer ones ask for NumPy 2; LiteRT needs the second.
    older = " 'opencv-python-headless<4.12' 'ml-dtypes<0.6'" if theirs.startswith("1.") else ""
    sudo = "" if os.access(sysconfig.get_path("purelib"), os.W_OK) else "sudo "
    command = f"{sudo}{sys.executable} -m pip install 'numpy=={theirs}'{older}"
    return [f"the system's picamera2 is built for its NumPy {theirs}, and here is {ours}: {command}"]
