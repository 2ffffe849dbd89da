"""The footprint of the runtime: time to the first label, memory, bytes on the disk, imports.

Each is compared with a Keras script that does the same. In: a Keras file. Out: metrics and ratios, ready for JSON.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.statistics import target
from edge_runtime.bench.repeats import Repeated, summarise_repeats
from edge_runtime.errors import EdgeDigitsError

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "samples" / "0-like-mnist.png"
SCRIPT = ROOT / "benchmarks" / "keras_script.py"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
TARGETS = {"start_s": 1 / 12, "peak_mib": 1 / 7, "installed_bytes": 1 / 5}  # as shares of Keras'
NAMES = {"start_s": "cold start", "peak_mib": "peak memory", "installed_bytes": "installed bytes"}
PACKAGES = 8  # that are named in the import times
# A small process starts the command: on Linux a child's peak memory begins with that of its parent.
STARTER = """
import os, sys, time
read, write = os.pipe()
quiet = [(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
os.close(write)
first = os.read(read, 65536)
seconds = time.perf_counter() - began
while os.read(read, 65536):
    pass
_, status, usage = os.wait4(child, 0)
print(seconds, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), first.decode())
"""


class FootprintError(EdgeDigitsError, RuntimeError):
    """A measured command failed."""


def make_environment(folder: Path, requirements: str, project: bool, tell: Callable[[str], None]) -> Path:
    """Set up a new environment from a file of `requirements/`, and with `project` the package from the checkout.

    Returns its Python.
    """
    tell(f"setting up an environment of requirements/{requirements}")
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / requirements)])
    if project:
        _run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)])
    return python


def measure(
    ours: Path, theirs: Path, model: str, keras: Path, rounds: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Measure both in turn, `rounds` times after a first one that is not counted.

    ours: Python of an environment with the runtime alone; theirs: of one with TensorFlow; keras: the network's file.
    """
    arguments = ["classify", "--json", "--model", model, str(SAMPLE)]
    script = [str(SCRIPT), str(keras), str(SAMPLE)]
    commands = {
        "edge_digits": [str(ours.parent / "edge-digits"), *arguments],
        "keras": [str(theirs), *script],
    }
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        tell(f"cold start, round {number} of {rounds}" if number else "cold start, once for the disk's cache")
        for name, command in commands.items():
            seen[name].append(start(command))
    sizes = {"edge_digits": installed(["edge-digits"], ours), "keras": installed(["tensorflow"], theirs)}
    tell("import times")
    imports = {
        "edge_digits": import_times([str(ours), "-X", "importtime", "-m", "edge_runtime", *arguments]),
        "keras": import_times([str(theirs), "-X", "importtime", *script]),
    }
    found: dict[str, Any] = {
        name: {
            "start_s": summarise_repeats([seconds for seconds, _ in seen[name][1:]]),
            "peak_mib": summarise_repeats([peak for _, peak in seen[name][1:]]),
            "installed_bytes": sum(sizes[name].values()),
            "packages_bytes": sizes[name],
            "import_ms": imports[name],
        }
        for name in commands
    }
    pairs = list(zip(seen["edge_digits"][1:], seen["keras"][1:], strict=True))
    found["ratios"] = {
        "start_s": summarise_repeats([one[0] / other[0] for one, other in pairs]),
        "peak_mib": summarise_repeats([one[1] / other[1] for one, other in pairs]),
        "installed_bytes": found["edge_digits"]["installed_bytes"] / found["keras"]["installed_bytes"],
    }
    return found


def targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the targets and the measured ratios: `what`, `most`, `ratio`, `met`, `noisy`."""
    found_targets = []
    for what, most in TARGETS.items():
        ratio: Any = found["ratios"][what]
        several = cast(Repeated, ratio) if isinstance(ratio, Mapping) else summarise_repeats([ratio])
        found_targets.append(target(f"{NAMES[what]}, to Keras", most, several))
    return found_targets


def start(command: Sequence[str]) -> tuple[float, float]:
    """Run a command that prints a JSON object with a label: seconds to its first line, peak memory in MiB."""
    starter = [sys.executable, "-I", "-S", "-c", STARTER, *command]
    said = _run(starter).stdout.split(" ", 3)
    try:
        seconds, peak, code, label = float(said[0]), float(said[1]), int(said[2]), json.loads(said[3])["label"]
    except (ValueError, LookupError) as error:
        raise FootprintError(f"{' '.join(command)} gave no label") from error
    if code != 0 or label is None:
        raise FootprintError(f"{' '.join(command)} ended with {code}")
    return seconds, peak


def installed(roots: Iterable[str], python: Path) -> dict[str, int]:
    """Return the bytes on the disk of packages and of all that they require, by name, the largest first.

    python: of the environment. Compiled Python is not counted: whether it is there depends on the installer.
    """
    folders = [str(folder) for folder in (python.parent.parent / "lib").glob("python*/site-packages")]
    known = {canonicalize_name(each.name): each for each in metadata.distributions(path=folders)}
    sizes: dict[str, int] = {}
    waiting = [canonicalize_name(name) for name in roots]
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        if name not in known:
            raise FootprintError(f"{name} is not installed in {python.parent.parent}")
        sizes[name] = sum(_size(Path(str(file.locate()))) for file in known[name].files or () if file.suffix != ".pyc")
        for line in known[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(requirement.name))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def import_times(command: Sequence[str]) -> dict[str, float]:
    """Return import times in milliseconds by top-level package, the slowest first; the rest together as `others`."""
    times: Counter[str] = Counter()
    for line in _run(command).stderr.splitlines():
        if found := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", line):
            times[found[2].partition(".")[0]] += int(found[1])
    shown = times.most_common(PACKAGES)
    others = times.total() - sum(time for _, time in shown)
    return {name: time / 1000 for name, time in shown} | {"others": others / 1000, "all": times.total() / 1000}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # removed since it was listed
        return 0


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, cwd="/", env=os.environ | QUIET, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise FootprintError(f"{' '.join(command[:4])} ended with {done.returncode}: {last[0]}")
    return done
