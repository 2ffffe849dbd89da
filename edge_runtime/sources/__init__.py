"""Sources of images: folders and lists of files, cameras, streams and videos. One file per kind.

`watch` uses cameras, videos and folders through `Source`; `opened.open_source` opens a source by its name.
"""

from collections.abc import Iterator
from typing import Protocol

from edge_runtime.types import Frame


class Source(Protocol):
    """A sequence of frames, opened when the first frame is requested."""

    name: str  # as the user named it, without secrets

    @property
    def connected(self) -> bool:
        """Whether images arrive; always True for a stored source."""

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames until the source ends; to be called once.

        Yields None at any time if the next frame is not available yet; a live source does so four times a second.
        Raises SourceError if no image can be read.
        """

    def close(self) -> bool:
        """Close the device or connection within a second; returns False if a thread hangs and was abandoned."""
