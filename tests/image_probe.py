"""A process that reads images and says what each cost: for tests that hand it hostile files.

In: on stdin, a line with the number of bytes, and the bytes; again and again. Out: a line of JSON for each.
"""

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
MEBIBYTES = 250  # the most that a process that reads an image may have
SECONDS, PIXELS = 2.0, 12_000_000  # CPU seconds: the most for a file, and pixels for which one second is allowed
START_SECONDS = 0.5  # CPU seconds: to start the process that decodes
MARGIN = 2  # times as long on a machine that is busy with other things: caches and clocks are shared
HARD_BYTES = 4 << 30  # of address space, so that a failing test cannot take the machine with it
HARD_SECONDS = 30  # CPU seconds of one input, after which the process is killed


class Probe:
    """Starts the process and asks it; a context manager."""

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def _start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.image_probe"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, data):
        """Return {"images", "error", "text", "seconds", "mebibytes"} of one file's bytes.

        images: [width, height, page, pages, note] of each. error: the class of what was raised, or how the process
        ended. seconds: of CPU, with those of the process that decodes for it. mebibytes: the most that either had.
        """
        try:
            self._process.stdin.write(b"%d\n" % len(data) + data)
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._start()
        return {"images": [], "error": f"ended with {code}", "text": "", "seconds": HARD_SECONDS, "mebibytes": 0}


def read_within_limits(probe, data):
    """Return what `Probe.read` finds, and whether it kept to the limits.

    The least of up to three times counts: other programs on the machine cost time, never the same in each.
    """
    found = probe.read(data)
    for _ in range(2):
        if found["seconds"] > allowed_seconds(found["images"]):
            found["seconds"] = min(found["seconds"], probe.read(data)["seconds"])
    return found, found["mebibytes"] <= MEBIBYTES and found["seconds"] <= allowed_seconds(found["images"])


def allowed_seconds(images):
    """CPU seconds that a file may take: by the images that were read of it, the most for a file if none was."""
    sizes = [width * height for width, height, *_ in images] or [PIXELS * SECONDS]
    several = sum(sizes) / PIXELS + SECONDS
    return MARGIN * (START_SECONDS + (several if len(sizes) > 1 else min(SECONDS, 0.5 + sizes[0] / PIXELS)))


def main():
    resource.setrlimit(resource.RLIMIT_AS, (HARD_BYTES, HARD_BYTES))
    warnings.simplefilter("error")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from edge_runtime.bench.memory import peak_mib
    from edge_runtime.errors import InputError
    from edge_runtime.images.files import decode_images
    from edge_runtime.images.formats import isolated

    def child_seconds():
        """CPU seconds of the process that decodes for us, ended ones and the one that lives."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = ended.ru_utime + ended.ru_stime
        for process in isolated._idle:
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return total

    while line := sys.stdin.buffer.readline():
        data = sys.stdin.buffer.read(int(line))
        Path("/proc/self/clear_refs").write_text("5")  # what was the peak before counts no more
        hard = int(time.process_time()) + HARD_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (hard, resource.RLIM_INFINITY))
        found = {"images": [], "error": "", "text": ""}
        start = time.process_time() + child_seconds()
        try:
            for image in decode_images(data):
                height, width = image.gray.shape
                assert image.gray.dtype == "uint8"
                assert image.gray.flags["C_CONTIGUOUS"]
                found["images"].append([width, height, *image[1:]])
                del image
        except InputError as error:
            found["error"], found["text"] = "InputError", str(error)
            assert str(error)
            assert "\n" not in str(error)
        except BaseException as error:
            found["error"], found["text"] = type(error).__name__, repr(error)
        found["seconds"] = time.process_time() + child_seconds() - start
        found["mebibytes"] = max([peak_mib(), *(peak_mib(process.pid) for process in isolated._idle)])
        print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    main()
