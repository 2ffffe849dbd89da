"""The process started by `formats/isolated.py`: decodes files with limits on memory and processor time."""

import json
import os
import resource
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import IO, Any

import cv2

from edge_runtime import limits
from edge_runtime.errors import InputError, TooLargeError
from edge_runtime.images.files import DecodedImage, FailedPage, decode_here

_BLOCK = bytes(range(256)) * 4096  # data for measuring the speed of the processor
_BLOCK_SECONDS = 0.006  # CPU seconds for compressing it on a desktop core


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries may print to stdout
        cv2.setNumThreads(1)  # the stack of each thread counts as memory
        slowness = _slowness()
        _limit_memory()
        while line := sys.stdin.buffer.readline():
            request = json.loads(line)
            if "bytes" in request:
                _decode(sys.stdin.buffer, out, request, slowness)


def _decode(requests: IO[bytes], out: IO[bytes], request: dict[str, Any], slowness: int) -> None:
    """Answer the requests for one file, until its last image, an error or a stop request."""
    began, total = time.process_time(), 0

    def allow(pixels: int) -> None:
        """Set the timer that ends this process: the time for an image, or what is left for the file."""
        nonlocal total
        total += pixels
        image = min(limits.DECODE_SECONDS, limits.DECODE_SECONDS_BASE + pixels / limits.DECODE_PIXELS)
        file = limits.DECODE_SECONDS + total / limits.DECODE_PIXELS
        left = file * slowness - (time.process_time() - began)
        signal.setitimer(signal.ITIMER_PROF, max(0.001, min(image * slowness, left)))

    failed: list[FailedPage] = []  # failed pages before the requested one
    go_on = failed.append if request["go_on"] else None
    images = decode_here(requests.read(request["bytes"]), request["max_pixels"], go_on, allow)
    while "next" in json.loads(requests.readline() or b"{}"):
        allow(0)
        image: DecodedImage | None = None
        answer: dict[str, Any] = {"end": True}
        try:
            image = next(images, None)
        except InputError as error:
            answer = {"error": type(error).__name__, "text": str(error)}
        except MemoryError:
            answer = {"error": TooLargeError.__name__, "text": "there is not enough memory for the image"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        if image is not None:
            height, width = image.gray.shape
            answer = {"width": width, "height": height, "page": image.page, "pages": image.pages, "note": image.note}
        answer["failed"] = [(each.page, each.pages, type(each.error).__name__, str(each.error)) for each in failed]
        failed.clear()
        if image is None:
            out.write(json.dumps(answer).encode() + b"\n")
            out.flush()
            return
        out.write(json.dumps(answer).encode() + b"\n")
        out.write(image.gray.data)
        out.flush()
        del image  # frees it before the next one is loaded


def _slowness() -> int:
    """Return how many times slower than a desktop core this processor is, an integer >= 1."""
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        zlib.compress(_BLOCK, 6)
        best = min(best, time.process_time() - start)
    return max(1, int(best / _BLOCK_SECONDS))


def _limit_memory() -> None:
    """Limit memory to the current size plus `ISOLATED_BYTES`; forbid writing files and core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        data = next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) * 1024
    except (OSError, StopIteration):  # not Linux; this limit has no effect there
        return
    resource.setrlimit(resource.RLIMIT_DATA, (data + limits.ISOLATED_BYTES,) * 2)
