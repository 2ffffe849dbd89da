"""Decode in a separate process with limits on memory and processor time.

This is for data whose cost is not known before decoding, and for decoders that may crash: whatever happens in that
process, the caller gets one clear error. The process is started on demand, kept for the next file, and ended with ours.

Each message is a line of JSON, followed by the bytes that it announces: the parent sends a file, then requests one
image after another.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, cast

import numpy as np

from edge_runtime import errors, limits
from edge_runtime.errors import DamagedImageError, InputError, TooLargeError
from edge_runtime.images.formats.encoded import DecodedImage, Failed, FailedPage

# The process imports the package from our sys.path, whatever its own environment.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from edge_runtime.images.decoder import main; main()"
_SETTINGS = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    "MALLOC_MMAP_THRESHOLD_": "262144",  # bytes: larger blocks are returned to the system when freed
}


def images(data: bytes, name: str, max_pixels: int, failed: Failed | None = None) -> Iterator[DecodedImage]:
    """Decode the images of a file one at a time. name: its format. `failed` and errors as for `files.decode_images`."""
    process = _take()
    usable = False
    try:
        process.send({"bytes": len(data), "max_pixels": max_pixels, "go_on": failed is not None}, data)
        del data
        while found := process.ask(failed):
            yield found
            del found  # frees it before the next one is loaded
        usable = True
    except GeneratorExit:
        with suppress(_DiedError):  # the caller needs no more images
            process.send({"stop": True})
            usable = True
        raise
    except InputError:
        usable = True
        raise
    except _DiedError as died:
        raise _describe_death(died.code, name) from None
    finally:
        if usable:
            _give_back(process)
        else:
            process.end()


class _DiedError(Exception):
    """The process has ended or hangs. code: its exit code as in `subprocess`; None if it hangs."""

    def __init__(self, code: int | None) -> None:
        super().__init__()
        self.code = code


class _Process:
    """The decoding process; it decodes one file at a time."""

    def __init__(self) -> None:
        self.owner = os.getpid()  # a forked child must not use it
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | _SETTINGS,
            )
        except (OSError, ValueError) as error:
            raise errors.FileError(f"the decoding process cannot be started: {error}") from error
        self.pid = self._process.pid
        self._in, self._out = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def send(self, message: dict[str, Any], data: bytes = b"") -> None:
        try:
            self._in.write(json.dumps(message).encode() + b"\n")
            self._in.write(data)
            self._in.flush()
        except (OSError, ValueError):
            raise self._died() from None

    def ask(self, failed: Failed | None) -> DecodedImage | None:
        """Return the next image, or None after the last one; raises the error of decoding it, or _DiedError.

        failed: called with the pages before it that could not be decoded.
        """
        self.send({"next": True})
        try:
            if not select.select([self._out], [], [], limits.ISOLATED_SECONDS)[0]:
                raise _DiedError(None)
            answer = json.loads(self._out.readline() or b"{}")
            for page, pages, kind, text in answer.get("failed", ()):
                if failed is not None:
                    failed(FailedPage(page, pages, getattr(errors, kind)(text)))
            if "error" in answer:
                raise getattr(errors, answer["error"])(answer["text"])
            if "end" in answer:
                return None
            gray = np.empty((answer["height"], answer["width"]), np.uint8)
            if self._out.readinto(gray.data.cast("B")) != gray.size:  # type: ignore[attr-defined]
                raise self._died()
            return DecodedImage(gray, answer["page"], answer["pages"], answer["note"])
        except (OSError, KeyError, json.JSONDecodeError):
            raise self._died() from None

    def _died(self) -> _DiedError:
        try:
            return _DiedError(self._process.wait(limits.ISOLATED_SECONDS))
        except subprocess.TimeoutExpired:
            return _DiedError(None)

    @property
    def alive(self) -> bool:
        return self.owner == os.getpid() and self._process.poll() is None

    def end(self) -> None:
        """End the process at once."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()
        for pipe in (self._in, self._out):
            with suppress(OSError):  # unsent data
                pipe.close()


def _describe_death(code: int | None, name: str) -> InputError:
    if code == -signal.SIGPROF:
        return TooLargeError(f"decoding the {name} takes too long: save it smaller or in another format")
    if code is None:
        return DamagedImageError(f"the {name} cannot be decoded: its decoder hangs")
    return DamagedImageError(f"the {name} cannot be decoded: its decoder crashed or ran out of memory")


_lock = threading.Lock()
_idle: list[_Process] = []  # at most one


def _take() -> _Process:
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.alive:
                return process
            process.end()
    return _Process()


def _give_back(process: _Process) -> None:
    with _lock:
        if not _idle and process.alive:
            _idle.append(process)
            return
    process.end()


@atexit.register
def _end() -> None:
    with _lock:
        while _idle:
            _idle.pop().end()
