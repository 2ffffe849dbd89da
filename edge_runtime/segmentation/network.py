"""The page network: tiles of a gray page to what each square and each cell of them shows."""

import threading
from typing import NamedTuple

import numpy as np

from edge_runtime.backends import AUTO, open_backend
from edge_runtime.bundles.bundle import Bundle, load_page_bundle
from edge_runtime.errors import ModelError, UsageError
from edge_runtime.segmentation.outputs import TILE, Tiles, split
from edge_runtime.segmentation.trust import REPAIR, load_trust
from edge_runtime.types import Images

MAX_ERROR, FIELD_MAX_ERROR = 0.07, 0.02  # of the accepted numbers of pages and fields of forms, by default
BATCH = 4  # tiles that the interpreter takes at once, which bounds its memory


class Limit(NamedTuple):
    """The trust that a number or a field needs, so that at most a share of the accepted generated ones was wrong."""

    max_error: float  # this share, 0..1
    least_trust: float  # 0..1


class PageNetwork:
    """Segments tiles. Thread-safe: one call at a time uses the interpreter."""

    def __init__(self, bundle: Bundle | None = None, backend: str = AUTO, threads: int = 1) -> None:
        """Load a page bundle; None for the one of the package.

        backend, threads: as for Classifier. Raises ModelError, BackendError or UsageError.
        """
        self.bundle = bundle or load_page_bundle()
        self.backend, self._backend = open_backend(backend, self.bundle, threads)
        self.trust = load_trust(self.bundle)
        self.limits = _limits(self.bundle, "numbers")
        self.field_limits = _limits(self.bundle, "fields") or self.limits
        self._turn = threading.Lock()

    def least_trust(self, max_error: float | None = None) -> float:
        """Return the trust that numbers need, so that at most `max_error` of the accepted ones are wrong; None: 7 %.

        max_error: over 0 and at most 1.
        No trust is enough for an error rate below those that were measured: the result is over 1.
        """
        return _least_trust(self.limits, max_error or MAX_ERROR)

    def least_field_trust(self, max_error: float | None = None) -> float:
        """Return the same for fields of forms; None: 2 %."""
        return _least_trust(self.field_limits, max_error or FIELD_MAX_ERROR)

    def run(self, tiles: Images) -> Tiles:
        """Return the logits of tiles, uint8 (N, 256, 256), N >= 1; raises UsageError for other arrays."""
        if tiles.dtype != np.uint8 or tiles.shape[1:] != (TILE, TILE) or not len(tiles):
            raise UsageError(f"tiles are a uint8 array (N, {TILE}, {TILE}), not {tiles.dtype} {tiles.shape}")
        with self._turn:
            outputs = np.concatenate(
                [self._backend.run(tiles[start : start + BATCH]) for start in range(0, len(tiles), BATCH)]
            )
        return split((outputs.astype(np.float32) - self._backend.zero_point) * np.float32(self._backend.scale))


def _least_trust(limits: list[Limit], max_error: float) -> float:
    most = max_error * (1 + 1e-9)
    return min((limit.least_trust for limit in limits if limit.max_error <= most), default=2.0 if limits else 0.0)


def _limits(bundle: Bundle, name: str) -> list[Limit]:
    """Return the limits of numbers or fields; none if there are none in the manifest."""
    try:
        entries = bundle.manifest.get("trust", {}).get(name, [])
        return [Limit(float(entry["max_error"]), float(entry["least_trust"])) for entry in entries]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"the limits of {name} of {bundle.name} are invalid ({error!r}): {REPAIR}") from error
