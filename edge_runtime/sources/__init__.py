"""Where images come from, one file each: folders and lists of files, cameras, streams and videos.

Cameras, videos and folders for `watch` are behind `Source`; `opened.open_source` opens what a user names.
"""

from collections.abc import Iterator
from typing import Protocol

from edge_runtime.types import Frame


class Source(Protocol):
    """Images one after the other; opened once, when the first is asked for."""

    name: str  # as the user named it, without secrets

    @property
    def connected(self) -> bool:
        """Whether images come; of a stored source always True."""

    def frames(self) -> Iterator[Frame | None]:
        """Yield frames until the source ends; once only.

        None, which may come at any time, says that the next is not there yet: a live source yields it four times a
        second while it waits. Raises SourceError where no image can be had.
        """

    def close(self) -> bool:
        """Close the device or connection, within a second; False where a thread of it hangs and is left alone."""
