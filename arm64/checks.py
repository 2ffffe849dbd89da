"""What must come out the same on both: `python checks.py IN.npz OUT.npz`, here and in the userland.

Needs the installed package alone. IN holds pictures of digits, `gray0`, `gray1`, ... uint8 of any size.
"""

import sys

import numpy as np

from edge_runtime.backends import open_backend
from edge_runtime.bundle import load_bundle, names
from edge_runtime.normalise import normalise_all

BACKENDS = ("litert", "onnx")


def main(source: str, target: str) -> None:
    """Normalise, and run every shipped network on every interpreter."""
    with np.load(source, allow_pickle=False) as given:
        digits = normalise_all(given[f"gray{number}"] for number in range(len(given.files)))
    found = {"normalise": digits}
    for model in names():
        for backend in BACKENDS:
            found[f"{model} {backend}"] = open_backend(backend, load_bundle(model))[1].run(digits)
    np.savez(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
