"""Every installed backend, run over golden inputs on this device, each in a process of its own first.

A wheel built for another processor ends the whole process (SIGILL), so what is to be found out about a backend is found
out in a child: `python -m edge_runtime.diagnostics.selftest BACKEND KIND FOLDER...` prints a JSON line for each bundle.
"""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.backends import KINDS, NUMPY, is_installed, notice_numpy, open_backend
from edge_runtime.bundles.bundle import LINE, Bundle, load_bundle, load_lines
from edge_runtime.bundles.golden import STEPS, load_golden, steps_apart
from edge_runtime.errors import BackendError, UnsupportedModelError
from edge_runtime.limits import SELF_TEST_SECONDS

DIGITS, LINES = "digits", "lines"  # what a bundle reads
MARK = "edge-digits self-test: "  # before each line of the child's own
FEW = 2  # images that are also given one by one: backends have another way for these

_known: dict[str, str] = {}  # what `first_working` has found out, by the manifests of its bundles


class State(StrEnum):
    """What became of a backend with a bundle."""

    WORKS = "works"
    UNSUPPORTED = "unsupported"  # it says that it does not run such a model
    REFUSED = "refused"  # it says that it cannot be used; auto takes the next one
    FAILED = "failed"  # it crashes, hangs or gives wrong outputs; auto does not see that


class Result(NamedTuple):
    """One backend with one bundle."""

    backend: str
    model: str
    state: State
    steps: float | None = None  # how far its outputs are from the golden ones; None where nothing could be compared
    reason: str = ""  # what is wrong, in one line


def installed() -> list[str]:
    """The real backends that are installed, in the order in which auto tries them."""
    return [name for name, kind in KINDS.items() if kind.library and is_installed(name)]


def first_working(bundle: Bundle, *more: Bundle, tell: Callable[[str], None] = lambda line: None) -> str:
    """Return the first installed backend that passes the self-test: for a service, before it begins.

    bundle: what it has to run; more: what it may say that it does not run. tell: takes a line for each backend that
    does not pass. Where NumPy is what is left, a notice says so. Asked again for the same bundles, this process
    remembers; another one tries anew, for a library may have been exchanged. Raises BackendError where none passes,
    and ModelError for a model that is not what its manifest says.
    """
    key = json.dumps([each.manifest for each in (bundle, *more)])
    if key not in _known:
        _known[key] = _first_working([bundle, *more], tell)
    return _known[key]


def _first_working(bundles: Sequence[Bundle], tell: Callable[[str], None]) -> str:
    reasons = []
    for bundle in bundles:
        load_golden(bundle)  # a broken one is no backend's fault
    for name in installed():
        file = bundles[0].files.get(KINDS[name].model or "")
        if file is None:
            continue
        file.load()  # a broken model is no backend's fault
        found = try_backend(name, bundles)
        wrong = [
            result
            for number, result in enumerate(found)
            if result.state is not State.WORKS and not (number and result.state is State.UNSUPPORTED)
        ]
        if not wrong:
            if name == NUMPY:
                notice_numpy()
            return name
        reasons.append(f"{name}: {wrong[0].reason}")
        tell(f"the backend {reasons[-1]}; trying the next")
    told = [f"no backend passes the self-test with {bundles[0].name}", *reasons, KINDS["litert"].install]
    raise BackendError("; ".join(told))


def try_backend(name: str, bundles: Sequence[Bundle]) -> list[Result]:
    """Run an installed backend over the golden inputs of each bundle, in a child process.

    Where a bundle ends the child, another child goes on with the next; where it hangs, nobody waits for it again.
    """
    results: list[Result] = []
    while len(results) < len(bundles):
        left = bundles[len(results) :]
        found, fault = _child(name, left)
        results += found
        if len(found) < len(left):
            results.append(Result(name, left[len(found)].name, State.FAILED, None, fault))
    return results


def check(name: str, bundle: Bundle) -> Result:
    """Run a backend over a bundle's golden inputs in this process, or over a blank where it has none."""
    golden = load_golden(bundle)
    wanted = golden.outputs.get(KINDS[name].model or "") if golden else None
    images = golden.images if golden else np.zeros((1, *bundle.shapes.image), np.uint8)
    try:
        _, backend = open_backend(name, bundle)
        given = [backend.run(images), *(backend.run(images[at : at + 1]) for at in range(min(FEW, len(images))))]
    except UnsupportedModelError as error:
        return Result(name, bundle.name, State.UNSUPPORTED, None, str(error))
    except BackendError as error:
        return Result(name, bundle.name, State.REFUSED, None, str(error))
    if wanted is None:
        return Result(name, bundle.name, State.WORKS)
    apart = [steps_apart(given[0], wanted), *(steps_apart(one, wanted[[at]]) for at, one in enumerate(given[1:]))]
    if any(map(math.isnan, apart)):
        return Result(name, bundle.name, State.FAILED, None, "its outputs are no numbers")
    steps = max(apart)
    if steps > STEPS:
        reason = f"its outputs are {steps:.0f} steps off, and {STEPS} are allowed"
        return Result(name, bundle.name, State.FAILED, steps, reason)
    return Result(name, bundle.name, State.WORKS, steps)


def _child(name: str, bundles: Sequence[Bundle]) -> tuple[list[Result], str]:
    """What a child finds out, and why it ended where it did not get to the last bundle."""
    arguments = [str(part) for bundle in bundles for part in (_kind(bundle), bundle.folder.absolute())]
    # -P: nothing that happens to lie in the current folder is imported.
    command = [sys.executable, "-P", "-m", "edge_runtime.diagnostics.selftest", name, *arguments]
    paths = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OPENBLAS_NUM_THREADS": "1"}
    timeout = SELF_TEST_SECONDS * len(bundles)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        found = _results(error.stdout or b"", name, bundles)
        fault = f"it does not come to an end within {timeout:.0f} s"
        hung = [Result(name, bundle.name, State.FAILED, None, fault) for bundle in bundles[len(found) :]]
        return [*found, *hung], fault
    return _results(done.stdout, name, bundles), _fault(done.returncode, done.stderr)


def _results(said: bytes, name: str, bundles: Sequence[Bundle]) -> list[Result]:
    """Results from the child's lines; a library may have printed others between them."""
    lines = said.decode(errors="replace").splitlines()
    found = (json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK))
    return [
        Result(name, bundle.name, State(state), steps, reason)
        for bundle, (state, steps, reason) in zip(bundles, found, strict=False)
    ]


def _fault(code: int, errors: bytes) -> str:
    if code < 0:
        try:
            ended = signal.Signals(-code).name
        except ValueError:
            ended = f"signal {-code}"
        return f"it ends its process with {ended}" + (
            ": it was built for another processor" if code == -signal.SIGILL else ""
        )
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
    return f"it ends its process with exit code {code}: {last[0]}"


def _kind(bundle: Bundle) -> str:
    return LINES if bundle.shapes.image == LINE else DIGITS


def main(name: str, *arguments: str) -> None:
    """The child: a line for each bundle as soon as it is known."""
    for kind, folder in zip(arguments[::2], arguments[1::2], strict=True):
        try:
            found = check(name, load_lines(Path(folder)) if kind == LINES else load_bundle(folder))
        except Exception as error:  # whatever a broken library raises is to be told, and is no reason to stop
            found = Result(name, "", State.FAILED, None, " ".join(f"{type(error).__name__}: {error}".split()))
        print(MARK + json.dumps(found[2:]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
