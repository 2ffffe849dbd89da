"""Decodes in a process of its own, which has limits of memory and of processor time.

For data whose cost is not known before it is decoded, and for decoders that may crash: whatever the data does to that
process costs one clear error. The process starts when it is needed, is kept for the next file, and ends with this one.

Each message is a line of JSON and the bytes that it announces: we send a file, then ask for one image after another.
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

# The process finds the package where we did, whatever its own environment says.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from edge_runtime.images.decoder import main; main()"
_SETTINGS = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1"),
    "MALLOC_MMAP_THRESHOLD_": "262144",  # bytes: larger blocks go back to the system when they are free
}


def images(data: bytes, name: str, max_pixels: int, failed: Failed | None = None) -> Iterator[DecodedImage]:
    """Decode a file's images one at a time; name: of its format. `failed` and errors as for `image.decode_images`."""
    process = _take()
    usable = False
    try:
        process.send({"bytes": len(data), "max_pixels": max_pixels, "go_on": failed is not None}, data)
        del data
        while found := process.ask(failed):
            yield found
            del found  # or it would stay until the next one is there
        usable = True
    except GeneratorExit:
        with suppress(_DiedError):  # the caller has seen enough
            process.send({"stop": True})
            usable = True
        raise
    except InputError:
        usable = True
        raise
    except _DiedError as died:
        raise _explained(died.code, name) from None
    finally:
        if usable:
            _give_back(process)
        else:
            process.end()


class _DiedError(Exception):
    """The process has ended, or hangs and was ended; `code` as `subprocess` gives it, None for a hang."""

    def __init__(self, code: int | None) -> None:
        super().__init__()
        self.code = code


class _Process:
    """The process, and one file at a time that it decodes."""

    def __init__(self) -> None:
        self.owner = os.getpid()  # a fork of ours must leave it alone
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | _SETTINGS,
            )
        except (OSError, ValueError) as error:
            raise errors.FileError(f"the process that decodes such files cannot be started: {error}") from error
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
        """Return the next image, None after the last; raises what decoding it raised, or _DiedError.

        failed: gets the pages before it that could not be decoded.
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
            with suppress(OSError):  # what was not sent yet
                pipe.close()


def _explained(code: int | None, name: str) -> InputError:
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
