"""The page network: tiles of a gray page to what each square and each cell of them shows."""

import math
import threading

import numpy as np

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_page_bundle
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.segmentation.check import FEATURES
from edge_runtime.segmentation.outputs import TILE, Tiles, split
from edge_runtime.types import Images

BATCH = 4  # tiles that the interpreter takes at once, which bounds its memory
TRUSTED = 4.0  # constant of the trust without weights: a probability of 0.98
# Of a page: as it is, where the map supports it; as it is, where it does not; of the ink that its map selects.
READINGS = ("supported", "first", "second")


class PageNetwork:
    """Segments tiles. Thread-safe: one call at a time uses the interpreter."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a page bundle; None for the one of the package.

        backend, threads: as for Classifier. Raises ModelError, BackendError or UsageError.
        """
        self.bundle = bundle or load_page_bundle()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
        self.trust = {name: _weights(self.bundle, name) for name in READINGS}
        self._turn = threading.Lock()

    def run(self, tiles: Images) -> Tiles:
        """Return the logits of tiles, uint8 (N, 256, 256), N >= 1; raises UsageError for other arrays."""
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (TILE, TILE) or not len(tiles):
            raise UsageError(f"tiles are a uint8 array (N, {TILE}, {TILE}), not {tiles.dtype} {tiles.shape}")
        with self._turn:
            outputs = np.concatenate(
                [self._backend.run(tiles[start : start + BATCH]) for start in range(0, len(tiles), BATCH)]
            )
        return split((outputs.astype(np.float32) - self._backend.zero_point) * np.float32(self._backend.scale))


def _weights(bundle: Bundle, reading: str) -> tuple[float, ...]:
    """Return the weights of `check.find_trust`; without any in the manifest, all digits are trusted."""
    trust = bundle.manifest.get("trust")
    if trust is None:
        return (TRUSTED, *(0.0,) * (len(FEATURES) - 1))
    try:
        weights = tuple(float(weight) for weight in trust[reading])
    except (LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"the entry trust of {bundle.name} is invalid ({error!r}): run python -m export.trust"
        ) from error
    if len(weights) != len(FEATURES) or not all(map(math.isfinite, weights)):
        raise ModelError(f"the entry trust of {bundle.name} has other weights than {len(FEATURES)} numbers")
    return weights
