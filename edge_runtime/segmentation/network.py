"""The page network: tiles of a gray page to what each square and each cell of them shows."""

import threading

import numpy as np

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_page_bundle
from edge_runtime.errors import UsageError
from edge_runtime.segmentation.outputs import TILE, Tiles, split
from edge_runtime.types import Images

BATCH = 4  # tiles that the interpreter takes at once, which bounds its memory


class PageNetwork:
    """Segments tiles. Thread-safe: one call at a time uses the interpreter."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a page bundle; None for the one of the package.

        backend, threads: as for Classifier. Raises ModelError, BackendError or UsageError.
        """
        self.bundle = bundle or load_page_bundle()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
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
